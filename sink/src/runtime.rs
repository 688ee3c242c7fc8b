use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use prometheus::IntGauge;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span, debug, info, info_span, warn};

use crate::acks::Acks;
use crate::backoff::{pause_after, short_pause_after};
use crate::concurrency::{Concurrency, Place};
use crate::consumer::Consumer;
use crate::decode::decode;
use crate::faults::Faults;
use crate::health::{Part, Readiness};
use crate::in_hand::{Delivery, InHand};
use crate::letter_box::LetterBox;
use crate::link::Link;
use crate::lost::UnsettledMessages;
use crate::metrics::Metrics;
use crate::outage::Outage;
use crate::queue::Queue;
use crate::recover::Recovery;
use crate::settle::{Batch, Held, Settler};
use crate::suspicion::Suspicion;
use crate::watch::Watch;
use crate::write::{probe, write};
use crate::{Message, RunArgs, SinkOptions, UNDECODABLE, WriteError, Writer, Written};

/// How often the store is probed.
const PROBE_INTERVAL: Duration = Duration::from_secs(15);
/// A busy store is asked again after this time, whatever it says: it may take what others write long before.
const LONGEST_BUSY_PAUSE: Duration = Duration::from_secs(30);
/// So is a store that is unavailable.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// A message that is held for longer is logged once, and counted.
const LONG_HOLD: Duration = Duration::from_secs(60);

