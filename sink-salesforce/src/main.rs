//! Consumes session-end events and updates Salesforce.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use schemas::names;
use service::LogFormat;
use sink::{DeadLettersArgs, DeadLettersCommand, Events, ReplayEventsArgs, RunArgs, SetupArgs, SinkOptions};
use sink_salesforce::check::check_org;
use sink_salesforce::client::Client;
use sink_salesforce::config::{RequestTimeout, SalesforceArgs};
use sink_salesforce::dry_run::preview;
use sink_salesforce::writer::{SalesforceWriter, field_map, options};

/// As a dry run calls itself at the NATS server.
const DRY_RUN: &str = "sink-salesforce dry run";

/// Updates the Salesforce Lead or Contact that has the e-mail address of an ended voice session.
#[derive(Debug, Parser)]
#[command(version)]
enum Command {
    /// Consumes until it is told to stop.
    Run(Box<Run>),
    /// Creates the streams and this sink's consumer, or checks those that exist.
    Setup(Box<Setup>),
    /// Looks whether all is there that updating needs, and says what to do where it is not. Writes nothing.
    Check(Box<CheckArgs>),
    /// Writes events of the stream again. Needs the right to create a consumer.
    Replay(Box<Replay>),
    /// Lists, shows, replays and drops what could not be written.
    DeadLetters(Box<DeadLettersArgs<SalesforceArgs>>),
}

#[derive(Debug, clap::Args)]
struct CheckArgs {
    #[command(flatten)]
    nats: service::Nats,
    #[command(flatten)]
    salesforce: SalesforceArgs,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Run {
    /// Prints what the waiting events would change, and ends. Writes nothing and acks nothing. Needs the right to create a
    /// consumer.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object a line.
    #[arg(long, requires = "dry_run")]
    json: bool,
    /// Address for /healthz, /readyz and /metrics, such as 127.0.0.1:9102.
    #[arg(long, env = "SINK_SALESFORCE_HTTP", default_value = "127.0.0.1:9102")]
    http: SocketAddr,
    #[command(flatten)]
    salesforce: SalesforceArgs,
    #[command(flatten)]
    sink: RunArgs,
}

#[derive(Debug, clap::Args)]
struct Replay {
    /// Prints what the events would change, and writes nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    replay: ReplayEventsArgs<SalesforceArgs>,
}

#[derive(Debug, clap::Args)]
struct Setup {
    #[command(flatten)]
    timeout: RequestTimeout,
    #[command(flatten)]
    sink: SetupArgs,
}

fn main() -> ExitCode {
    service::main(LogFormat::from_environment(), execute(Command::parse()))
}

async fn execute(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(run) => {
            let Run { dry_run, json, http, salesforce, sink } = *run;
            let writer = SalesforceWriter::new(&salesforce)?;
            if dry_run {
                let events = Events::connect(&sink.nats, DRY_RUN).await?;
                return preview(events.waiting_for(names::SINK_SALESFORCE).await?, &writer, json).await;
            }
            let linger = salesforce.salesforce_linger;
            let options = SinkOptions { linger, ..options(salesforce.request_timeout) };
            sink::run(options, sink, http, writer).await
        }
        Command::Setup(setup) => {
            let Setup { timeout, sink } = *setup;
            sink::setup(&options(timeout), &sink).await
        }
        Command::Check(check) => {
            let CheckArgs { nats, salesforce, json } = *check;
            let (client, map) = (Client::new(&salesforce)?, field_map(&salesforce)?);
            let mut checks = sink::check_queue(&nats, &options(salesforce.request_timeout)).await;
            checks.extend(check_org(&client, &map).await);
            sink::print_checks(&checks, json)
        }
        Command::Replay(replay) => {
            let Replay { dry_run, replay } = *replay;
            if dry_run {
                let writer = SalesforceWriter::new(&replay.writer)?;
                let events = Events::connect(&replay.nats, DRY_RUN).await?;
                return preview(replay.events.select(&events).await?, &writer, replay.json).await;
            }
            sink::replay_events(options(replay.writer.request_timeout), replay, connect).await
        }
        Command::DeadLetters(dead_letters) => {
            let timeout = match &dead_letters.command {
                DeadLettersCommand::Replay(replay) => replay.writer.request_timeout,
                _ => RequestTimeout::default(),
            };
            sink::dead_letters(options(timeout), *dead_letters, connect).await
        }
    }
}

async fn connect(args: SalesforceArgs) -> anyhow::Result<SalesforceWriter> {
    SalesforceWriter::new(&args)
}
