//! What to do after a connection was lost while messages were on their way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Subject;
use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::{Info, PullConsumer};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::backoff::BACKOFF;
use crate::consume::durable_consumer::Created;
use crate::consume::faults::Faults;
use crate::consume::in_flight::{Delivered, InFlight};
use crate::consume::unsettled::{Unsettled, UnsettledMessages};
use crate::streams::ack_subject::{MessageKey, ack_subject};
use crate::streams::link::Link;
use crate::streams::lost_messages::{Losses, behind_first};
use crate::streams::stored_message::StoredMessages;

/// How long one message at a time is asked for at most, after losses that nothing explains, or that nobody can look at: what breaks
/// the client is then lost alone.
const ONE_AT_A_TIME: Duration = Duration::from_secs(60);

/// When one looks again after a loss: the server may not know yet that the connection is lost, and go on with what was asked
/// for by it, until the request expires.
const LOOK_AGAIN: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(8)];

/// What is known of the messages that were lost on their way.
pub(crate) struct Recovery {
    unsettled: UnsettledMessages,
    /// Whose messages were looked for.
    consumer: Option<Created>,
    /// Messages that wait for another try are not lost.
    faults: Arc<Faults>,
    losses: Losses,
    /// The loss that is being looked at.
    loss: Option<Loss>,
    /// Where messages are answered that were lost with one that could not be received.
    others: Vec<Subject>,
    /// Which those were; until they come, they may be lost again.
    asked_for_again: BTreeSet<u64>,
    last_unexplained: Option<Instant>,
    one_at_a_time_until: Option<Instant>,
    /// The same, but only until one can look.
    cannot_look_until: Option<Instant>,
}

struct Loss {
    /// Messages that were on their way and have not been asked for again.
    on_their_way: usize,
    looks: usize,
    /// Looks in a row that got no answer.
    failures: u32,
    next_look: Instant,
    /// A message was among them that cannot be received.
    is_explained: bool,
    /// Others that were not in flight at the last look.
    others: BTreeSet<u64>,
}

impl Recovery {
    pub(crate) fn new(unsettled: UnsettledMessages, faults: Arc<Faults>) -> Self {
        Self {
            unsettled,
            consumer: None,
            faults,
            losses: Losses::default(),
            loss: None,
            others: Vec::new(),
            asked_for_again: BTreeSet::new(),
            last_unexplained: None,
            one_at_a_time_until: None,
            cannot_look_until: None,
        }
    }

    /// The connection was lost, and up to `on_their_way` messages with it.
    pub(crate) fn lost_connection(&mut self, on_their_way: usize) {
        let before = self.loss.take();
        if before.as_ref().is_some_and(|loss| loss.looks > 0 && !loss.is_explained) {
            self.nothing_found();
        }
        // What the loss before this one took may not have come yet.
        let on_their_way = on_their_way + before.map_or(0, |loss| loss.on_their_way);
        let next_look = Instant::now();
        let others = BTreeSet::new();
        self.loss = (on_their_way > 0).then_some(Loss {
            on_their_way,
            looks: 0,
            failures: 0,
            next_look,
            is_explained: false,
            others,
        });
    }

