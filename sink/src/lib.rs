//! The runtime that the sinks share: it pulls session-end events from JetStream, decodes them, gives them to a
//! [`Writer`], and settles each: ack, again later, or dead letter.

mod nats;
mod writer;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

pub use nats::Nats;
pub use writer::{Message, WriteError, Writer, Written};

/// What is particular to a sink.
#[derive(Debug, Clone)]
pub struct SinkOptions {
    /// Name of its durable consumer (`schemas::names::SINK_*`).
    pub name: &'static str,
    /// Most messages in one call of the writer.
    pub max_batch: usize,
    /// How long a batch waits for more messages.
    pub linger: Duration,
    /// Most calls of the writer at a time.
    pub max_in_flight: usize,
    /// A call of the writer that takes longer is given up, as if the store were down.
    pub write_timeout: Duration,
}

/// Flags of `run`, to be flattened into the sink's own.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub nats: Nats,
}

/// Flags of `setup`, to be flattened into the sink's own.
#[derive(Debug, Clone, clap::Args)]
pub struct SetupArgs {
    #[command(flatten)]
    pub nats: Nats,
}

/// Flags and subcommands of `dead-letters`. `W` are the flags that the writer needs: only `replay` has them.
#[derive(Debug, Clone, clap::Args)]
pub struct DeadLettersArgs<W: clap::Args> {
    #[command(flatten)]
    pub nats: Nats,
    #[command(subcommand)]
    pub command: DeadLettersCommand<W>,
}

/// What can be done with dead letters.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum DeadLettersCommand<W: clap::Args> {
    /// Writes dead letters with this sink's writer and removes those that it wrote.
    Replay {
        #[command(flatten)]
        writer: W,
    },
}

/// What a sink's `main` calls: sets up logging, runs the command, prints its error once.
pub async fn main(command: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    drop(command.await);
    ExitCode::SUCCESS
}

/// Consumes until SIGTERM or SIGINT, then finishes what is in flight. `/healthz`, `/readyz` and `/metrics` are served on `http`.
pub async fn run<W: Writer>(
    sink: SinkOptions,
    args: RunArgs,
    http: SocketAddr,
    writer: W,
) -> anyhow::Result<()> {
    drop((sink, args, http, writer));
    anyhow::bail!("no runtime yet")
}

/// Creates the streams and this sink's durable consumer, or checks the existing ones. Needs an operator's credentials.
pub async fn setup(sink: &SinkOptions, args: &SetupArgs) -> anyhow::Result<()> {
    anyhow::bail!("no runtime yet: {sink:?} {args:?}")
}

/// `dead-letters list | show | replay`. `connect` makes the writer out of its flags; only `replay` calls it.
pub async fn dead_letters<A: clap::Args, W: Writer, F: Future<Output = anyhow::Result<W>>>(
    sink: SinkOptions,
    args: DeadLettersArgs<A>,
    connect: impl FnOnce(A) -> F,
) -> anyhow::Result<()> {
    drop((sink, args, connect));
    anyhow::bail!("no runtime yet")
}
