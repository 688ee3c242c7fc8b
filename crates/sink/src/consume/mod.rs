//! The running sink: pull, decode, write, settle, until the shutdown.
//!
//! `consumer` is the way of the messages. `queue` pulls them by `pull`'s requests, as far as there is room, and takes what was
//! lost on its way by `recovery`; `in_flight` keeps the server from delivering again what is not settled yet; `settle` makes an
//! ack, another delivery or a dead letter of each result, the latter by `dead_letter_sender`. How a store is spared: `outage`
//! stops the pulling while it is down, `concurrency` makes fewer writes at a time while it refuses many. `suspicion`
//! finds the message whose own fault it is that the store does not take it, and `hold` is what a call waits by meanwhile.
//! `traces` tells what became of a message to whoever follows its call.
//! `durable_consumer` knows which durable consumer there is now and whether messages may be taken from it; `consumer_watch`
//! looks at it, `backlog` at what waits in the streams, `acks` knows whether the server takes answers, and `health` and `metrics` are what an operator sees.

pub(crate) mod acks;
mod backlog;
mod concurrency;
mod consumer;
mod consumer_watch;
mod dead_letter_sender;
mod durable_consumer;
mod faults;
pub(crate) mod health;
mod hold;
mod in_flight;
mod metrics;
mod outage;
mod pull;
mod queue;
mod recovery;
mod settle;
mod suspicion;
mod traces;
mod unsettled;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_nats::jetstream::consumer::PullConsumer;
use schemas::names::SESSIONS_STREAM;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::consume::consumer::Consumer;
use crate::consume::health::{Pages, Part, Readiness};
use crate::consume::metrics::Metrics;
use crate::options::{RunArgs, SinkOptions};
use crate::streams::link::Link;
use crate::writer::Writer;

/// How long the last acks may take to reach the server.
const LAST_ACKS: Duration = Duration::from_secs(2);

/// Does what [`run_until`] does until SIGTERM or SIGINT.
pub(crate) async fn run<W: Writer>(
    name: &'static str,
    options: SinkOptions,
    args: RunArgs,
    http: SocketAddr,
    writer: W,
) -> anyhow::Result<()> {
    run_until(service::shutdown_on_signal()?, name, options, args, http, writer).await
}

/// Consumes until the token is cancelled, then finishes what is in flight. `name` is the sink's. `/healthz`, `/readyz` and
/// `/metrics` are served on `http`. A missing NATS, stream, consumer or store is no error: the sink is not ready, says why, and
/// waits.
///
/// # Errors
/// Where it cannot start: the HTTP address is taken, or the NATS credentials cannot be read.
pub async fn run_until<W: Writer>(
    shutdown: CancellationToken,
    name: &'static str,
    options: SinkOptions,
    args: RunArgs,
    http: SocketAddr,
    writer: W,
) -> anyhow::Result<()> {
    let link = Link::keep(&args.nats, name).await?;
    let pulling = Link::keep(&args.nats, &format!("{name} pull")).await?;
    let metrics = Arc::new(Metrics::new(name).context("register metrics")?);
    metrics.init(writer.outcomes());
    metrics.add(writer.metrics()).context("register the writer's metrics")?;
    let program = service::program_metrics(name, env!("CARGO_PKG_VERSION"));
    metrics.add(program.context("register metrics")?).context("register metrics")?;
    metrics.add(service::traces::collectors()).context("register the traces' metrics")?;
    let readiness = Arc::new(Readiness::starting());
    // Health is served until the end.
    let stopped = CancellationToken::new();
    let shown = Pages {
        readiness: Arc::clone(&readiness),
        metrics: Arc::clone(&metrics),
        links: [link.clone(), pulling.clone()],
    };
    let server = health::listen(name, http, shown, stopped.clone()).await?;
    let mut server = tokio::spawn(server);

    let consumer = Arc::new(Consumer::new(name, options, &args, writer, &link, metrics, &readiness));
    let in_flight = Arc::clone(&consumer.in_flight);
    let mut in_progress = tokio::spawn(async move { in_flight.keep_in_progress().await });
    let mut probes = tokio::spawn(Arc::clone(&consumer).probe_store());
    let mut watch = tokio::spawn(Arc::clone(&consumer).watch_consumer());
    let mut consuming = tokio::spawn(Arc::clone(&consumer).consume(pulling, shutdown.clone()));

    tokio::select! {
        biased;
        () = shutdown.cancelled() => {}
        // None of them ends by itself: without one, the sink would look alive and not be.
        ended = &mut consuming => return ended_early("the consumer", ended),
        ended = &mut in_progress => return ended_early("what keeps messages in flight", ended),
        ended = &mut probes => return ended_early("the probe of the store", ended),
        ended = &mut watch => return ended_early("the watch over the consumer", ended),
        ended = &mut server => return ended_early("the HTTP server", ended),
    }
    let grace = args.shutdown_grace;
    info!(grace_seconds = grace.as_secs_f64(), "shutting down: nothing more is pulled");
    readiness.set(Part::Queue, Err("shutting down".to_owned()));
    match tokio::time::timeout(grace, consuming).await {
        Ok(ended) => ended.context("consume")?,
        Err(_) => warn!("the grace is over: what is still in flight will be delivered again"),
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
