use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Subject;
use async_nats::jetstream::AckKind;
use bytes::Bytes;
use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tracing::{Span, warn};

use crate::ack_subject::MessageKey;
use crate::acks::Acks;
use crate::consumer::{Consumer, Created};
use crate::headers::Headers;
use crate::link::Link;
use crate::lost::Unsettled;

/// The messages that were pulled and are not yet settled. The server is told that they are in progress, so that it does not
/// deliver them again while they wait for the store.
pub(crate) struct InHand {
    link: Link,
    consumer: Arc<Consumer>,
    acks: Arc<Acks>,
    replies: Mutex<HashMap<u64, Reply>>,
    next_id: AtomicU64,
    ack_wait: watch::Sender<Duration>,
    gauge: IntGauge,
}

/// Where a message in hand is answered.
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

/// One of them. It is settled by one of its methods; dropped otherwise, the server delivers it again after `ack_wait`.
pub(crate) struct Delivery {
    pub(crate) message: Delivered,
    /// Span of all that happens to it.
    pub(crate) span: Span,
    /// Its share of the bytes that may be in hand.
    pub(crate) bytes: Option<OwnedSemaphorePermit>,
    /// It is one that the client could not receive.
    pub(crate) unsettled: Option<Unsettled>,
    /// The consumer that delivered it.
    consumer: Created,
    entry: Entry,
    _place: Option<OwnedSemaphorePermit>,
}

struct Entry {
    in_hand: Arc<InHand>,
    id: u64,
}

impl InHand {
    pub(crate) fn new(
        link: Link,
        consumer: Arc<Consumer>,
        acks: Arc<Acks>,
        ack_wait: Duration,
        gauge: IntGauge,
    ) -> Self {
        Self {
            link,
            consumer,
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

    /// Takes a message into the hand that this consumer has delivered.
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
        let entry = Entry { in_hand: Arc::clone(self), id };
        let span = tracing::info_span!(
            "message",
            session.id = tracing::field::Empty,
            stream.sequence = sequence,
            delivery.attempt = message.deliveries
        );
        Delivery { message, span, bytes: None, unsettled: None, consumer, entry, _place: place }
    }

    /// Sequences of the messages in hand that this consumer has delivered.
    pub(crate) fn sequences(&self, consumer: Created) -> HashSet<u64> {
        let replies = self.replies();
        replies.values().filter(|reply| reply.consumer == consumer).map(|reply| reply.sequence).collect()
    }

    /// Says "in progress" for every message in hand, three times in each `ack_wait`, for ever.
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
                if !self.consumer.is_still(reply.consumer).await {
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
    /// It is in the store.
    pub(crate) async fn ack(self) {
        self.answer(AckKind::Ack).await;
    }

    /// It is in the dead-letter stream.
    pub(crate) async fn terminate(self) {
        self.answer(AckKind::Term).await;
    }

    /// Deliver it again, after a pause where there is one.
    pub(crate) async fn again(self, pause: Option<Duration>) {
        self.answer(AckKind::Nak(pause)).await;
    }

    async fn answer(self, kind: AckKind) {
        let Self { message, entry, span, consumer, .. } = self;
        let in_hand = Arc::clone(&entry.in_hand);
        if !in_hand.consumer.is_still(consumer).await {
            // What has this sequence now may be another message.
            return warn!(parent: &span, ?kind, "not answered: the consumer that delivered it is no more, or cannot be asked");
        }
        // First, so that no "in progress" follows the answer.
        drop(entry);
        if let Err(error) = in_hand.link.publish(message.reply, kind.into()).await {
            let error = format!("{error:#}");
            return warn!(parent: &span, error, ?kind, "not acknowledged: it will be delivered again");
        }
        in_hand.acks.answered();
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.in_hand.replies().remove(&self.id).is_some() {
            self.in_hand.gauge.dec();
        }
    }
}
