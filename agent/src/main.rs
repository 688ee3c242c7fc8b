//! Runs the worker; every flag has an environment variable of its name.

use std::process::ExitCode;

use agent::configuration::{Cli, Command};
use agent::logging::{self, LogFormat};
use clap::Parser as _;
use tracing::error;

#[tokio::main]
async fn main() -> ExitCode {
    let (args, log_format) = match Cli::parse().command {
        Command::Start(args) => (args.clone(), args.log_format),
        Command::Dev(args) => (args, LogFormat::Plain),
    };
    logging::install(log_format);
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        error!("another cryptography provider is installed");
        return ExitCode::FAILURE;
    }
    match agent::run::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
