use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::{AckKind, Context};
use async_nats::{Subject, jetstream};
use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tracing::{Span, warn};

/// The messages that were pulled and are not yet settled. The server is told that they are in progress, so that it does not
/// deliver them again while they wait for the store.
pub(crate) struct InHand {
    replies: Mutex<HashMap<u64, Subject>>,
    next_id: AtomicU64,
    ack_wait: watch::Sender<Duration>,
    gauge: IntGauge,
}

/// One of them. It is settled by one of its methods; dropped otherwise, the server delivers it again after `ack_wait`.
pub(crate) struct Delivery {
    pub(crate) message: async_nats::Message,
    /// Its sequence in the stream.
    pub(crate) stream_sequence: u64,
    /// How often it was delivered, this one included.
    pub(crate) deliveries: u64,
    /// Span of all that happens to it.
    pub(crate) span: Span,
    /// Its share of the bytes that may be in hand.
    pub(crate) bytes: Option<OwnedSemaphorePermit>,
    acker: jetstream::message::Acker,
    entry: Entry,
    _place: Option<OwnedSemaphorePermit>,
}

struct Entry {
    in_hand: Arc<InHand>,
    id: u64,
}

impl InHand {
    pub(crate) fn new(ack_wait: Duration, gauge: IntGauge) -> Self {
        Self {
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

    /// Takes a message into the hand. A message that does not come from a consumer is an error.
    pub(crate) fn take(
        self: &Arc<Self>,
        message: jetstream::Message,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<Delivery, async_nats::Error> {
        let info = message.info()?;
        let (stream_sequence, deliveries) =
            (info.stream_sequence, u64::try_from(info.delivered).unwrap_or(1));
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        if let Some(reply) = message.reply.clone() {
            self.replies().insert(id, reply);
            self.gauge.inc();
        }
        let (message, acker) = message.split();
        let entry = Entry { in_hand: Arc::clone(self), id };
        let span = tracing::info_span!(
            "message",
            session.id = tracing::field::Empty,
            stream.sequence = stream_sequence,
            delivery.attempt = deliveries
        );
        Ok(Delivery { message, stream_sequence, deliveries, span, bytes: None, acker, entry, _place: place })
    }

    /// Says "in progress" for every message in hand, three times in each `ack_wait`, for ever.
    pub(crate) async fn keep_in_progress(&self, jetstream: Context) {
        let client = jetstream.client();
        let mut ack_wait = self.ack_wait.subscribe();
        loop {
            let third = *ack_wait.borrow_and_update() / 3;
            // A change is an answer within the time: then the third of the new one counts.
            if let Ok(Ok(())) = tokio::time::timeout(third, ack_wait.changed()).await {
                continue;
            }
            let replies: Vec<_> = self.replies().values().cloned().collect();
            for reply in replies {
                let progress = AckKind::Progress.into();
                if let Err(error) = client.publish(reply, progress).await {
                    warn!(%error, "in-progress ack not sent");
                }
            }
        }
    }

    fn replies(&self) -> MutexGuard<'_, HashMap<u64, Subject>> {
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
        let Self { entry, acker, span, .. } = self;
        // First, so that no "in progress" follows the answer.
        drop(entry);
        if let Err(error) = acker.ack_with(kind).await {
            warn!(parent: &span, error = %error, ?kind, "not acknowledged: it will be delivered again");
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.in_hand.replies().remove(&self.id).is_some() {
            self.in_hand.gauge.dec();
        }
    }
}
