use std::sync::{Arc, Mutex};
use std::time::Duration;

use schemas::SessionEvent;
use schemas::names::header;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span, debug, info, info_span, warn};

use crate::backoff::{pause_after, short_pause_after};
use crate::concurrency::{Concurrency, Place};
use crate::health::{Part, Readiness};
use crate::in_hand::{Delivery, InHand};
use crate::metrics::Metrics;
use crate::outage::Outage;
use crate::queue::Queue;
use crate::settle::{Batch, Settler};
use crate::write::write;
use crate::{Message, RunArgs, SinkOptions, UNDECODABLE, Writer};
use service::Connection;

/// How often the store is probed.
const PROBE_INTERVAL: Duration = Duration::from_secs(15);

/// A sink at work.
pub(crate) struct Runtime<W> {
    sink: SinkOptions,
    writer: W,
    settler: Settler,
    pub(crate) in_hand: Arc<InHand>,
    outage: Arc<Outage>,
    concurrency: Arc<Concurrency>,
    bytes_in_hand: u32,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
}

impl<W: Writer> Runtime<W> {
    pub(crate) fn new(
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
        let outage = Arc::new(Outage::not_reached_yet(Arc::clone(readiness), metrics.paused.clone()));
        let concurrency = Arc::new(Concurrency::new(sink.max_in_flight, metrics.concurrency.clone()));
        // The most that is allowed, 4 GiB, is one byte more than fits.
        let bytes_in_hand = args.max_mib_in_hand.saturating_mul(1024 * 1024);
        let readiness = Arc::clone(readiness);
        Self { sink, writer, settler, in_hand, outage, concurrency, bytes_in_hand, metrics, readiness }
    }

    /// The way of the messages: pull, decode, write, settle. Ends after the shutdown, when everything in hand is settled.
    pub(crate) async fn consume(self: Arc<Self>, connection: Connection, shutdown: CancellationToken) {
        let no_room = Arc::new(Notify::new());
        let queue = Queue {
            sink: self.sink.name,
            places: self.sink.places(),
            batch: self.sink.max_batch,
            bytes: self.bytes_in_hand,
            no_room: Arc::clone(&no_room),
            connection,
            in_hand: Arc::clone(&self.in_hand),
            outage: Arc::clone(&self.outage),
            readiness: Arc::clone(&self.readiness),
            shutdown,
            in_trouble: false,
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
        while let Some(mut deliveries) =
            next_batch(&mut pulled, self.sink.max_batch, self.sink.linger, &no_room).await
        {
            let place = self.concurrency.place().await;
            // What came while it waited for its place goes with it.
            while deliveries.len() < self.sink.max_batch
                && let Ok(delivery) = pulled.try_recv()
            {
                deliveries.push(delivery);
            }
            let (runtime, pulling_ended) = (Arc::clone(&self), pulling_ended.clone());
            tasks.spawn(async move {
                let batch = runtime.decode(deliveries).await;
                if !batch.messages.is_empty() {
                    runtime.write_until_settled(batch, place, &pulling_ended).await;
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
                    let reason = error.to_string();
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
        for failures in 1.. {
            let started = Instant::now();
            self.metrics.batch_messages.observe(batch.messages.len() as f64);
            let results = write(&self.writer, &batch.messages, self.sink.write_timeout)
                .instrument(span_of(&batch))
                .await;
            drop(place);
            self.metrics.write_seconds.observe(started.elapsed().as_secs_f64());
            let held = self.settler.settle(batch, results).await;
            self.concurrency.answered(held.is_none());
            let Some(held) = held else { return self.outage.end() };
            let pause = if held.busy {
                self.outage.busy(&held.reason);
                short_pause_after(failures)
            } else {
                self.outage.begin_or_go_on(&held.reason);
                pause_after(failures)
            };
            let pause = pause.max(held.after.unwrap_or_default());
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

    /// Keeps the readiness true while nothing is written, and lets the first message be pulled.
    pub(crate) async fn probe_store(self: Arc<Self>) {
        let mut failures = 0;
        loop {
            let answer = tokio::time::timeout(self.sink.write_timeout, self.writer.probe()).await;
            let state = answer.unwrap_or_else(|_| Err("no answer to the probe".to_owned()));
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
            let pause = if failures > 0 { pause_after(failures).min(PROBE_INTERVAL) } else { PROBE_INTERVAL };
            tokio::time::sleep(pause).await;
        }
    }
}

/// The next message and those that follow it within `linger`, at most `most`, and as long as there is room for more; `None`
/// when nothing comes any more.
async fn next_batch(
    pulled: &mut mpsc::Receiver<Delivery>,
    most: usize,
    linger: Duration,
    no_room: &Notify,
) -> Option<Vec<Delivery>> {
    let mut batch = vec![pulled.recv().await?];
    let deadline = Instant::now() + linger;
    while batch.len() < most {
        tokio::select! {
            biased;
            delivery = pulled.recv() => match delivery {
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
