//! What to do after a connection was lost while messages were on their way.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Subject;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{AckKind, Context};
use schemas::names::SESSIONS_STREAM;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::ack_subject::{MessageKey, ack_subject};
use crate::faults::Faults;
use crate::in_hand::{Delivered, InHand};
use crate::link::Link;
use crate::lost::{Losses, Unsettled, UnsettledMessages};
use crate::stored::StoredMessages;

/// How long one message at a time is asked for after losses that nothing explains: what breaks the client is then lost alone.
const ONE_AT_A_TIME: Duration = Duration::from_secs(60);

/// What is known of losses.
pub(crate) struct Recovery {
    unsettled: UnsettledMessages,
    /// Messages that wait for another try are not lost.
    faults: Arc<Faults>,
    losses: Losses,
    /// Messages that were on their way when the connection was lost.
    on_their_way: Option<usize>,
    /// Where messages are answered that were lost with one that could not be received.
    others: Vec<Subject>,
    last_unexplained: Option<Instant>,
    one_at_a_time_until: Option<Instant>,
}

impl Recovery {
    pub(crate) fn new(unsettled: UnsettledMessages, faults: Arc<Faults>) -> Self {
        Self {
            unsettled,
            faults,
            losses: Losses::default(),
            on_their_way: None,
            others: Vec::new(),
            last_unexplained: None,
            one_at_a_time_until: None,
        }
    }

    /// So many messages might have been on their way.
    pub(crate) fn lost_connection(&mut self, on_their_way: usize) {
        self.on_their_way = (on_their_way > 0).then_some(on_their_way);
    }

    /// Is it safer to ask for one message only?
    pub(crate) fn is_one_at_a_time(&self) -> bool {
        self.one_at_a_time_until.is_some_and(|until| Instant::now() < until)
    }

    /// The messages that the client cannot receive, among those that were lost.
    pub(crate) async fn lost_messages(
        &mut self,
        jetstream: Context,
        consumer: &PullConsumer,
        in_hand: &Arc<InHand>,
    ) -> Vec<(Delivered, Unsettled)> {
        let info = consumer.cached_info();
        let Some(on_their_way) = self.on_their_way.take() else { return Vec::new() };
        let messages = StoredMessages::of(jetstream, SESSIONS_STREAM).tried_once();
        let (in_hand, waiting) = (in_hand.sequences(), self.faults.sequences());
        let found = match self.losses.find(&messages, info, &in_hand, &waiting).await {
            Ok(found) => found,
            Err(error) => {
                self.cannot_look(info.delivered.stream_sequence, &error);
                return Vec::new();
            }
        };
        self.unsettled.looked(Ok(()));
        let answer = |key| ack_subject(&info.stream_name, &info.name, key, info.delivered.consumer_sequence);
        if found.odd.is_empty() {
            self.nothing_found();
        } else {
            self.last_unexplained = None;
            let others = found.lost_with_the_odd(on_their_way).into_iter();
            self.others = others.map(|sequence| answer(MessageKey { sequence, published: 0 })).collect();
        }
        let taken = found.odd.into_iter().map(|message| {
            let unsettled = self.unsettled.add(&message);
            let key = message.key();
            let (subject, headers, payload) = (message.subject, message.headers, message.payload);
            (Delivered { subject, headers, payload, key, deliveries: 1, reply: answer(key) }, unsettled)
        });
        taken.collect()
    }

    /// Those that were lost with them need not wait until their time without an ack is over.
    pub(crate) async fn deliver_others_again(&mut self, link: &Link) {
        let others = std::mem::take(&mut self.others);
        if !others.is_empty() {
            info!(messages = others.len(), "others that were on their way are delivered again");
        }
        for reply in others {
            if let Err(error) = link.publish(reply, AckKind::Nak(None).into()).await {
                return warn!(
                    error = format!("{error:#}"),
                    "not asked for again: they come after their ack wait"
                );
            }
        }
    }

    /// A server that restarts is no reason for anything. A client that breaks again and again is.
    fn nothing_found(&mut self) {
        let now = Instant::now();
        let again = self.last_unexplained.replace(now).is_some_and(|last| now < last + ONE_AT_A_TIME);
        if again && !self.is_one_at_a_time() {
            info!(
                "the connection was lost again with messages on their way: one at a time is asked for, for a minute"
            );
            self.one_at_a_time_until = Some(now + ONE_AT_A_TIME);
        }
    }

    fn cannot_look(&mut self, last: u64, error: &anyhow::Error) {
        let error = format!("{error:#}");
        warn!(error, "the connection was lost with messages on their way, which cannot be looked at");
        self.unsettled.looked(Err((last, error)));
        self.one_at_a_time_until = Some(Instant::now() + ONE_AT_A_TIME);
    }
}
