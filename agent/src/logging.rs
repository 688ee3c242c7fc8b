//! Logs to standard error, as `RUST_LOG` filters them.

use std::io::IsTerminal as _;

use tracing::error;
use tracing_subscriber::EnvFilter;

/// What is logged without `RUST_LOG`: our own lines, and only the troubles of the libraries.
const DEFAULT_FILTER: &str = "warn,agent=info";

/// Form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Plain,
}

/// Installs the subscriber and the panic hook of the process.
pub fn install(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
        LogFormat::Plain => subscriber.with_ansi(std::io::stderr().is_terminal()).init(),
    }
    std::panic::set_hook(Box::new(log_panic));
}

/// The place only: the message of a panic may hold what a caller said.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    error!(place, "panic");
}
