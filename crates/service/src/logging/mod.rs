//! Where the lines of the log go, which there are, how many, and what they look like.

mod address;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod line;
mod line_limit;

use std::io::IsTerminal as _;

use tracing::{Subscriber, error};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

pub(crate) use address::mask_addresses;
use line::Lines;
use line_limit::LineLimit;

/// This crate, which is a part of every program.
const THIS_CRATE: &str = "service";

/// Libraries whose finer levels hold bodies or tokens, or the command that gives out credentials; they stay at `info` whatever
/// `RUST_LOG` says.
const TELLING_LIBRARIES: [&str; 7] = [
    "async_nats",
    "aws_config",
    "aws_runtime",
    "aws_smithy_runtime",
    "livekit",
    "livekit_signaling",
    "tungstenite",
];

/// Form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// A line of text, for a person who reads along.
    Plain,
}

impl LogFormat {
    /// JSON where `LOG_FORMAT` is `json`.
    pub fn from_environment() -> Self {
        let json = std::env::var("LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
        if json { Self::Json } else { Self::Plain }
    }
}

/// Logs to standard error, as `RUST_LOG` filters it. `own` are the crates whose lines are all logged without it.
pub(crate) fn install(own: &[&str], format: LogFormat) {
    let own = [own, &[THIS_CRATE]].concat();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_filter(&own)));
    subscriber(&own, format, filter, std::io::stderr).init();
    std::panic::set_hook(Box::new(log_panic));
}

fn subscriber<W>(
    own: &[&str],
    format: LogFormat,
    filter: EnvFilter,
    writer: W,
) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let bodies = Targets::new()
        .with_default(LevelFilter::TRACE)
        .with_targets(TELLING_LIBRARIES.map(|library| (library, LevelFilter::INFO)));
    let limited = bodies.and(LineLimit::new(own.iter().copied()));
    let coloured = format == LogFormat::Plain && std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_writer(Lines { inner: writer, format, coloured });
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Plain => lines.with_ansi(coloured).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(limited)).with(filter)
}

/// A client of NATS that cannot connect says so at every try; `nats` says it when the reason changes.
fn default_filter(own: &[&str]) -> String {
    let libraries = "warn,async_nats::connector=off".to_owned();
    own.iter().fold(libraries, |filter, krate| format!("{filter},{krate}=info"))
}

/// The place only: the message of a panic may hold what a caller said.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    error!(place, "panic");
}

#[cfg(test)]
mod tests;
