//! The time that samples are due at, and the sender's.

use std::time::{Duration, Instant};

use crate::audio::RTP_CLOCK_RATE;

/// The time at which samples are due.
pub(super) struct Clock {
    pub(super) epoch: Instant,
    /// Of the next samples, in ticks since then.
    pub(super) due: i64,
}

/// A sender, and the RTP time that is 0 in here.
pub(super) struct Timeline {
    pub(super) ssrc: u32,
    pub(super) origin: u64,
}

impl Clock {
    pub(super) fn ticks(&self, now: Instant) -> i64 {
        let nanoseconds = now.saturating_duration_since(self.epoch).as_nanos();
        // 48 ticks in a million nanoseconds.
        i64::try_from(nanoseconds * 3 / 62_500).unwrap_or(i64::MAX)
    }

    /// The first instant of a tick.
    pub(super) fn instant(&self, ticks: i64) -> Instant {
        let ticks = u64::try_from(ticks).unwrap_or_default();
        let (whole, rest) = (ticks / u64::from(RTP_CLOCK_RATE), ticks % u64::from(RTP_CLOCK_RATE));
        self.epoch + Duration::from_secs(whole) + Duration::from_nanos((rest * 62_500).div_ceil(3))
    }
}

impl Timeline {
    pub(super) fn position(&self, time: u64) -> i64 {
        time.wrapping_sub(self.origin).cast_signed()
    }
}
