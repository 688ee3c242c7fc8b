//! Runs the service until SIGTERM or SIGINT; every flag has an environment variable of its name.

use std::process::ExitCode;

use clap::CommandFactory as _;
use service::{LogFormat, shutdown_on_signal};
use web::configuration::Args;

fn main() -> ExitCode {
    let args: Args = service::command_line(Args::command());
    service::main(&["web"], LogFormat::from_environment(), run(args))
}

async fn run(args: Args) -> anyhow::Result<()> {
    let _traces = service::traces::start("web")?;
    web::server::run(args.into_settings()?, shutdown_on_signal()?).await
}
