//! What becomes of a message after its write.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::time::Instant;
use tracing::{Instrument as _, info, warn};

use crate::backoff::REDELIVERY_BACKOFF;
use crate::consume::dead_letter_sender::DeadLetterSender;
use crate::consume::faults::Faults;
use crate::consume::in_flight::Delivery;
use crate::consume::metrics::Metrics;
use crate::streams::dead_letter::{DeadLetter, Form, Since, Stored};
use crate::writer::{ATTEMPTS_USED_UP, Message, RETRIED, WriteError, Written};

/// Messages that go to the writer together, each with its delivery.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) messages: Vec<Message>,
    pub(crate) deliveries: Vec<Delivery>,
}

impl Batch {
    /// Two halves, where there are several.
    pub(crate) fn split(mut self) -> (Self, Self) {
        let half = self.messages.len() / 2;
        let (messages, deliveries) = (self.messages.split_off(half), self.deliveries.split_off(half));
        (self, Self { messages, deliveries })
    }

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
    pub(crate) dead_letter_sender: DeadLetterSender,
    pub(crate) metrics: Arc<Metrics>,
    /// Tries that a message gets while the faults are its own.
    pub(crate) max_attempts: u32,
    pub(crate) faults: Arc<Faults>,
    /// How long a dead letter may be lost in a power cut of the server; none where it is safe at once.
    pub(crate) safe_after: Option<Duration>,
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

    /// Publishes the dead letter and waits for the stream's ack. The message is settled only when the letter is safe: until then
    /// it comes again, and so does its letter, which the stream has already or has lost.
    pub(crate) async fn dead_letter(&self, mut delivery: Delivery, outcome: &'static str, reason: &str) {
        let message = &delivery.message;
        let letter = DeadLetter {
            sink: self.sink,
            reason: reason.to_owned(),
            payload: message.payload.clone(),
            headers: message.headers.clone(),
            subject: message.subject.clone(),
            key: message.key,
            deliveries: message.deliveries,
        };
        match self.dead_letter_sender.store(&letter).await {
            Ok(Stored { form, since }) => {
                // Where it is settled at once, it is told with the settlement, and not again and again while that waits.
                if since == Since::Now || self.safe_after.is_none() {
                    self.moved(&letter, form, outcome);
                    delivery.trace_settled(self.sink, outcome, true);
                }
                match self.unsafe_for(since) {
                    Some(pause) => delivery.again(Some(pause)).await,
                    None => {
                        self.faults.forget(letter.key);
                        delivery.terminate().await;
                    }
                }
            }
            Err(pause) => delivery.again(Some(pause)).await,
        }
    }

    fn moved(&self, letter: &DeadLetter, form: Form, outcome: &'static str) {
        let reason = &letter.reason;
        match form {
            Form::AsItWas | Form::Packed => warn!(outcome, reason, "moved to the dead letters"),
            Form::Cut(_) => warn!(
                outcome,
                reason,
                bytes = letter.payload.len(),
                "moved to the dead letters, cut: the whole message stays in the stream until its time is over"
            ),
        }
        self.metrics.settled(outcome);
        self.metrics.dead_letters.inc();
    }

    /// How long a power cut may still take a letter back; none where it is safe.
    fn unsafe_for(&self, since: Since) -> Option<Duration> {
        let safe_after = self.safe_after?;
        let Since::Before(stored) = since else { return Some(safe_after) };
        let stored_for = Utc::now().signed_duration_since(stored).to_std().unwrap_or_default();
        Some(safe_after.saturating_sub(stored_for)).filter(|pause| !pause.is_zero())
    }

    async fn written(&self, message: &Message, mut delivery: Delivery, written: Written) {
        delivery.trace_settled(self.sink, written.outcome, false);
        info!(outcome = written.outcome, "written");
        self.metrics.settled(written.outcome);
        self.metrics.lag(message.event.end_time);
        self.metrics.last_success.set(Utc::now().timestamp());
        self.faults.forget(delivery.message.key);
        delivery.ack().await;
    }

    /// The store has refused this message only, so the fault is its own.
    pub(crate) async fn own_fault(&self, delivery: Delivery, reason: &str) {
        let span = delivery.span.clone();
        let reason = format!("{reason}; others were written meanwhile");
        self.retry(delivery, &reason).instrument(span).await;
    }

    async fn retry(&self, mut delivery: Delivery, reason: &str) {
        let faults = self.faults.one_more(delivery.message.key, Instant::now());
        if faults >= self.max_attempts {
            let reason = format!("{reason} (tried {faults} times)");
            return self.dead_letter(delivery, ATTEMPTS_USED_UP, &reason).await;
        }
        let pause = REDELIVERY_BACKOFF.pause(faults);
        info!(reason, pause_seconds = pause.as_secs_f64(), "not written: it will be delivered again");
        self.metrics.settled(RETRIED);
        delivery.trace_settled(self.sink, RETRIED, true);
        delivery.again(Some(pause)).await;
    }
}
