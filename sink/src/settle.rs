use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream;
use tracing::{Instrument as _, error, info, warn};

use crate::backoff::{own_pause_after, pause_after};
use crate::dead_letter::DeadLetter;
use crate::health::{Part, Readiness};
use crate::in_hand::Delivery;
use crate::metrics::Metrics;
use crate::{ATTEMPTS_USED_UP, Message, RETRIED, WriteError, Written};

/// Messages that go to the writer together, each with its delivery.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) messages: Vec<Message>,
    pub(crate) deliveries: Vec<Delivery>,
}

impl Batch {
    /// For another replica, or this one after its restart.
    pub(crate) async fn give_back(self) {
        for delivery in self.deliveries {
            delivery.again(None).await;
        }
    }
}

/// The messages that a busy or unavailable store did not take.
pub(crate) struct Held {
    pub(crate) batch: Batch,
    pub(crate) reason: String,
    /// The store is there: it was busy, no more.
    pub(crate) busy: bool,
    /// When the store wants to be asked again, at the earliest.
    pub(crate) after: Option<Duration>,
}

impl Held {
    fn new(reason: String, busy: bool) -> Self {
        Self { batch: Batch::default(), reason, busy, after: None }
    }

    fn add(&mut self, message: Message, delivery: Delivery, after: Option<Duration>) {
        self.after = self.after.max(after);
        self.batch.messages.push(message);
        self.batch.deliveries.push(delivery);
    }
}

/// Turns a result into an ack, another delivery, or a dead letter.
pub(crate) struct Settler {
    pub(crate) sink: &'static str,
    pub(crate) jetstream: jetstream::Context,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) readiness: Arc<Readiness>,
    /// Tries that a message gets while the faults are its own.
    pub(crate) max_attempts: u32,
    /// Own faults by stream sequence. Deliveries are no measure of them: an outage or a restart makes deliveries too.
    pub(crate) faults: Mutex<HashMap<u64, u32>>,
}

impl Settler {
    /// Settles each message by its result; the answer is what has to be held because the store did not take it.
    pub(crate) async fn settle(
        &self,
        batch: Batch,
        results: Vec<Result<Written, WriteError>>,
    ) -> Option<Held> {
        let mut held: Option<Held> = None;
        for ((message, delivery), result) in batch.messages.into_iter().zip(batch.deliveries).zip(results) {
            let span = delivery.span.clone();
            match result {
                Ok(written) => self.written(&message, delivery, written).instrument(span).await,
                Err(WriteError::Reject { outcome, reason }) => {
                    self.dead_letter(delivery, outcome, &reason).instrument(span).await
                }
                Err(WriteError::Retry { reason }) => self.retry(delivery, &reason).instrument(span).await,
                Err(WriteError::Busy { reason, after }) => {
                    let held = held.get_or_insert_with(|| Held::new(reason, true));
                    held.add(message, delivery, after);
                }
                Err(WriteError::Unavailable { reason, after }) => {
                    let held = held.get_or_insert_with(|| Held::new(reason, false));
                    held.busy = false;
                    held.add(message, delivery, after);
                }
            }
        }
        held
    }

    /// Publishes the dead letter and waits for the stream's ack; only then is the message settled.
    pub(crate) async fn dead_letter(&self, delivery: Delivery, outcome: &'static str, reason: &str) {
        let letter = DeadLetter {
            sink: self.sink,
            reason,
            payload: delivery.message.payload.clone(),
            headers: delivery.message.headers.as_ref(),
            subject: &delivery.message.subject,
            stream_sequence: delivery.stream_sequence,
            deliveries: delivery.deliveries,
        };
        match letter.store(&self.jetstream).await {
            Ok(()) => {
                warn!(outcome, reason, "moved to the dead letters");
                self.readiness.set(Part::DeadLetters, Ok(()));
                self.metrics.settled(outcome);
                self.metrics.dead_letters.inc();
                self.faults().remove(&delivery.stream_sequence);
                delivery.terminate().await;
            }
            Err(error) => {
                error!(
                    reason,
                    error = format!("{error:#}"),
                    "dead letter not stored: the message stays in the stream"
                );
                self.readiness.set(Part::DeadLetters, Err(format!("{error:#}")));
                let pause = pause_after(self.one_more_fault(delivery.stream_sequence));
                delivery.again(Some(pause)).await;
            }
        }
    }

    async fn written(&self, message: &Message, delivery: Delivery, written: Written) {
        info!(outcome = written.outcome, "written");
        self.metrics.settled(written.outcome);
        self.metrics.lag(message.event.end_time);
        self.faults().remove(&delivery.stream_sequence);
        delivery.ack().await;
    }

    async fn retry(&self, delivery: Delivery, reason: &str) {
        let faults = self.one_more_fault(delivery.stream_sequence);
        if faults >= self.max_attempts {
            let reason = format!("{reason} (tried {faults} times)");
            return self.dead_letter(delivery, ATTEMPTS_USED_UP, &reason).await;
        }
        let pause = own_pause_after(faults);
        info!(reason, pause_seconds = pause.as_secs_f64(), "not written: it will be delivered again");
        self.metrics.settled(RETRIED);
        delivery.again(Some(pause)).await;
    }

    fn one_more_fault(&self, stream_sequence: u64) -> u32 {
        let mut faults = self.faults();
        let count = faults.entry(stream_sequence).or_default();
        *count = count.saturating_add(1);
        *count
    }

    fn faults(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
