//! The messages in flight: pulled, and not yet settled.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_nats::Subject;
use async_nats::jetstream::AckKind;
use bytes::Bytes;
use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tracing::{Span, warn};

use crate::consume::acks::Acks;
use crate::consume::durable_consumer::{Created, DurableConsumer};
use crate::consume::traces::ProcessTrace;
use crate::consume::unsettled::Unsettled;
use crate::streams::ack_subject::MessageKey;
use crate::streams::headers::Headers;
use crate::streams::link::Link;

/// The messages that were pulled and are not yet settled. The server is told that they are in progress, so that it does not
/// deliver them again while they wait for the store.
pub(crate) struct InFlight {
    link: Link,
    durable_consumer: Arc<DurableConsumer>,
    acks: Arc<Acks>,
    replies: Mutex<HashMap<u64, Reply>>,
    next_id: AtomicU64,
    ack_wait: watch::Sender<Duration>,
    gauge: IntGauge,
}

/// Where a message in flight is answered.
#[derive(Clone)]
struct Reply {
    sequence: u64,
    subject: Subject,
    consumer: Created,
}

/// A message as it came, from the consumer or read by its sequence.
pub(crate) struct Delivered {
    pub(crate) subject: String,
    pub(crate) headers: Headers,
    pub(crate) payload: Bytes,
    pub(crate) key: MessageKey,
    /// How often it was delivered, this one included.
    pub(crate) deliveries: u64,
    /// Where it is answered.
    pub(crate) reply: Subject,
}

/// A message in flight. It is settled by one of its methods; dropped otherwise, the server delivers it again after `ack_wait`.
pub(crate) struct Delivery {
    pub(crate) message: Delivered,
    /// Span of all that happens to it, for the log.
    pub(crate) span: Span,
    /// The same for the trace of its call; none where nobody wants it.
    pub(crate) trace: Option<ProcessTrace>,
    pub(crate) taken: SystemTime,
    /// Its share of the bytes that may be in flight.
    pub(crate) bytes: Option<OwnedSemaphorePermit>,
    /// Set where the client could not receive the message.
    pub(crate) unsettled: Option<Unsettled>,
    /// The consumer that delivered it.
    consumer: Created,
    entry: Entry,
    _place: Option<OwnedSemaphorePermit>,
}

struct Entry {
    in_flight: Arc<InFlight>,
    id: u64,
}

impl InFlight {
    pub(crate) fn new(
        link: Link,
        durable_consumer: Arc<DurableConsumer>,
        acks: Arc<Acks>,
        ack_wait: Duration,
        gauge: IntGauge,
    ) -> Self {
        Self {
            link,
            durable_consumer,
            acks,
            replies: Mutex::default(),
            next_id: AtomicU64::default(),
            ack_wait: watch::Sender::new(ack_wait),
            gauge,
        }
    }

    /// What the durable consumer has.
    pub(crate) fn set_ack_wait(&self, ack_wait: Duration) {
        self.ack_wait.send_if_modified(|known| std::mem::replace(known, ack_wait) != ack_wait);
    }

    /// Begins with a message that this consumer has delivered.
    pub(crate) fn take(
        self: &Arc<Self>,
        message: Delivered,
        consumer: Created,
        place: Option<OwnedSemaphorePermit>,
    ) -> Delivery {
        let sequence = message.key.sequence;
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.replies().insert(id, Reply { sequence, subject: message.reply.clone(), consumer });
        self.gauge.inc();
        let entry = Entry { in_flight: Arc::clone(self), id };
        let span = tracing::info_span!(
            "message",
            session.id = tracing::field::Empty,
            stream.sequence = sequence,
            delivery.attempt = message.deliveries
        );
        Delivery {
            message,
            span,
            trace: None,
            taken: SystemTime::now(),
            bytes: None,
            unsettled: None,
            consumer,
            entry,
            _place: place,
        }
    }

    /// Sequences of the messages in flight that this consumer has delivered.
    pub(crate) fn sequences(&self, consumer: Created) -> HashSet<u64> {
        let replies = self.replies();
        replies.values().filter(|reply| reply.consumer == consumer).map(|reply| reply.sequence).collect()
    }

    /// Says "in progress" for every message in flight, three times in each `ack_wait`, for ever.
    pub(crate) async fn keep_in_progress(&self) {
        let mut ack_wait = self.ack_wait.subscribe();
        loop {
            let third = *ack_wait.borrow_and_update() / 3;
            // A change is an answer within the time: then the third of the new one counts.
            if let Ok(Ok(())) = tokio::time::timeout(third, ack_wait.changed()).await {
                continue;
            }
            let replies: Vec<_> = self.replies().values().cloned().collect();
            for reply in replies {
                if !self.durable_consumer.is_still(reply.consumer).await {
                    continue;
                }
                if let Err(error) = self.link.publish(reply.subject, AckKind::Progress.into()).await {
                    warn!(error = format!("{error:#}"), "in-progress ack not sent");
                    break;
                }
                self.acks.answered();
            }
        }
    }

    fn replies(&self) -> MutexGuard<'_, HashMap<u64, Reply>> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Delivery {
    /// The message is in the store.
    pub(crate) async fn ack(self) {
        self.answer(AckKind::Ack).await;
    }

    /// The message is in the dead-letter stream.
    pub(crate) async fn terminate(self) {
        self.answer(AckKind::Term).await;
    }

    /// The message is to be delivered again, after a pause where there is one.
    pub(crate) async fn again(self, pause: Option<Duration>) {
        self.answer(AckKind::Nak(pause)).await;
    }

    async fn answer(self, kind: AckKind) {
        let Self { message, entry, span, consumer, .. } = self;
        let in_flight = Arc::clone(&entry.in_flight);
        if !in_flight.durable_consumer.is_still(consumer).await {
            // What has this sequence now may be another message.
            return warn!(parent: &span, ?kind, "not answered: the consumer that delivered it is no more, or cannot be asked");
        }
        // First, so that no "in progress" follows the answer.
        drop(entry);
        if let Err(error) = in_flight.link.publish(message.reply, kind.into()).await {
            let error = format!("{error:#}");
            return warn!(parent: &span, error, ?kind, "not acknowledged: it will be delivered again");
        }
        in_flight.acks.answered();
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.in_flight.replies().remove(&self.id).is_some() {
            self.in_flight.gauge.dec();
        }
    }
}
