//! Counts the faults that are a message's own, until it is settled.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::streams::ack_subject::MessageKey;

/// Messages that are counted at a time; beyond it the ones that were quiet for longest are forgotten.
const MOST: usize = 100_000;
/// A message that is quiet for longer than any pause between two tries was settled elsewhere, or is gone.
const QUIET: Duration = Duration::from_secs(3_600);

/// How many faults of its own each message had. Deliveries are no measure of them: an outage or a restart makes deliveries
/// too.
#[derive(Default)]
pub(crate) struct Faults(Mutex<HashMap<MessageKey, Count>>);

struct Count {
    faults: u32,
    last: Instant,
}

impl Faults {
    /// One more; how many those are now.
    pub(crate) fn one_more(&self, key: MessageKey, now: Instant) -> u32 {
        let mut counts = self.counts();
        if counts.len() >= MOST && !counts.contains_key(&key) {
            forget_quietest(&mut counts);
        }
        let count = counts.entry(key).or_insert(Count { faults: 0, last: now });
        count.faults = count.faults.saturating_add(1);
        count.last = now;
        count.faults
    }

    /// The message is settled: its count is needed no more.
    pub(crate) fn forget(&self, key: MessageKey) {
        self.counts().remove(&key);
    }

    /// All up to this sequence are settled, whoever did it.
    pub(crate) fn forget_settled(&self, ack_floor: u64, now: Instant) {
        self.counts().retain(|key, count| key.sequence > ack_floor && now < count.last + QUIET);
    }

    /// The messages that wait for another try.
    pub(crate) fn sequences(&self) -> HashSet<u64> {
        self.counts().keys().map(|key| key.sequence).collect()
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<MessageKey, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_quietest(counts: &mut HashMap<MessageKey, Count>) {
    let mut quiet: Vec<_> = counts.values().map(|count| count.last).collect();
    // A tenth at a time, or each new one would look through all of them.
    let (_, limit, _) = quiet.select_nth_unstable(MOST / 10);
    let limit = *limit;
    counts.retain(|_, count| count.last > limit);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(sequence: u64, published: i64) -> MessageKey {
        MessageKey { sequence, published }
    }

    #[test]
    fn a_message_of_another_stream_has_its_own_count() {
        let (faults, now) = (Faults::default(), Instant::now());
        assert_eq!((faults.one_more(key(1, 10), now), faults.one_more(key(1, 10), now)), (1, 2));
        assert_eq!(faults.one_more(key(1, 11), now), 1);
        faults.forget(key(1, 10));
        assert_eq!((faults.one_more(key(1, 10), now), faults.one_more(key(1, 11), now)), (1, 2));
    }

    #[test]
    fn what_is_settled_elsewhere_is_forgotten() {
        let (faults, now) = (Faults::default(), Instant::now());
        for sequence in 1..=5 {
            faults.one_more(key(sequence, 0), now);
        }
        faults.forget_settled(3, now);
        assert_eq!(faults.sequences(), HashSet::from([4, 5]));
    }

    #[test]
    fn what_is_quiet_for_long_is_forgotten() {
        let (faults, now) = (Faults::default(), Instant::now());
        faults.one_more(key(1, 0), now);
        faults.one_more(key(2, 0), now + QUIET);
        faults.forget_settled(0, now + QUIET);
        assert_eq!(faults.sequences(), HashSet::from([2]));
    }

    #[test]
    fn there_is_a_bound() {
        let (faults, now) = (Faults::default(), Instant::now());
        for sequence in 0..MOST as u64 + 1_000 {
            faults.one_more(key(sequence, 0), now + Duration::from_micros(sequence));
        }
        let sequences = faults.sequences();
        assert!(sequences.len() <= MOST && sequences.len() > MOST / 2, "{}", sequences.len());
        assert!(sequences.contains(&(MOST as u64 + 999)) && !sequences.contains(&0));
    }
}
