//! Consumes session-end events and updates Salesforce.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use service::LogFormat;
use sink::{DeadLettersArgs, RunArgs, SetupArgs};
use sink_salesforce::config::{RequestTimeout, SalesforceArgs};
use sink_salesforce::writer::{SalesforceWriter, options};

/// Updates the Salesforce Lead or Contact that has the e-mail address of an ended voice session.
#[derive(Debug, Parser)]
#[command(version)]
enum Command {
    /// Consumes until it is told to stop.
    Run(Box<Run>),
    /// Creates the streams and this sink's consumer, or checks those that exist.
    Setup(Setup),
    /// Shows and replays what could not be written.
    DeadLetters(Box<DeadLettersArgs<SalesforceArgs>>),
}

#[derive(Debug, clap::Args)]
struct Run {
    /// Address for /healthz, /readyz and /metrics, such as 127.0.0.1:9102.
    #[arg(long, env = "SINK_SALESFORCE_HTTP", default_value = "127.0.0.1:9102")]
    http: SocketAddr,
    #[command(flatten)]
    salesforce: SalesforceArgs,
    #[command(flatten)]
    sink: RunArgs,
}

#[derive(Debug, clap::Args)]
struct Setup {
    #[command(flatten)]
    timeout: RequestTimeout,
    #[command(flatten)]
    sink: SetupArgs,
}

#[tokio::main]
async fn main() -> ExitCode {
    service::main(LogFormat::from_environment(), execute(Command::parse())).await
}

async fn execute(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(run) => {
            let Run { http, salesforce, sink } = *run;
            let writer = SalesforceWriter::new(&salesforce)?;
            sink::run(options(salesforce.request_timeout), sink, http, writer).await
        }
        Command::Setup(Setup { timeout, sink }) => sink::setup(&options(timeout), &sink).await,
        Command::DeadLetters(dead_letters) => {
            let connect = |args: SalesforceArgs| async move { SalesforceWriter::new(&args) };
            sink::dead_letters(options(RequestTimeout::default()), *dead_letters, connect).await
        }
    }
}
