//! The way of the messages through a running sink.

use std::sync::Arc;
use std::time::Duration;

use prometheus::IntGauge;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span, debug, info, info_span, warn};

use crate::backoff::{BACKOFF, BUSY_BACKOFF};
use crate::consume::concurrency::{Concurrency, Place};
use crate::consume::consumer_watch::ConsumerWatch;
use crate::consume::dead_letter_sender::DeadLetterSender;
use crate::consume::faults::Faults;
use crate::consume::health::{Part, Readiness};
use crate::consume::in_flight::{Delivery, InFlight};
use crate::consume::metrics::Metrics;
use crate::consume::outage::Outage;
use crate::consume::queue::Queue;
use crate::consume::recovery::Recovery;
use crate::consume::settle::{Batch, Settler};
use crate::consume::unsettled::UnsettledMessages;
use crate::options::{RunArgs, SinkOptions, ack_wait};
use crate::streams::link::Link;
use crate::writer::{Message, UNDECODABLE, Writer, decode, probe, write};

/// How often the store is probed.
const PROBE_INTERVAL: Duration = Duration::from_secs(15);
/// A busy store is asked again after this time, whatever it says: it may take what others write long before.
const LONGEST_BUSY_PAUSE: Duration = Duration::from_secs(30);
/// A store that is unavailable is asked again after this time, whatever it says.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// A message that is held for longer is logged once, and counted.
const LONG_HOLD: Duration = Duration::from_secs(60);

/// A running sink: its writer, and all that its messages pass.
pub(crate) struct Consumer<W> {
    name: &'static str,
    options: SinkOptions,
    writer: W,
    settler: Settler,
    link: Link,
    unsettled: UnsettledMessages,
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
        };
        let in_flight =
            InFlight::new(link.clone(), ack_wait(options.write_timeout), metrics.in_flight.clone());
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
            let pulling_ended = pulling_ended.clone();
            async move {
                queue.pull_until_shutdown(pulled_tx).await;
                pulling_ended.cancel();
            }
        });
        while let Some(mut deliveries) =
            next_batch(&mut pulled_rx, self.options.max_batch, self.options.linger, &no_room).await
        {
            let place = self.concurrency.place().await;
            // What came while it waited for its place goes with it.
            while deliveries.len() < self.options.max_batch
                && let Ok(delivery) = pulled_rx.try_recv()
            {
                deliveries.push(delivery);
            }
            let (consumer, pulling_ended) = (Arc::clone(&self), pulling_ended.clone());
            tasks.spawn(async move {
                let batch = consumer.decode(deliveries).await;
                if !batch.messages.is_empty() {
                    consumer.write_until_settled(batch, place, &pulling_ended).await;
                }
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
            match decode(&payload, delivery.message.headers.message_id()) {
                Ok(event) => {
                    delivery.span.record("session.id", event.identity.session_id.as_str());
                    let (attempt, stream_sequence) =
                        (delivery.message.deliveries, delivery.message.key.sequence);
                    batch.messages.push(Message { event, payload, attempt, stream_sequence });
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

    /// Writes until the store has said something about every message. What it does not take is held, without a place; a
    /// shutdown gives that back.
    async fn write_until_settled(
        &self,
        mut batch: Batch,
        mut place: Place,
        pulling_ended: &CancellationToken,
    ) {
        let began = Instant::now();
        let mut long_hold: Option<LongHold> = None;
        for failures in 1.. {
            let started = Instant::now();
            self.metrics.batch_messages.observe(batch.messages.len() as f64);
            let results = write(&self.writer, &batch.messages, self.options.write_timeout)
                .instrument(span_of(&batch))
                .await;
            drop(place);
            self.metrics.write_seconds.observe(started.elapsed().as_secs_f64());
            let held = self.settler.settle(batch, results).await;
            self.concurrency.answered(held.is_none());
            let Some(held) = held else { return self.outage.end() };
            let (pause, longest) = if held.busy {
                self.outage.busy(&held.reason);
                (BUSY_BACKOFF.pause(failures), LONGEST_BUSY_PAUSE)
            } else {
                self.outage.begin_or_go_on(&held.reason);
                (BACKOFF.pause(failures), LONGEST_PAUSE)
            };
            let pause = pause.max(held.after.unwrap_or_default()).min(longest);
            if long_hold.is_some() || began.elapsed() + pause >= LONG_HOLD {
                let messages = held.batch.messages.len();
                long_hold
                    .get_or_insert_with(|| LongHold::begin(&self.metrics.long_holds, &held.reason))
                    .has(messages);
            }
            debug!(reason = held.reason, pause_seconds = pause.as_secs_f64(), "not taken by the store");
            let another_try = async {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.outage.over(), if !held.busy => {}
                }
                self.concurrency.place().await
            };
            match pulling_ended.run_until_cancelled(another_try).await {
                Some(again) => place = again,
                None => return held.batch.give_back().await,
            }
            self.metrics.store_retries.inc();
            batch = held.batch;
        }
    }

    /// Looks at the consumer, for ever.
    pub(crate) async fn watch_consumer(self: Arc<Self>) {
        let watch = ConsumerWatch {
            sink: self.name,
            link: self.link.clone(),
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

/// Messages that are held for long, told once and counted as long as it lasts.
struct LongHold {
    gauge: IntGauge,
    messages: i64,
}

impl LongHold {
    fn begin(gauge: &IntGauge, reason: &str) -> Self {
        info!(reason, "held for more than a minute, because the store does not take it");
        Self { gauge: gauge.clone(), messages: 0 }
    }

    fn has(&mut self, messages: usize) {
        let messages = i64::try_from(messages).unwrap_or(i64::MAX);
        self.gauge.add(messages - self.messages);
        self.messages = messages;
    }
}

impl Drop for LongHold {
    fn drop(&mut self) {
        self.gauge.sub(self.messages);
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
