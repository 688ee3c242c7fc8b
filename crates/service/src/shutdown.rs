//! How a program is told to stop.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::service_manager::tell_stopping;

/// A token that SIGTERM or SIGINT cancels; a second signal ends the process at once. The service manager is told of the first.
///
/// # Errors
/// Where the signals cannot be listened for.
pub fn shutdown_on_signal() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let shutdown = CancellationToken::new();
    let on_signal = shutdown.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if first {
                info!("told to stop");
                on_signal.cancel();
                tokio::spawn(tell_stopping());
            }
        }
        warn!("a second signal: ending at once; the next start goes on with what is open");
        std::process::exit(1);
    });
    Ok(shutdown)
}
