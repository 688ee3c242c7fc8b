use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_nats::jetstream::consumer::PullConsumer;
use schemas::names::SESSIONS_STREAM;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Writer;
use crate::health::{self, Part, Readiness};
use crate::link::Link;
use crate::metrics::Metrics;
use crate::runtime::Runtime;
use service::Nats;

/// How long the last acks may take to reach the server.
const LAST_ACKS: Duration = Duration::from_secs(2);
/// What the durable consumer's `ack_wait` has over the time limit of a write.
const ACK_MARGIN: Duration = Duration::from_secs(15);

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

impl SinkOptions {
    /// How long the server waits for an ack before it delivers again.
    pub(crate) fn ack_wait(&self) -> Duration {
        self.write_timeout + ACK_MARGIN
    }

    /// Messages that may be in hand at a time: those of every call of the writer, and as many that wait for theirs, or for
    /// another try.
    pub(crate) fn places(&self) -> usize {
        2 * self.max_batch * self.max_in_flight
    }
}

/// Flags of `run`, to be flattened into the sink's own.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub nats: Nats,
    /// Tries that a message gets while the faults are its own (a locked row), before it becomes a dead letter. The pauses
    /// between them grow to 5 minutes.
    #[arg(long, env = "SINK_MAX_ATTEMPTS", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_attempts: u32,
    /// MiB of payloads that may be in hand at a time. A message of any size is taken, if need be alone.
    #[arg(long, env = "SINK_MAX_MIB_IN_HAND", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub max_mib_in_hand: u32,
    /// How long a shutdown waits for the writes in flight.
    #[arg(long, env = "SINK_SHUTDOWN_GRACE", default_value = "20s", value_parser = humantime::parse_duration)]
    pub shutdown_grace: Duration,
}

/// Consumes until SIGTERM or SIGINT, then finishes what is in flight. `/healthz`, `/readyz` and `/metrics` are served on
/// `http`. A missing NATS, stream, consumer or store is no error: the sink is not ready, says why, and waits.
///
/// # Errors
/// Where it cannot start: the HTTP address is taken, or the NATS credentials cannot be read.
pub async fn run<W: Writer>(
    sink: SinkOptions,
    args: RunArgs,
    http: SocketAddr,
    writer: W,
) -> anyhow::Result<()> {
    run_until(service::shutdown_on_signal()?, sink, args, http, writer).await
}

/// As [`run`], until the token is cancelled.
///
/// # Errors
/// As [`run`].
pub async fn run_until<W: Writer>(
    shutdown: CancellationToken,
    sink: SinkOptions,
    args: RunArgs,
    http: SocketAddr,
    writer: W,
) -> anyhow::Result<()> {
    let link = Link::keep(&args.nats, sink.name).await?;
    let pulling = Link::keep(&args.nats, &format!("{} pull", sink.name)).await?;
    let metrics = Arc::new(Metrics::new(sink.name).context("register metrics")?);
    metrics.add(writer.metrics()).context("register the writer's metrics")?;
    let readiness = Arc::new(Readiness::starting());
    // Health is served until the end.
    let stopped = CancellationToken::new();
    let server =
        health::listen(sink.name, http, Arc::clone(&readiness), Arc::clone(&metrics), stopped.clone())
            .await?;
    let mut server = tokio::spawn(server);

    let name = sink.name;
    let runtime = Arc::new(Runtime::new(sink, &args, writer, &link, metrics, &readiness));
    let in_hand = Arc::clone(&runtime.in_hand);
    let mut in_progress = tokio::spawn(async move { in_hand.keep_in_progress().await });
    let mut probes = tokio::spawn(Arc::clone(&runtime).probe_store());
    let mut watch = tokio::spawn(Arc::clone(&runtime).watch_consumer());
    let mut consuming = tokio::spawn(Arc::clone(&runtime).consume(pulling, shutdown.clone()));

    tokio::select! {
        biased;
        () = shutdown.cancelled() => {}
        // None of them ends by itself: without one, the sink would look alive and not be.
        ended = &mut consuming => return ended_early("the consumer", ended),
        ended = &mut in_progress => return ended_early("what keeps messages in hand", ended),
        ended = &mut probes => return ended_early("the probe of the store", ended),
        ended = &mut watch => return ended_early("the watch over the consumer", ended),
        ended = &mut server => return ended_early("the HTTP server", ended),
    }
    let grace = args.shutdown_grace;
    info!(grace_seconds = grace.as_secs_f64(), "shutting down: nothing more is pulled");
    readiness.set(Part::Queue, Err("shutting down".to_owned()));
    match tokio::time::timeout(grace, consuming).await {
        Ok(ended) => ended.context("consume")?,
        Err(_) => warn!("the grace is over: what is still in hand will be delivered again"),
    }
    for task in [in_progress, probes, watch] {
        task.abort();
    }
    confirm_acks(&link, name).await;
    stopped.cancel();
    server.await.context("serve health and metrics")?;
    info!("stopped");
    Ok(())
}

fn ended_early(what: &str, ended: Result<(), JoinError>) -> anyhow::Result<()> {
    ended.with_context(|| format!("{what} failed"))?;
    bail!("{what} ended without a shutdown")
}

/// The server answers a connection's commands in their order: an answer to this request means that it has the acks before it.
async fn confirm_acks(link: &Link, sink: &str) {
    let jetstream = link.jetstream();
    let lookup = jetstream.get_consumer_from_stream(sink, SESSIONS_STREAM);
    let answer: Result<Result<PullConsumer, _>, _> = tokio::time::timeout(LAST_ACKS, lookup).await;
    if !matches!(answer, Ok(Ok(_))) {
        warn!("the last acks are not confirmed: these messages may be delivered again");
    }
}
