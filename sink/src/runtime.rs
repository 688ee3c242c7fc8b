use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream::consumer::PullConsumer;
use schemas::SessionEvent;
use schemas::names::{SESSIONS_STREAM, header};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span, debug, info, info_span, warn};

use crate::backoff::pause_after;
use crate::health::{self, Part, Readiness};
use crate::in_hand::{Delivery, InHand};
use crate::metrics::Metrics;
use crate::nats::Connection;
use crate::outage::Outage;
use crate::queue::Queue;
use crate::settle::{Batch, Settler};
use crate::write::write;
use crate::{Message, Nats, Writer};

/// How often the store is probed, and how long a probe may take.
const PROBE_INTERVAL: Duration = Duration::from_secs(15);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
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

    /// Messages that may be in hand at a time: those of every call of the writer, and one batch that fills.
    pub(crate) fn places(&self) -> usize {
        self.max_batch * (self.max_in_flight + 1)
    }
}

/// Flags of `run`, to be flattened into the sink's own.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub nats: Nats,
    /// Tries that a message gets while the faults are its own (a locked row), before it becomes a dead letter.
    #[arg(long, env = "SINK_MAX_ATTEMPTS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_attempts: u32,
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
    run_until(shutdown_on_signal()?, sink, args, http, writer).await
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
    let connection = args.nats.keep_connected(sink.name).await?;
    let metrics = Arc::new(Metrics::new(sink.name).context("register metrics")?);
    let readiness = Arc::new(Readiness::starting());
    let server = health::listen(http, Arc::clone(&readiness), Arc::clone(&metrics)).await?;

    let runtime = Arc::new(Runtime::new(sink, &args, writer, &connection, metrics, &readiness));
    let in_hand = Arc::clone(&runtime.in_hand);
    let in_progress = tokio::spawn({
        let jetstream = connection.jetstream.clone();
        async move { in_hand.keep_in_progress(jetstream).await }
    });
    let probes = tokio::spawn(Arc::clone(&runtime).probe_store());
    let mut consuming = tokio::spawn(Arc::clone(&runtime).consume(connection.clone(), shutdown.clone()));

    tokio::select! {
        biased;
        () = shutdown.cancelled() => {}
        ended = &mut consuming => {
            ended.context("consume")?;
            anyhow::bail!("the consumer ended without a shutdown");
        }
    }
    let grace = args.shutdown_grace;
    info!(grace_seconds = grace.as_secs_f64(), "shutting down: nothing more is pulled");
    readiness.set(Part::Queue, Err("shutting down".to_owned()));
    match tokio::time::timeout(grace, consuming).await {
        Ok(ended) => ended.context("consume")?,
        Err(_) => warn!("the grace is over: what is still in hand will be delivered again"),
    }
    for task in [in_progress, probes, server] {
        task.abort();
    }
    confirm_acks(&connection, runtime.sink.name).await;
    info!("stopped");
    Ok(())
}

struct Runtime<W> {
    sink: SinkOptions,
    writer: W,
    settler: Settler,
    in_hand: Arc<InHand>,
    outage: Arc<Outage>,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
}

impl<W: Writer> Runtime<W> {
    fn new(
        sink: SinkOptions,
        args: &RunArgs,
        writer: W,
        connection: &Connection,
        metrics: Arc<Metrics>,
        readiness: &Arc<Readiness>,
    ) -> Self {
        let settler = Settler {
            sink: sink.name,
            jetstream: connection.jetstream.clone(),
            metrics: Arc::clone(&metrics),
            readiness: Arc::clone(readiness),
            max_attempts: args.max_attempts,
            faults: Mutex::default(),
        };
        let in_hand = Arc::new(InHand::new(sink.ack_wait(), metrics.in_flight.clone()));
        let outage = Arc::new(Outage::none(Arc::clone(readiness), metrics.paused.clone()));
        Self { sink, writer, settler, in_hand, outage, metrics, readiness: Arc::clone(readiness) }
    }

    /// The way of the messages: pull, decode, write, settle. Ends after the shutdown, when everything in hand is settled.
    async fn consume(self: Arc<Self>, connection: Connection, shutdown: CancellationToken) {
        let queue = Queue {
            sink: self.sink.name,
            places: self.sink.places(),
            connection,
            in_hand: Arc::clone(&self.in_hand),
            outage: Arc::clone(&self.outage),
            readiness: Arc::clone(&self.readiness),
            shutdown,
        };
        let (sender, mut pulled) = mpsc::channel(self.sink.places());
        let tasks = TaskTracker::new();
        // Held messages are given back after the last pull only, or they would come back to it.
        let pulling_ended = CancellationToken::new();
        tasks.spawn({
            let pulling_ended = pulling_ended.clone();
            async move {
                queue.pull_until_shutdown(sender).await;
                pulling_ended.cancel();
            }
        });
        let slots = Arc::new(Semaphore::new(self.sink.max_in_flight));
        while let Some(deliveries) = next_batch(&mut pulled, self.sink.max_batch, self.sink.linger).await {
            // The semaphore is never closed.
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
            let (runtime, pulling_ended) = (Arc::clone(&self), pulling_ended.clone());
            tasks.spawn(async move {
                let batch = runtime.decode(deliveries).await;
                runtime.write_until_settled(batch, &pulling_ended).await;
                drop(slot);
            });
        }
        tasks.close();
        tasks.wait().await;
    }

