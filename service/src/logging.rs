use std::io::IsTerminal as _;

use tracing::error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// What is logged without `RUST_LOG`: our own lines, and only the troubles of the libraries. A client of NATS that cannot
/// connect says so at every try; `nats` says it when the reason changes.
const DEFAULT_FILTER: &str = "warn,agent=info,service=info,simulators=info,sink=info,sink_s3=info,sink_salesforce=info,\
                              web=info,async_nats::connector=off";

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
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let bodies = Targets::new()
        .with_default(LevelFilter::TRACE)
        .with_targets(TELLING_LIBRARIES.map(|library| (library, LevelFilter::INFO)));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Plain => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(bodies)).with(filter).init();
    std::panic::set_hook(Box::new(log_panic));
}

/// The place only: the message of a panic may hold what a caller said.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    error!(place, "panic");
}
