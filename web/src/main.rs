//! Runs the service until SIGTERM or SIGINT; every flag has an environment variable of its name.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};
use tracing_subscriber::EnvFilter;
use web::configuration::Args;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    logging();
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Logs to standard error, as `RUST_LOG` filters it (`info` without one); JSON lines where `LOG_FORMAT` is `json`.
fn logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::env::var("LOG_FORMAT").is_ok_and(|format| format == "json") {
        subscriber.json().init();
    } else {
        subscriber.with_ansi(std::io::stderr().is_terminal()).init();
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    let (address, settings) = args.into_settings()?;
    let shutdown = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let on_signal = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("shutting down");
        on_signal.cancel();
    });
    web::server::run(address, settings, shutdown).await
}
