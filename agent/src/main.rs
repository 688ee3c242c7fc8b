//! Runs the worker, or one of the commands beside it; every flag has an environment variable of its name.

use std::process::ExitCode;

use agent::configuration::{Cli, Command};
use clap::CommandFactory as _;
use service::LogFormat;

fn main() -> ExitCode {
    let (args, log_format) = match service::command_line::<Cli>(Cli::command()).command {
        Command::Start(args) => (args.clone(), args.log_format),
        Command::Dev(args) => (args, LogFormat::Plain),
        Command::Publish(args) => {
            return service::main(&["agent"], args.log_format, agent::publish::run(args));
        }
        Command::Check(args) => return agent::persona::check::run(&args),
    };
    service::main(&["agent"], log_format, agent::run::run(args))
}
