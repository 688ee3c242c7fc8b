//! When time-scale modification is due, so that the delay follows its target: NetEQ's accelerate and preemptive expand.
//! How it is done is in `stretch`.

use super::decision::{MAX_ABOVE, MAX_BELOW};
use super::stretch::Stretched;
use super::ticks::Ticks;

/// A change that began ends when the delay is so near the target.
const NEAR_ABOVE: Ticks = Ticks::from_millis(8);
const NEAR_BELOW: Ticks = Ticks::from_millis(3);
/// Between two changes of sound that is heard, so many times their length is left as it is: 12.5 per cent.
const REST: i64 = 8;
/// Periods must be so alike. When the delay is far off, more is risked.
const LEAST_LIKENESS: f32 = 0.9;
const FAR: Ticks = Ticks::from_millis(200);
const LEAST_LIKENESS_FAR: f32 = 0.6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Accelerate: take sound out.
    Faster,
    /// Preemptive expand: put sound in.
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
    /// For how long sound that is heard still stays as it is.
    rest: Ticks,
}

impl Pace {
    /// `margin` and `level` are the delay and as much of it as there is to play, `target` what it should be.
    pub(super) fn change(&mut self, margin: Ticks, level: Ticks, target: Ticks) -> Option<Change> {
        self.direction = match self.direction {
            Some(Direction::Faster) if level > target + NEAR_ABOVE => Some(Direction::Faster),
            Some(Direction::Slower) if margin < target - NEAR_BELOW => Some(Direction::Slower),
            _ if level > target + MAX_ABOVE => Some(Direction::Faster),
            _ if margin < target - MAX_BELOW => Some(Direction::Slower),
            _ => None,
        };
        let direction = self.direction?;
        let far = (margin - target).abs() > FAR;
        let least_likeness = match (self.rest > Ticks::ZERO, far) {
            // More alike than anything is: only silence is changed.
            (true, _) => f32::INFINITY,
            (false, true) => LEAST_LIKENESS_FAR,
            (false, false) => LEAST_LIKENESS,
        };
        Some(Change { direction, least_likeness })
    }

    /// Notes that sound was changed, by a period that lasts `ticks`.
    pub(super) fn changed(&mut self, stretched: Stretched, ticks: Ticks) {
        if !stretched.quiet {
            self.rest = ticks * REST;
        }
    }

    pub(super) fn handed_out(&mut self, ticks: Ticks) {
        self.rest = (self.rest - ticks).max(Ticks::ZERO);
    }
}
