//! The way of the messages through a running sink.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span, debug, info, info_span, warn};

use crate::backoff::BACKOFF;
use crate::consume::acks::Acks;
use crate::consume::concurrency::{Concurrency, WritePermit};
use crate::consume::consumer_watch::ConsumerWatch;
use crate::consume::dead_letter_sender::DeadLetterSender;
use crate::consume::durable_consumer::DurableConsumer;
use crate::consume::faults::Faults;
use crate::consume::health::{Part, Readiness};
use crate::consume::hold::Hold;
use crate::consume::in_flight::{Delivery, InFlight};
use crate::consume::metrics::Metrics;
use crate::consume::outage::Outage;
use crate::consume::queue::Queue;
use crate::consume::recovery::Recovery;
use crate::consume::settle::{Batch, Held, Settler};
use crate::consume::suspicion::Suspicion;
use crate::consume::traces::{ProcessTrace, WriteTrace};
use crate::consume::unsettled::UnsettledMessages;
use crate::options::{RunArgs, SinkOptions, ack_wait};
use crate::streams::link::Link;
use crate::writer::{Message, UNDECODABLE, WriteError, Writer, Written, decode, probe, write};

/// How often the store is probed.
const PROBE_INTERVAL: Duration = Duration::from_secs(15);
/// A running sink: its writer, and all that its messages pass.
pub(crate) struct Consumer<W> {
    name: &'static str,
    options: SinkOptions,
    writer: W,
    settler: Settler,
    link: Link,
    unsettled: UnsettledMessages,
    durable_consumer: Arc<DurableConsumer>,
    acks: Arc<Acks>,
    pub(crate) in_flight: Arc<InFlight>,
    outage: Arc<Outage>,
    concurrency: Arc<Concurrency>,
    bytes_in_flight: u32,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
}

impl<W: Writer> Consumer<W> {
    pub(crate) fn new(
        name: &'static str,
        options: SinkOptions,
        args: &RunArgs,
        writer: W,
        link: &Link,
        metrics: Arc<Metrics>,
        readiness: &Arc<Readiness>,
    ) -> Self {
        let waiting = metrics.dead_letters_waiting.clone();
        let settler = Settler {
            sink: name,
            dead_letter_sender: DeadLetterSender::new(link.clone(), Arc::clone(readiness), waiting),
            metrics: Arc::clone(&metrics),
            max_attempts: args.max_attempts,
            faults: Arc::new(Faults::default()),
            safe_after: args.sync_interval.safe_after(),
        };
        let durable_consumer = Arc::new(DurableConsumer::new(name, link.clone(), Arc::clone(readiness)));
        let acks = Arc::new(Acks::new(name, Arc::clone(readiness)));
        let in_flight = InFlight::new(
            link.clone(),
            Arc::clone(&durable_consumer),
            Arc::clone(&acks),
            ack_wait(options.write_timeout),
            metrics.in_flight.clone(),
        );
        let outage = Arc::new(Outage::not_reached_yet(Arc::clone(readiness), metrics.paused.clone()));
        let concurrency =
            Arc::new(Concurrency::new(options.max_concurrent_writes, metrics.concurrency.clone()));
        Self {
            name,
            options,
            writer,
            settler,
            link: link.clone(),
            unsettled: UnsettledMessages::none(Arc::clone(readiness)),
            durable_consumer,
            acks,
            in_flight: Arc::new(in_flight),
            outage,
            concurrency,
            // The most that is allowed, 4 GiB, is one byte more than fits.
            bytes_in_flight: args.max_mib_in_flight.saturating_mul(1024 * 1024),
            metrics,
            readiness: Arc::clone(readiness),
        }
    }

