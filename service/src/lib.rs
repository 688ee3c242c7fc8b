//! What every program of the workspace does alike: how it logs, which TLS it uses, how it is told to stop, and how it
//! shows the error that ended it.

mod logging;
mod shutdown;

use std::process::ExitCode;

use tracing::error;

pub use logging::LogFormat;
pub use shutdown::shutdown_on_signal;

/// What a `main` calls: sets the process up, runs the program, and logs its error once.
pub async fn main(log_format: LogFormat, program: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    logging::install(log_format);
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        error!("another provider of cryptography is installed");
        return ExitCode::FAILURE;
    }
    match program.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
