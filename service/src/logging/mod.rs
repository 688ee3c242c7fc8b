//! Where the lines of the log go, which there are, and how many.

mod line_limit;

use std::io::IsTerminal as _;

use tracing::error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use line_limit::LineLimit;

/// Crates whose lines are all logged without `RUST_LOG`; of all others only their troubles are.
const OUR_CRATES: [&str; 7] = ["agent", "service", "simulators", "sink", "sink_s3", "sink_salesforce", "web"];

/// Libraries whose finer levels hold bodies or tokens; they stay at `info` whatever `RUST_LOG` says.
const TELLING_LIBRARIES: [&str; 6] =
    ["async_nats", "aws_runtime", "aws_smithy_runtime", "livekit", "livekit_signaling", "tungstenite"];

/// Form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Plain,
}

impl LogFormat {
    /// JSON where `LOG_FORMAT` is `json`.
    pub fn from_environment() -> Self {
        let json = std::env::var("LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
        if json { Self::Json } else { Self::Plain }
    }
}

/// Logs to standard error, as `RUST_LOG` filters it.
pub(crate) fn install(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_filter()));
    let bodies = Targets::new()
        .with_default(LevelFilter::TRACE)
        .with_targets(TELLING_LIBRARIES.map(|library| (library, LevelFilter::INFO)));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Plain => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
    };
    let limited = bodies.and(LineLimit::new(OUR_CRATES));
    tracing_subscriber::registry().with(lines.with_filter(limited)).with(filter).init();
    std::panic::set_hook(Box::new(log_panic));
}

fn default_filter() -> String {
    OUR_CRATES.iter().fold("warn".to_owned(), |filter, krate| format!("{filter},{krate}=info"))
}

/// The place only: the message of a panic may hold what a caller said.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    error!(place, "panic");
}
