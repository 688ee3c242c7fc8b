//! When sound is made shorter or longer, so that the delay follows its target.

use super::MILLISECOND;
use super::decision::{MAX_ABOVE, MAX_BELOW};
use super::stretch::Stretched;

/// A change that began ends when the delay is so near the target.
const NEAR_ABOVE: i64 = 8 * MILLISECOND;
const NEAR_BELOW: i64 = 3 * MILLISECOND;
/// Between two changes of sound that is heard, so many times their length is left as it is: 12.5 per cent.
const REST: i64 = 8;
/// Periods must be so alike. When the delay is far off, more is risked.
const LEAST_LIKENESS: f32 = 0.9;
const FAR: i64 = 200 * MILLISECOND;
const LEAST_LIKENESS_FAR: f32 = 0.6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Faster,
    Slower,
}

/// A change to try.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Change {
    pub(super) direction: Direction,
    pub(super) least_likeness: f32,
}

#[derive(Default)]
pub(super) struct Pace {
    direction: Option<Direction>,
    /// Ticks for which sound that is heard stays as it is.
    rest: i64,
}

impl Pace {
    /// `margin` and `level` are the delay and as much of it as there is to play, `target` what it should be, in ticks.
    pub(super) fn change(&mut self, margin: i64, level: i64, target: i64) -> Option<Change> {
        self.direction = match self.direction {
            Some(Direction::Faster) if level > target + NEAR_ABOVE => Some(Direction::Faster),
            Some(Direction::Slower) if margin < target - NEAR_BELOW => Some(Direction::Slower),
            _ if level > target + MAX_ABOVE => Some(Direction::Faster),
            _ if margin < target - MAX_BELOW => Some(Direction::Slower),
            _ => None,
        };
        let direction = self.direction?;
        let far = (margin - target).abs() > FAR;
        let least_likeness = match (self.rest > 0, far) {
            // More alike than anything is: only silence is changed.
            (true, _) => f32::INFINITY,
            (false, true) => LEAST_LIKENESS_FAR,
            (false, false) => LEAST_LIKENESS,
        };
        Some(Change { direction, least_likeness })
    }

    /// `ticks` that a period lasts.
    pub(super) fn changed(&mut self, stretched: Stretched, ticks: i64) {
        if !stretched.quiet {
            self.rest = ticks * REST;
        }
    }

    pub(super) fn handed_out(&mut self, ticks: i64) {
        self.rest = (self.rest - ticks).max(0);
    }
}