    /// What cannot be decoded is a dead letter at once.
    async fn decode(&self, deliveries: Vec<Delivery>) -> Batch {
        let mut batch = Batch::default();
        for delivery in deliveries {
            let payload = delivery.message.payload.clone();
            let message_id =
                delivery.message.headers.as_ref().and_then(|headers| headers.get(header::MESSAGE_ID));
            match SessionEvent::decode(&payload, message_id.map(|id| id.as_str())) {
                Ok(event) => {
                    delivery.span.record("session.id", event.identity.session_id.as_str());
                    let (attempt, stream_sequence) = (delivery.deliveries, delivery.stream_sequence);
                    batch.messages.push(Message { event, payload, attempt, stream_sequence });
                    batch.deliveries.push(delivery);
                }
                Err(error) => {
                    let span = delivery.span.clone();
                    self.settler.dead_letter(delivery, &error.to_string()).instrument(span).await;
                }
            }
        }
        batch
    }

    /// Writes until the store has said something about every message. While it is unavailable, the rest is held; a shutdown gives
    /// that back.
    async fn write_until_settled(&self, mut batch: Batch, pulling_ended: &CancellationToken) {
        let mut failures = 0;
        while !batch.messages.is_empty() {
            let started = Instant::now();
            let results = write(&self.writer, &batch.messages, self.sink.write_timeout)
                .instrument(span_of(&batch))
                .await;
            self.metrics.write_seconds.observe(started.elapsed().as_secs_f64());
            let Some(held) = self.settler.settle(batch, results).await else {
                return self.outage.end();
            };
            failures += 1;
            let pause = pause_after(failures).max(held.after.unwrap_or_default());
            self.outage.begin_or_go_on(&held.reason);
            debug!(
                held = held.batch.messages.len(),
                pause_seconds = pause.as_secs_f64(),
                "store unavailable"
            );
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.outage.over() => {}
                () = pulling_ended.cancelled() => return held.batch.give_back().await,
            }
            self.metrics.store_retries.inc();
            batch = held.batch;
        }
    }

    /// Keeps the readiness true while nothing is written, and before the first message.
    async fn probe_store(self: Arc<Self>) {
        loop {
            let answer = tokio::time::timeout(PROBE_TIMEOUT, self.writer.probe()).await;
            let state = answer.unwrap_or_else(|_| Err("no answer to the probe".to_owned()));
            let reason = state.clone().err();
            if self.readiness.set(Part::Probe, state) {
                match reason {
                    Some(reason) => warn!(reason, "store not as it must be"),
                    None => info!("store reached"),
                }
            }
            tokio::time::sleep(PROBE_INTERVAL).await;
        }
    }
}

/// The next message and those that follow it within `linger`, at most `most`; `None` when nothing comes any more.
async fn next_batch(
    pulled: &mut mpsc::Receiver<Delivery>,
    most: usize,
    linger: Duration,
) -> Option<Vec<Delivery>> {
    let mut batch = vec![pulled.recv().await?];
    let deadline = Instant::now() + linger;
    while batch.len() < most {
        match tokio::time::timeout_at(deadline, pulled.recv()).await {
            Ok(Some(delivery)) => batch.push(delivery),
            Ok(None) | Err(_) => break,
        }
    }
    Some(batch)
}

/// A batch of one is written in its message's span.
fn span_of(batch: &Batch) -> Span {
    match batch.deliveries.as_slice() {
        [delivery] => delivery.span.clone(),
        deliveries => info_span!("batch", messages = deliveries.len()),
    }
}

/// The server answers a connection's commands in their order: an answer to this request means that it has the acks before it.
async fn confirm_acks(connection: &Connection, sink: &str) {
    let lookup = connection.jetstream.get_consumer_from_stream(sink, SESSIONS_STREAM);
    let answer: Result<Result<PullConsumer, _>, _> = tokio::time::timeout(LAST_ACKS, lookup).await;
    if !matches!(answer, Ok(Ok(_))) {
        warn!("the last acks are not confirmed: these messages may be delivered again");
    }
}

fn shutdown_on_signal() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        token.cancel();
    });
    Ok(shutdown)
}
