//! Messages that were delivered and did not arrive, because the client breaks at what one of them holds: it loses its
//! connection, or ends. They are read by their sequence, where they are bytes in JSON and nothing has to be understood.

use std::collections::{BTreeSet, HashMap, HashSet};

use async_nats::jetstream::consumer::Info;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::streams::stored_message::StoredMessages;

/// Sequences that are looked at after one loss. Usually it is a pull's worth of them; below a message that waits for long
/// may be many that are settled.
const MOST_LOOKED_AT: usize = 20_000;
/// Reads at a time.
const READS: usize = 16;
/// A message that was lost so often is taken for one at which the client breaks, whatever it looks like.
const MOST_LOSSES: u32 = 3;

/// What a look at the messages that were on their way has found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Sequences of messages that the client cannot receive. They may be many, and large: each is read again when there is room
    /// for it.
    pub(crate) odd: Vec<u64>,
    /// Sequences of others that may have been lost with them.
    pub(crate) others: BTreeSet<u64>,
}

/// How often each message was not there after a loss.
#[derive(Default)]
pub(crate) struct Losses(HashMap<u64, u32>);

impl Losses {
    /// Looks at what the consumer has delivered and nobody has settled, without what is `in_flight`; the latest first. What
    /// is `waiting` for another try is not lost, but may be odd.
    pub(crate) async fn find(
        &mut self,
        messages: &StoredMessages,
        consumer: &Info,
        in_flight: &HashSet<u64>,
        waiting: &HashSet<u64>,
        is_new_loss: bool,
    ) -> anyhow::Result<Found> {
        let (floor, last) = (consumer.ack_floor.stream_sequence, consumer.delivered.stream_sequence);
        self.0.retain(|sequence, _| (floor + 1..=last).contains(sequence));
        if consumer.num_ack_pending == 0 {
            return Ok(Found::default());
        }
        let candidates = (floor + 1..=last).rev().filter(|sequence| !in_flight.contains(sequence));
        let reads = candidates.take(MOST_LOOKED_AT).map(|sequence| messages.get(sequence));
        let mut read = stream::iter(reads).buffered(READS);
        let (mut found, mut others) = (Found::default(), Vec::new());
        // What the stream no longer has is none of the consumer's business either.
        while let Some(message) = read.try_next().await? {
            let Some(message) = message else { continue };
            let sequence = message.sequence;
            if message.is_odd() {
                found.odd.push(sequence);
            } else if !waiting.contains(&sequence) {
                others.push(sequence);
            }
        }
        // A look that breaks off is made again, and counts once.
        for sequence in others {
            let losses = self.0.entry(sequence).or_default();
            *losses += u32::from(is_new_loss);
            if *losses >= MOST_LOSSES {
                found.odd.push(sequence);
            } else {
                found.others.insert(sequence);
            }
        }
        found.odd.sort_unstable();
        Ok(found)
    }
}

/// At most so many of the others, and first those behind the first that could not be received.
pub(crate) fn behind_first(odd: &[u64], others: &BTreeSet<u64>, most: usize) -> Vec<u64> {
    let first = odd.first().copied().unwrap_or(0);
    others.range(first..).chain(others.range(..first)).take(most).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_behind_what_could_not_be_received_come_first() {
        let (odd, others) = ([4, 9], BTreeSet::from([1, 2, 5, 6, 7]));
        assert_eq!(behind_first(&odd, &others, 2), [5, 6]);
        assert_eq!(behind_first(&odd, &others, 4), [5, 6, 7, 1]);
        assert_eq!(behind_first(&[], &others, 9), [1, 2, 5, 6, 7]);
    }
}
