use std::io::IsTerminal as _;
use std::process::ExitCode;

use tracing::error;
use tracing_subscriber::EnvFilter;

/// What a sink's `main` calls: sets up logging, runs the command, and shows its error once.
pub async fn main(command: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    logging();
    match command.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Logs to standard error, as `RUST_LOG` filters it (without one: `info`, and of the NATS client warnings only); JSON lines where `LOG_FORMAT` is `json`.
fn logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,async_nats=warn"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::env::var("LOG_FORMAT").is_ok_and(|format| format == "json") {
        subscriber.json().init();
    } else {
        subscriber.with_ansi(std::io::stderr().is_terminal()).init();
    }
}