    /// Is it safer to ask for one message only?
    pub(crate) fn is_one_at_a_time(&self) -> bool {
        let until = self.one_at_a_time_until.max(self.cannot_look_until);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Returns when it is time to look (again) for what was lost.
    pub(crate) async fn look_is_due(&self) {
        match &self.loss {
            Some(loss) => sleep_until(loss.next_look).await,
            None => std::future::pending().await,
        }
    }

    /// The sequences of the messages that the client cannot receive, among those that were lost; for [`read_lost`].
    pub(crate) async fn lost_messages(
        &mut self,
        messages: &StoredMessages,
        consumer: &PullConsumer,
        in_flight: &Arc<InFlight>,
    ) -> Vec<(u64, Unsettled)> {
        let info = consumer.cached_info();
        if self.consumer.replace(info.created).is_some_and(|before| before != info.created) {
            self.begin_anew();
        }
        let Some(mut loss) = self.loss.take() else { return Vec::new() };
        let (in_flight, waiting) = (in_flight.sequences(info.created), self.faults.sequences());
        let found = match self.losses.find(messages, info, &in_flight, &waiting, loss.looks == 0).await {
            Ok(found) => found,
            Err(error) => {
                self.cannot_look(loss, info.delivered.stream_sequence, &error);
                return Vec::new();
            }
        };
        self.looked_at_last();
        // What has come and gone since the loss, while one could not look, was not lost with it.
        let at_once = std::mem::take(&mut loss.failures) == 0 && loss.looks == 0;
        loss.is_explained |= !found.odd.is_empty();
        // What is on its way on the new connection is in flight before the next look.
        let lost = |sequence: &u64| at_once || loss.others.contains(sequence);
        self.asked_for_again.retain(|sequence| found.others.contains(sequence));
        let (again, others): (BTreeSet<u64>, BTreeSet<u64>) = found
            .others
            .iter()
            .filter(|sequence| lost(sequence))
            .partition(|sequence| self.asked_for_again.contains(sequence));
        let others =
            if loss.is_explained { behind_first(&found.odd, &others, loss.on_their_way) } else { Vec::new() };
        self.asked_for_again.extend(&others);
        loss.on_their_way -= others.len();
        let others = again.into_iter().chain(others);
        self.others.extend(others.map(|sequence| answer(info, MessageKey { sequence, published: 0 })));
        let taken = found.odd.into_iter().map(|sequence| (sequence, self.unsettled.add(sequence))).collect();
        loss.others = found.others;
        self.looked(loss);
        taken
    }

    /// Sequences mean other messages now.
    fn begin_anew(&mut self) {
        self.losses = Losses::default();
        self.loss = None;
        self.others.clear();
        self.asked_for_again.clear();
        self.looked_at_last();
    }

    /// Whatever breaks the client is known, and read by its sequence.
    fn looked_at_last(&mut self) {
        if self.cannot_look_until.take().is_some_and(|until| Instant::now() < until) {
            info!(
                "what was on its way can be looked at: as many messages are asked for as there is room for"
            );
        }
        self.unsettled.looked(Ok(()));
    }

    fn looked(&mut self, mut loss: Loss) {
        if let Some(pause) = LOOK_AGAIN.get(loss.looks) {
            loss.looks += 1;
            loss.next_look = Instant::now() + *pause;
            self.loss = Some(loss);
        } else if loss.is_explained {
            self.last_unexplained = None;
        } else {
            self.nothing_found();
        }
    }

    /// Asks for the messages that were lost with one that could not be received: they need not wait for their `ack_wait`.
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
        if again && self.one_at_a_time_until.is_none_or(|until| now >= until) {
            info!(
                "the connection was lost again with messages on their way: one at a time is asked for, for a minute"
            );
            self.one_at_a_time_until = Some(now + ONE_AT_A_TIME);
        }
    }

    /// The next look comes after a pause.
    pub(crate) fn cannot_look_again(&mut self, error: &str) {
        let Some(loss) = &mut self.loss else {
            return warn!(error, "cannot read a message that was lost: it comes after its ack wait");
        };
        loss.failures += 1;
        loss.next_look = Instant::now() + BACKOFF.pause(loss.failures);
        if loss.failures == 1 {
            warn!(
                error,
                "cannot look for messages that were lost: looking again, until then they come after their ack wait"
            );
        }
    }

    /// One of them may break the client whenever it comes, so none is asked for with others, for a while.
    fn cannot_look(&mut self, loss: Loss, last: u64, error: &anyhow::Error) {
        let error = format!("{error:#}");
        if loss.failures == 0 {
            self.cannot_look_until = Some(Instant::now() + ONE_AT_A_TIME);
        }
        self.loss = Some(loss);
        self.cannot_look_again(&error);
        self.unsettled.looked(Err((last, error)));
    }
}

/// A message that was lost, as if its consumer had delivered it; none where the stream does not have it any more.
pub(crate) async fn read_lost(
    messages: &StoredMessages,
    consumer: &PullConsumer,
    sequence: u64,
) -> anyhow::Result<Option<Delivered>> {
    let Some(message) = messages.get(sequence).await? else { return Ok(None) };
    let key = message.key();
    let (subject, headers, payload) = (message.subject, message.headers, message.payload);
    let reply = answer(consumer.cached_info(), key);
    Ok(Some(Delivered { subject, headers, payload, key, deliveries: 1, reply }))
}

/// Where a consumer has the answer to one of its messages.
fn answer(info: &Info, key: MessageKey) -> Subject {
    ack_subject(&info.stream_name, &info.name, key, info.delivered.consumer_sequence)
}