    /// The way of the messages: pull, decode, write, settle. Ends after the shutdown, when everything in flight is settled.
    pub(crate) async fn consume(self: Arc<Self>, pulling: Link, shutdown: CancellationToken) {
        let no_room = Arc::new(Notify::new());
        let queue = Queue {
            sink: self.name,
            places: self.options.places(),
            batch: self.options.max_batch,
            bytes: self.bytes_in_flight,
            no_room: Arc::clone(&no_room),
            pulling,
            link: self.link.clone(),
            durable_consumer: Arc::clone(&self.durable_consumer),
            in_flight: Arc::clone(&self.in_flight),
            outage: Arc::clone(&self.outage),
            readiness: Arc::clone(&self.readiness),
            shutdown,
            in_trouble: false,
            next_is_large: false,
            recovery: Recovery::new(self.unsettled.clone(), Arc::clone(&self.settler.faults)),
        };
        let (pulled_tx, mut pulled_rx) = mpsc::channel(self.options.places());
        let tasks = TaskTracker::new();
        // Held messages are given back after the last pull only, or they would come back to it.
        let pulling_ended = CancellationToken::new();
        tasks.spawn({
            let (pulling_ended, durable_consumer) =
                (pulling_ended.clone(), Arc::clone(&self.durable_consumer));
            async move {
                queue.pull_until_shutdown(pulled_tx).await;
                durable_consumer.shut_down();
                pulling_ended.cancel();
            }
        });
        while let Some(mut deliveries) =
            next_batch(&mut pulled_rx, self.options.max_batch, self.options.linger, &no_room).await
        {
            let permit = self.concurrency.permit().await;
            // What came while it waited for its permit goes with it.
            while deliveries.len() < self.options.max_batch
                && let Ok(delivery) = pulled_rx.try_recv()
            {
                deliveries.push(delivery);
            }
            let (consumer, pulling_ended) = (Arc::clone(&self), pulling_ended.clone());
            tasks.spawn(async move {
                let batch = consumer.decode(deliveries).await;
                if !batch.messages.is_empty() {
                    let suspicion = Suspicion::none(consumer.outage.writes(), Instant::now());
                    consumer.write_until_settled(batch, suspicion, permit, pulling_ended).await;
                }
            });
        }
        tasks.close();
        tasks.wait().await;
    }

    /// What cannot be decoded is a dead letter at once.
    async fn decode(&self, deliveries: Vec<Delivery>) -> Batch {
        let mut batch = Batch::default();
        for mut delivery in deliveries {
            if delivery.message.deliveries > 1 {
                self.metrics.redeliveries.inc();
            }
            let payload = delivery.message.payload.clone();
            let decoded = decode(&payload, delivery.message.headers.message_id());
            delivery.trace = ProcessTrace::of(&delivery, decoded.as_ref().ok());
            match decoded {
                Ok(event) => {
                    delivery.span.record("session.id", event.identity.session_id.as_str());
                    let (attempt, key) = (delivery.message.deliveries, delivery.message.key);
                    let (stream_sequence, published) = (key.sequence, key.published());
                    batch.messages.push(Message { event, payload, attempt, stream_sequence, published });
                    batch.deliveries.push(delivery);
                }
                Err(reason) => {
                    let span = delivery.span.clone();
                    self.settler.dead_letter(delivery, UNDECODABLE, &reason).instrument(span).await;
                }
            }
        }
        batch
    }

