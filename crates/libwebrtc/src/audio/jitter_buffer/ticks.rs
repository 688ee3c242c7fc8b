//! Time in the jitter buffer: ticks of the RTP clock, at whatever rate the samples are decoded.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};
use std::time::Duration;

use crate::audio::RTP_CLOCK_RATE;

/// A length of time, or a point in time as its distance from the beginning, in ticks of the RTP clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticks(i64);

impl Ticks {
    pub(super) const ZERO: Self = Self(0);
    pub(super) const MAX: Self = Self(i64::MAX);

    pub(super) const fn new(ticks: i64) -> Self {
        Self(ticks)
    }

    pub(super) const fn from_millis(milliseconds: i64) -> Self {
        Self(milliseconds * RTP_CLOCK_RATE as i64 / 1000)
    }

    /// How long one sample lasts at a rate in Hz that divides the RTP clock's.
    pub(super) fn of_sample_at(sample_rate: u32) -> Self {
        Self(i64::from(RTP_CLOCK_RATE / sample_rate))
    }

    /// The whole ticks of a duration.
    pub(super) fn from_duration(duration: Duration) -> Self {
        // 48 ticks in a million nanoseconds.
        Self(i64::try_from(duration.as_nanos() * 3 / 62_500).unwrap_or(i64::MAX))
    }

    /// The shortest duration that has so many whole ticks; nothing for a negative number of them.
    pub(super) fn to_duration(self) -> Duration {
        let ticks = u64::try_from(self.0).unwrap_or_default();
        let (whole, rest) = (ticks / u64::from(RTP_CLOCK_RATE), ticks % u64::from(RTP_CLOCK_RATE));
        Duration::from_secs(whole) + Duration::from_nanos((rest * 62_500).div_ceil(3))
    }

    pub(super) fn as_millis(self) -> i64 {
        self / Self::from_millis(1)
    }

    pub(super) fn as_secs_f64(self) -> f64 {
        self.0 as f64 / f64::from(RTP_CLOCK_RATE)
    }

    /// How many times `other` fits in, as [`Div`] answers it, for constants.
    pub(super) const fn divided_by(self, other: Self) -> i64 {
        self.0 / other.0
    }

    /// What part of `other` this is.
    pub(super) fn part_of(self, other: Self) -> f32 {
        self.0 as f32 / other.0 as f32
    }

    pub(super) fn round_up_to(self, unit: Self) -> Self {
        Self((self.0 + unit.0 - 1) / unit.0 * unit.0)
    }

    pub(super) fn abs(self) -> Self {
        Self(self.0.abs())
    }

    pub(super) fn saturating_abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    pub(super) fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub(super) fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Ticks {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Ticks {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Ticks {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl SubAssign for Ticks {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Neg for Ticks {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Mul<i64> for Ticks {
    type Output = Self;

    fn mul(self, times: i64) -> Self {
        Self(self.0 * times)
    }
}

impl Div for Ticks {
    type Output = i64;

    fn div(self, other: Self) -> i64 {
        self.divided_by(other)
    }
}

impl Div<i64> for Ticks {
    type Output = Self;

    fn div(self, by: i64) -> Self {
        Self(self.0 / by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_of_whole_ticks_is_kept() {
        for ticks in [0, 1, 2, 47, 48, 960, 48_000, 48_001, 1 << 40] {
            let ticks = Ticks::new(ticks);
            assert_eq!(Ticks::from_duration(ticks.to_duration()), ticks);
        }
        assert_eq!(Ticks::new(1).to_duration(), Duration::from_nanos(20_834));
        assert_eq!(Ticks::from_duration(Duration::from_nanos(20_833)), Ticks::ZERO);
        assert_eq!(Ticks::new(-1).to_duration(), Duration::ZERO);
        assert_eq!(Ticks::from_duration(Duration::MAX), Ticks::MAX);
    }

    #[test]
    fn milliseconds_are_whole_numbers_of_ticks() {
        assert_eq!(Ticks::from_millis(20), Ticks::new(960));
        assert_eq!(Ticks::new(-961).as_millis(), -20);
        assert_eq!(Ticks::new(121).round_up_to(Ticks::new(120)), Ticks::new(240));
    }
}
