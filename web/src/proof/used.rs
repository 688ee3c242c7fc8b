//! Which challenges have been met, so that each is good once. The clock is the caller's.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Most that are remembered, at some 50 bytes each. They are challenges that were met within two minutes.
const MOST: usize = 100_000;

/// The challenges that were met, by what was random in them.
#[derive(Debug, Default)]
pub(super) struct Used {
    /// When each is too old to be met again, in seconds since 1970.
    until: Mutex<HashMap<[u8; 16], i64>>,
}

/// Why a challenge is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    Used,
    Full,
}

impl Used {
    /// Takes a challenge that has not been met before.
    pub(super) fn take(&self, challenge: [u8; 16], until: i64, now: i64) -> Result<(), NotTaken> {
        let mut all = self.until.lock();
        if all.contains_key(&challenge) {
            return Err(NotTaken::Used);
        }
        if all.len() >= MOST {
            all.retain(|_, until| *until >= now);
        }
        if all.len() >= MOST {
            return Err(NotTaken::Full);
        }
        // Seldom enough to cost nothing, and often enough that there are never twice as many as are needed.
        if all.len().is_power_of_two() {
            all.retain(|_, until| *until >= now);
        }
        all.insert(challenge, until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(number: u128) -> [u8; 16] {
        number.to_be_bytes()
    }

    #[test]
    fn each_is_good_once_and_memory_is_bounded() {
        let used = Used::default();
        for number in 0..MOST as u128 {
            assert_eq!(used.take(challenge(number), 100, 1), Ok(()));
        }
        assert_eq!(used.take(challenge(0), 100, 1), Err(NotTaken::Used));
        assert_eq!(used.take(challenge(u128::MAX), 100, 100), Err(NotTaken::Full));
        // The others are too old to come again.
        assert_eq!(used.take(challenge(u128::MAX), 300, 101), Ok(()));
        assert_eq!(used.until.lock().len(), 1);
    }
}
