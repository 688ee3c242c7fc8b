//! Chance that is the same for a seed on every machine and with every version of a library: SplitMix64.

use std::time::Duration;

pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Below a number that is not 0.
    pub(super) fn below(&mut self, number: u64) -> u64 {
        self.draw() % number
    }

    /// A time between two, in whole milliseconds.
    pub(super) fn between(&mut self, [shortest, longest]: [Duration; 2]) -> Duration {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (shortest, longest) = (milliseconds(shortest), milliseconds(longest));
        Duration::from_millis(shortest + self.below(longest - shortest + 1))
    }

    pub(super) fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
