//! AIMD (additive increase, multiplicative decrease) for the number of writes at a time: a store that refuses many of them
//! gets fewer.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Fewest answers by which a limit is judged; a larger limit is judged by twice as many answers as it allows writes.
const FEWEST_ANSWERS: usize = 20;

/// Permits of the writes under way; their number follows what the store takes.
pub(crate) struct Concurrency {
    permits: Arc<Semaphore>,
    adapting: Mutex<Adapting>,
    gauge: IntGauge,
}

struct Adapting {
    limit: Limit,
    /// Permits that are to be taken away as soon as they are given back.
    owed: usize,
}

/// The right to one write at a time.
pub(crate) struct WritePermit {
    concurrency: Arc<Concurrency>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Concurrency {
    pub(crate) fn new(most: usize, gauge: IntGauge) -> Self {
        gauge.set(signed(most));
        let adapting = Mutex::new(Adapting { limit: Limit::new(most), owed: 0 });
        Self { permits: Arc::new(Semaphore::new(most)), adapting, gauge }
    }

    /// A permit, as soon as one is free.
    pub(crate) async fn permit(self: &Arc<Self>) -> WritePermit {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        WritePermit { concurrency: Arc::clone(self), permit }
    }

    /// The store took a write, or refused it for a moment.
    pub(crate) fn answered(&self, taken: bool) {
        let mut adapting = self.adapting.lock().unwrap_or_else(PoisonError::into_inner);
        let before = adapting.limit.now;
        adapting.limit.answered(taken);
        let now = adapting.limit.now;
        if now < before {
            let less = before - now;
            adapting.owed += less - self.permits.forget_permits(less);
        } else if now > before {
            let more = now - before;
            let owed = adapting.owed.min(more);
            adapting.owed -= owed;
            self.permits.add_permits(more - owed);
        }
        self.gauge.set(signed(now));
    }
}

impl Drop for WritePermit {
    fn drop(&mut self) {
        let mut adapting = self.concurrency.adapting.lock().unwrap_or_else(PoisonError::into_inner);
        if adapting.owed > 0
            && let Some(permit) = self.permit.take()
        {
            adapting.owed -= 1;
            permit.forget();
        }
    }
}

/// The rule. A store that is at its limit refuses what is beyond it, so the share of refused writes says how far beyond; a
/// store that refuses by chance, whatever it is sent, is not slowed down.
#[derive(Debug)]
struct Limit {
    most: usize,
    now: usize,
    taken: usize,
    refused: usize,
}

impl Limit {
    fn new(most: usize) -> Self {
        Self { most, now: most, taken: 0, refused: 0 }
    }

    fn answered(&mut self, taken: bool) {
        *(if taken { &mut self.taken } else { &mut self.refused }) += 1;
        let answers = self.taken + self.refused;
        if answers < FEWEST_ANSWERS.max(2 * self.now) {
            return;
        }
        if self.refused * 3 > answers {
            self.now = (self.now / 2).max(1);
        } else if self.refused * 4 <= answers {
            self.now = (self.now + self.most.div_ceil(8)).min(self.most);
        }
        (self.taken, self.refused) = (0, 0);
    }
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store that takes so many writes at a time and refuses the others.
    fn settled_at(capacity: usize) -> Vec<usize> {
        let mut limit = Limit::new(64);
        let mut limits = Vec::new();
        for _ in 0..400 {
            let at_a_time = limit.now;
            for write in 0..at_a_time {
                limit.answered(write < capacity);
            }
            limits.push(limit.now);
        }
        limits.split_off(200)
    }

    #[test]
    fn a_store_at_its_limit_is_asked_for_little_more() {
        for capacity in [4, 16, 40] {
            let limits = settled_at(capacity);
            let mean = limits.iter().sum::<usize>() as f64 / limits.len() as f64;
            assert!((0.5..2.0).contains(&(mean / capacity as f64)), "{capacity}: {mean}");
        }
    }

    #[test]
    fn refusals_by_chance_do_not_slow_down() {
        let mut limit = Limit::new(64);
        let mut sum = 0;
        for answer in 0..100_000_u64 {
            // One in five, without a pattern.
            let chance = answer.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
            limit.answered(chance % 5 != 0);
            sum += limit.now;
        }
        assert!(sum > 60 * 100_000, "{}", sum / 100_000);
    }

    #[test]
    fn a_store_that_refuses_all_is_asked_one_at_a_time() {
        let mut limit = Limit::new(64);
        (0..1_000).for_each(|_| limit.answered(false));
        assert_eq!(limit.now, 1);
        (0..1_000).for_each(|_| limit.answered(true));
        assert_eq!(limit.now, 64);
    }

    #[tokio::test]
    async fn permits_follow_the_limit_also_while_all_are_taken() {
        let gauge = IntGauge::new("limit", "limit").unwrap();
        let concurrency = Arc::new(Concurrency::new(8, gauge.clone()));
        let mut taken = Vec::new();
        for _ in 0..8 {
            taken.push(concurrency.permit().await);
        }
        (0..200).for_each(|_| concurrency.answered(false));
        assert_eq!(gauge.get(), 1);
        taken.clear();
        assert_eq!(concurrency.permits.available_permits(), 1);
        (0..400).for_each(|_| concurrency.answered(true));
        assert_eq!(concurrency.permits.available_permits(), 8);
    }
}
