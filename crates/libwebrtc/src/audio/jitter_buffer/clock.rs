//! The time that samples are due at, and the sender's.

use std::time::Instant;

use super::ticks::Ticks;

/// The time at which samples are due.
pub(super) struct Clock {
    pub(super) epoch: Instant,
    /// Of the next samples, since then.
    pub(super) due: Ticks,
}

/// A sender, and the RTP time that is 0 in here.
pub(super) struct Timeline {
    pub(super) ssrc: u32,
    pub(super) origin: u64,
}

impl Clock {
    pub(super) fn ticks(&self, now: Instant) -> Ticks {
        Ticks::from_duration(now.saturating_duration_since(self.epoch))
    }

    /// The first instant of a tick.
    pub(super) fn instant(&self, ticks: Ticks) -> Instant {
        self.epoch + ticks.to_duration()
    }
}

impl Timeline {
    pub(super) fn position(&self, time: u64) -> Ticks {
        Ticks::new(time.wrapping_sub(self.origin).cast_signed())
    }
}