/// A sink at work.
pub(crate) struct Runtime<W> {
    sink: SinkOptions,
    writer: W,
    settler: Settler,
    link: Link,
    unsettled: UnsettledMessages,
    consumer: Arc<Consumer>,
    acks: Arc<Acks>,
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
        link: &Link,
        metrics: Arc<Metrics>,
        readiness: &Arc<Readiness>,
    ) -> Self {
        let waiting = metrics.dead_letters_waiting.clone();
        let settler = Settler {
            sink: sink.name,
            letter_box: LetterBox::new(link.clone(), Arc::clone(readiness), waiting),
            metrics: Arc::clone(&metrics),
            max_attempts: args.max_attempts,
            faults: Arc::new(Faults::default()),
        };
        let consumer = Arc::new(Consumer::new(sink.name, link.clone(), Arc::clone(readiness)));
        let acks = Arc::new(Acks::new(sink.name, Arc::clone(readiness)));
        let in_hand = InHand::new(
            link.clone(),
            Arc::clone(&consumer),
            Arc::clone(&acks),
            sink.ack_wait(),
            metrics.in_flight.clone(),
        );
        let outage = Arc::new(Outage::not_reached_yet(Arc::clone(readiness), metrics.paused.clone()));
        let concurrency = Arc::new(Concurrency::new(sink.max_in_flight, metrics.concurrency.clone()));
        Self {
            sink,
            writer,
            settler,
            link: link.clone(),
            unsettled: UnsettledMessages::none(Arc::clone(readiness)),
            consumer,
            acks,
            in_hand: Arc::new(in_hand),
            outage,
            concurrency,
            // The most that is allowed, 4 GiB, is one byte more than fits.
            bytes_in_hand: args.max_mib_in_hand.saturating_mul(1024 * 1024),
            metrics,
            readiness: Arc::clone(readiness),
        }
    }

    /// The way of the messages: pull, decode, write, settle. Ends after the shutdown, when everything in hand is settled.
    pub(crate) async fn consume(self: Arc<Self>, pulling: Link, shutdown: CancellationToken) {
        let no_room = Arc::new(Notify::new());
        let queue = Queue {
            sink: self.sink.name,
            places: self.sink.places(),
            batch: self.sink.max_batch,
            bytes: self.bytes_in_hand,
            no_room: Arc::clone(&no_room),
            pulling,
            link: self.link.clone(),
            consumer: Arc::clone(&self.consumer),
            in_hand: Arc::clone(&self.in_hand),
            outage: Arc::clone(&self.outage),
            readiness: Arc::clone(&self.readiness),
            shutdown,
            in_trouble: false,
            next_is_large: false,
            recovery: Recovery::new(self.unsettled.clone(), Arc::clone(&self.settler.faults)),
        };
        let (sender, mut pulled) = mpsc::channel(self.sink.places());
        let tasks = TaskTracker::new();
        // Held messages are given back after the last pull only, or they would come back to it.
        let pulling_ended = CancellationToken::new();
        tasks.spawn({
            let (pulling_ended, consumer) = (pulling_ended.clone(), Arc::clone(&self.consumer));
            async move {
                queue.pull_until_shutdown(sender).await;
                consumer.shut_down();
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
                    let suspicion = Suspicion::none(runtime.outage.writes(), Instant::now());
                    runtime.write_until_settled(batch, suspicion, place, pulling_ended).await;
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
    /// shutdown gives that back. Where others are written meanwhile again and again, the fault is that of a message, which is
    /// looked for by halves.
    fn write_until_settled(
        self: Arc<Self>,
        mut batch: Batch,
        mut suspicion: Suspicion,
        mut place: Place,
        pulling_ended: CancellationToken,
    ) -> BoxFuture<'static, ()> {
        let writing = async move {
            let mut hold = Hold::new(&self);
            for failures in 1.. {
                let results = self.write_once(&batch).await;
                drop(place);
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
                    self.concurrency.place().await
                };
                match pulling_ended.run_until_cancelled(another_try).await {
                    Some(again) => place = again,
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
        let results =
            write(&self.writer, &batch.messages, self.sink.write_timeout).instrument(span_of(batch)).await;
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
            let place = self.concurrency.place().await;
            let (runtime, pulling_ended) = (Arc::clone(&self), pulling_ended.clone());
            runtime.write_until_settled(half, suspicion.clone(), place, pulling_ended).await;
        };
        // Together: one of them may be held for long.
        tokio::join!(write(first), write(second));
    }

    /// Looks at the consumer, for ever.
    pub(crate) async fn watch_consumer(self: Arc<Self>) {
        let watch = Watch {
            sink: self.sink.name,
            link: self.link.clone(),
            consumer: Arc::clone(&self.consumer),
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
            let state = probe(&self.writer, self.sink.write_timeout).await;
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

/// What a call is while the store does not take it.
struct Hold<'a> {
    outage: &'a Outage,
    long_holds: &'a IntGauge,
    began: Instant,
    is_held: bool,
    long: Option<LongHold>,
}

impl<'a> Hold<'a> {
    fn new<W>(runtime: &'a Runtime<W>) -> Self {
        let (outage, long_holds) = (&*runtime.outage, &runtime.metrics.long_holds);
        Self { outage, long_holds, began: Instant::now(), is_held: false, long: None }
    }

    /// It was not taken. Where others are, that is no outage. How long until the next try.
    fn go_on(&mut self, held: &Held, failures: u32, is_suspect: bool) -> Duration {
        if !std::mem::replace(&mut self.is_held, true) {
            self.outage.hold();
        }
        let (pause, longest) = if held.busy {
            (short_pause_after(failures), LONGEST_BUSY_PAUSE)
        } else {
            (pause_after(failures), LONGEST_PAUSE)
        };
        match (is_suspect, held.busy) {
            (true, _) => {}
            (false, true) => self.outage.busy(&held.reason, held.after),
            (false, false) => self.outage.begin_or_go_on(&held.reason, held.after),
        }
        let pause = pause.max(held.after.unwrap_or_default()).min(longest);
        if self.long.is_some() || self.began.elapsed() + pause >= LONG_HOLD {
            let messages = held.batch.messages.len();
            self.long.get_or_insert_with(|| LongHold::begin(self.long_holds, &held.reason)).has(messages);
        }
        debug!(reason = held.reason, pause_seconds = pause.as_secs_f64(), "not taken by the store");
        pause
    }

    fn end(&mut self) {
        if std::mem::replace(&mut self.is_held, false) {
            self.outage.released();
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