    /// Writes until the store has said something about every message. What it does not take is held, without a permit; a
    /// shutdown gives that back. Where others are written meanwhile again and again, the fault is that of a message, which is
    /// looked for by halves.
    fn write_until_settled(
        self: Arc<Self>,
        mut batch: Batch,
        mut suspicion: Suspicion,
        mut permit: WritePermit,
        pulling_ended: CancellationToken,
    ) -> BoxFuture<'static, ()> {
        let writing = async move {
            let mut hold = Hold::new(&self.outage, &self.metrics.long_holds);
            for failures in 1.. {
                let results = self.write_once(&batch).await;
                drop(permit);
                self.outage.took(self.shown_by(&results));
                let held = self.settler.settle(batch, results).await;
                self.concurrency.answered(held.is_none());
                let Some(held) = held else { return hold.end() };
                let is_suspect = suspicion.refused(self.outage.writes());
                if is_suspect && suspicion.is_certain(Instant::now()) {
                    hold.end();
                    return self.blame(held, suspicion, pulling_ended).await;
                }
                let pause = hold.go_on(&held, failures, is_suspect);
                let another_try = async {
                    let is_outage = !held.busy && self.outage.is_on();
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.outage.over(), if is_outage => {}
                    }
                    self.concurrency.permit().await
                };
                match pulling_ended.run_until_cancelled(another_try).await {
                    Some(again) => permit = again,
                    None => return held.batch.give_back().await,
                }
                self.metrics.store_retries.inc();
                batch = held.batch;
            }
        };
        writing.boxed()
    }

    async fn write_once(&self, batch: &Batch) -> Vec<Result<Written, WriteError>> {
        let started = Instant::now();
        self.metrics.batch_messages.observe(batch.messages.len() as f64);
        let writing = write(&self.writer, &batch.messages, self.options.write_timeout);
        let results =
            WriteTrace::of(self.name, &batch.deliveries).follow(writing).instrument(span_of(batch)).await;
        self.metrics.write_seconds.observe(started.elapsed().as_secs_f64());
        results
    }

    /// How many results show that the store takes writes.
    fn shown_by(&self, results: &[Result<Written, WriteError>]) -> usize {
        let shows = |written: &&Written| self.writer.shows_that_the_store_works(written.outcome);
        results.iter().flatten().filter(shows).count()
    }

    /// One message alone is at fault itself. Of several it is one, so each half is written by itself.
    async fn blame(self: Arc<Self>, held: Held, suspicion: Suspicion, pulling_ended: CancellationToken) {
        let Held { mut batch, reason, .. } = held;
        if batch.deliveries.len() <= 1 {
            if let Some(delivery) = batch.deliveries.pop() {
                self.settler.own_fault(delivery, &reason).await;
            }
            return;
        }
        debug!(reason, messages = batch.messages.len(), "refused while others are written: it is halved");
        let (first, second) = batch.split();
        let write = async |half| {
            let permit = self.concurrency.permit().await;
            let (consumer, pulling_ended) = (Arc::clone(&self), pulling_ended.clone());
            consumer.write_until_settled(half, suspicion.clone(), permit, pulling_ended).await;
        };
        // Together: one of them may be held for long.
        tokio::join!(write(first), write(second));
    }

    /// Looks at the consumer, for ever.
    pub(crate) async fn watch_consumer(self: Arc<Self>) {
        let watch = ConsumerWatch {
            sink: self.name,
            link: self.link.clone(),
            durable_consumer: Arc::clone(&self.durable_consumer),
            acks: Arc::clone(&self.acks),
            metrics: Arc::clone(&self.metrics),
            readiness: Arc::clone(&self.readiness),
            unsettled: self.unsettled.clone(),
        };
        watch.watch(&self.settler).await;
    }

    /// Keeps the readiness true while nothing is written, and lets the first message be pulled.
    pub(crate) async fn probe_store(self: Arc<Self>) {
        let mut failures = 0;
        loop {
            let state = probe(&self.writer, self.options.write_timeout).await;
            let reason = state.clone().err();
            failures = if reason.is_some() { failures + 1 } else { 0 };
            if failures == 0 {
                self.outage.reached();
            }
            if self.readiness.set(Part::Probe, state) {
                match reason {
                    Some(reason) => warn!(reason, "store not as it must be"),
                    None => info!("store reached"),
                }
            }
            let pause =
                if failures > 0 { BACKOFF.pause(failures).min(PROBE_INTERVAL) } else { PROBE_INTERVAL };
            tokio::time::sleep(pause).await;
        }
    }
}

/// The next message and those that follow it within `linger`, at most `most`, and as long as there is room for more; `None`
/// when nothing comes any more.
async fn next_batch(
    pulled_rx: &mut mpsc::Receiver<Delivery>,
    most: usize,
    linger: Duration,
    no_room: &Notify,
) -> Option<Vec<Delivery>> {
    let mut batch = vec![pulled_rx.recv().await?];
    let deadline = Instant::now() + linger;
    while batch.len() < most {
        tokio::select! {
            biased;
            delivery = pulled_rx.recv() => match delivery {
                Some(delivery) => batch.push(delivery),
                None => break,
            },
            () = no_room.notified() => break,
            () = tokio::time::sleep_until(deadline) => break,
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
