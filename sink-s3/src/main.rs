//! Archives session-end payloads: each event is one object, the published bytes gzipped, in the UTC day of the session's
//! end. The key is made of the event's identity, so an event that is delivered twice is still one object.

mod answer;
mod archive;
mod bucket;
mod bucket_args;
mod check;
mod columns;
mod compact;
mod credentials;
mod ddl;
mod endpoint;
mod gzip;
mod hex;
mod list;
mod put;
mod store_error;
mod verify;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use schemas::names::SINK_S3;
use service::LogFormat;
use sink::SinkOptions;

use crate::archive::{Archive, IfExists};
use crate::bucket_args::BucketArgs;
use crate::check::check_bucket;
use crate::compact::CompactArgs;
use crate::ddl::DdlArgs;
use crate::verify::{VerifyArgs, verify};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Archives until SIGTERM, then finishes what is in flight.
    Run {
        #[command(flatten)]
        runtime: sink::RunArgs,
        #[command(flatten)]
        archive: ArchiveArgs,
        /// Address of /healthz, /readyz and /metrics.
        #[arg(long, env = "SINK_S3_HTTP", default_value = "127.0.0.1:9101")]
        http: SocketAddr,
        /// Objects that are put at a time.
        #[arg(long, env = "S3_MAX_IN_FLIGHT", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
        max_in_flight: u16,
    },
    /// Creates the streams and the consumer and checks the bucket, with an operator's credentials; again changes nothing.
    Setup {
        #[command(flatten)]
        streams: sink::SetupArgs,
        #[command(flatten)]
        bucket: BucketArgs,
        /// Creates the bucket where it is missing.
        #[arg(long)]
        create_bucket: bool,
    },
    /// Looks whether all is there that archiving needs, and says what to do where it is not. Puts an object and removes it.
    Check {
        #[command(flatten)]
        nats: service::Nats,
        #[command(flatten)]
        bucket: BucketArgs,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Holds the bucket against the stream: what is missing, differs, or is surplus. Needs the right to create a consumer.
    Verify(VerifyArgs),
    /// Archives events of the stream again. Needs the right to create a consumer.
    Replay(sink::ReplayEventsArgs<ArchiveArgs>),
    /// Lists, shows, replays and drops the events that could not be archived.
    DeadLetters(sink::DeadLettersArgs<ArchiveArgs>),
    /// Writes a day's sessions as one Parquet file; again writes only what changed.
    Compact(CompactArgs),
    /// Prints the statements that make the archive tables and views of a query engine.
    Ddl(DdlArgs),
}

/// How events become objects.
#[derive(Debug, Clone, clap::Args)]
struct ArchiveArgs {
    #[command(flatten)]
    bucket: BucketArgs,
    /// What is done where there is an object with the event's key already.
    #[arg(long, env = "S3_IF_EXISTS", default_value = "overwrite")]
    if_exists: IfExists,
}

impl ArchiveArgs {
    async fn connect(self) -> anyhow::Result<Archive> {
        Ok(Archive::new(self.bucket.connect().await?, self.if_exists))
    }
}

fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    service::main(LogFormat::from_environment(), execute(command))
}

async fn execute(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run { runtime, archive, http, max_in_flight } => {
            sink::run(options(max_in_flight), runtime, http, archive.connect().await?).await
        }
        Command::Setup { streams, bucket, create_bucket } => {
            sink::setup(&options(1), &streams).await?;
            bucket.connect().await?.setup(create_bucket).await
        }
        Command::Check { nats, bucket, json } => {
            let mut checks = sink::check_queue(&nats, &options(1)).await;
            checks.extend(check_bucket(&bucket.connect().await?).await);
            sink::print_checks(&checks, json)
        }
        Command::Verify(args) => verify(args).await,
        Command::Replay(args) => sink::replay_events(options(16), args, ArchiveArgs::connect).await,
        Command::DeadLetters(args) => sink::dead_letters(options(16), args, ArchiveArgs::connect).await,
        Command::Compact(args) => compact::compact(args).await,
        Command::Ddl(args) => ddl::print(&args),
    }
}

fn options(max_in_flight: u16) -> SinkOptions {
    SinkOptions {
        name: SINK_S3,
        max_batch: 1,
        linger: Duration::ZERO,
        max_in_flight: max_in_flight.into(),
        write_timeout: put::PUT_LIMIT + Duration::from_secs(5),
    }
}
