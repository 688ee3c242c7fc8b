//! Messages that were delivered and did not arrive, because the client breaks at what one of them holds: it loses its
//! connection, or ends. They are read by their sequence, where they are bytes in JSON and nothing has to be understood.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_nats::jetstream::consumer::Info;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use schemas::names::SESSIONS_STREAM;
use tracing::warn;

use crate::health::{Part, Readiness};
use crate::stored::{StoredMessage, StoredMessages};

/// Sequences that are looked at after one loss. Usually it is a pull's worth of them; below a message that waits for long
/// may be many that are settled.
const MOST_LOOKED_AT: usize = 20_000;
/// Reads at a time.
const READS: usize = 16;
/// A message that was lost so often is taken for one at which the client breaks, whatever it looks like.
const MOST_LOSSES: u32 = 3;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Messages that the client cannot receive.
    pub(crate) odd: Vec<StoredMessage>,
    /// Sequences of others that may have been lost with them.
    pub(crate) others: BTreeSet<u64>,
}

/// How often each message was not there after a loss.
#[derive(Default)]
pub(crate) struct Losses(HashMap<u64, u32>);

impl Losses {
    /// Looks at what the consumer has delivered and nobody has settled, without what is `in_hand`; the latest first. What
    /// is `waiting` for another try is not lost, but may be odd.
    pub(crate) async fn find(
        &mut self,
        messages: &StoredMessages,
        consumer: &Info,
        in_hand: &HashSet<u64>,
        waiting: &HashSet<u64>,
        is_new_loss: bool,
    ) -> anyhow::Result<Found> {
        let (floor, last) = (consumer.ack_floor.stream_sequence, consumer.delivered.stream_sequence);
        self.0.retain(|sequence, _| (floor + 1..=last).contains(sequence));
        if consumer.num_ack_pending == 0 {
            return Ok(Found::default());
        }
        let candidates = (floor + 1..=last).rev().filter(|sequence| !in_hand.contains(sequence));
        let reads = candidates.take(MOST_LOOKED_AT).map(|sequence| messages.get(sequence));
        let mut read = stream::iter(reads).buffered(READS);
        let mut found = Found::default();
        // What the stream no longer has is none of the consumer's business either.
        while let Some(message) = read.try_next().await? {
            let Some(message) = message else { continue };
            let sequence = message.sequence;
            if message.is_odd() {
                found.odd.push(message);
            } else if !waiting.contains(&sequence) {
                let losses = self.0.entry(sequence).or_default();
                *losses += u32::from(is_new_loss);
                if *losses >= MOST_LOSSES {
                    found.odd.push(message);
                } else {
                    found.others.insert(sequence);
                }
            }
        }
        found.odd.reverse();
        Ok(found)
    }
}

/// At most so many of the others, and first those behind the first that could not be received.
pub(crate) fn behind_first(odd: &[StoredMessage], others: &BTreeSet<u64>, most: usize) -> Vec<u64> {
    let first = odd.first().map_or(0, |first| first.sequence);
    others.range(first..).chain(others.range(..first)).take(most).copied().collect()
}

/// The messages that could not be received and are not yet settled; while there are any, the sink is not ready and says so.
#[derive(Clone)]
pub(crate) struct UnsettledMessages {
    state: Arc<Mutex<State>>,
    readiness: Arc<Readiness>,
}

#[derive(Default)]
struct State {
    sequences: BTreeSet<u64>,
    /// Up to which sequence there may be more, because nobody could look; and why.
    not_looked_at: Option<(u64, String)>,
}

/// One of them. Dropped, it is settled, or is delivered again.
pub(crate) struct Unsettled {
    messages: UnsettledMessages,
    sequence: u64,
}

impl UnsettledMessages {
    pub(crate) fn none(readiness: Arc<Readiness>) -> Self {
        Self { state: Arc::default(), readiness }
    }

    pub(crate) fn add(&self, message: &StoredMessage) -> Unsettled {
        let sequence = message.sequence;
        warn!(
            stream.sequence = sequence,
            "a message that the NATS client cannot receive: it is read by its sequence"
        );
        self.change(|state| state.sequences.extend([sequence]));
        Unsettled { messages: self.clone(), sequence }
    }

    /// What was delivered could not be looked at; now it could.
    pub(crate) fn looked(&self, looked: Result<(), (u64, String)>) {
        self.change(|state| state.not_looked_at = looked.err());
    }

    /// Whatever could not be looked at is settled up to here.
    pub(crate) fn settled_up_to(&self, ack_floor: u64) {
        self.change(|state| drop(state.not_looked_at.take_if(|(last, _)| *last <= ack_floor)));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let count = state.sequences.len();
        let reason = match (state.sequences.first(), &state.not_looked_at) {
            (None, None) => Ok(()),
            (Some(first), _) => Err(format!(
                "{count} that cannot be received are being read by their sequence, the first is {first} of {SESSIONS_STREAM}"
            )),
            (None, Some((last, error))) => Err(format!(
                "one up to sequence {last} of {SESSIONS_STREAM} may be what ends the connection, and cannot be looked at: {error}"
            )),
        };
        self.readiness.set(Part::Messages, reason);
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        self.messages.change(|state| state.sequences.retain(|sequence| *sequence != self.sequence));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::headers::Headers;

    fn message(sequence: u64) -> StoredMessage {
        StoredMessage {
            sequence,
            subject: "sessions.ended.v1".to_owned(),
            headers: Headers::parse(Bytes::from_static(b"NATS/1.0\r\nno colon\r\n\r\n")),
            payload: Bytes::new(),
            time: String::new(),
        }
    }

    #[test]
    fn those_behind_what_could_not_be_received_come_first() {
        let (odd, others) = ([message(4), message(9)], BTreeSet::from([1, 2, 5, 6, 7]));
        assert_eq!(behind_first(&odd, &others, 2), [5, 6]);
        assert_eq!(behind_first(&odd, &others, 4), [5, 6, 7, 1]);
        assert_eq!(behind_first(&[], &others, 9), [1, 2, 5, 6, 7]);
    }

    #[test]
    fn the_readiness_says_which_message_it_is() {
        let readiness = Arc::new(Readiness::starting());
        let messages = UnsettledMessages::none(Arc::clone(&readiness));
        let unsettled = (messages.add(&message(7)), messages.add(&message(4)));
        assert!(readiness.reasons().unwrap().contains("the first is 4 of SESSIONS"));
        drop(unsettled);
        assert!(!readiness.reasons().unwrap().contains("SESSIONS"));
        messages.looked(Err((9, "no answer".to_owned())));
        messages.settled_up_to(8);
        assert!(readiness.reasons().unwrap().contains("one up to sequence 9 of SESSIONS"));
        messages.settled_up_to(9);
        assert!(!readiness.reasons().unwrap().contains("SESSIONS"));
    }
}
