//! How long to wait before another try: exponential back-off with jitter.

use std::time::Duration;

/// A span that doubles with each failure up to a limit, of which each pause is a random part: whoever failed together
/// does not come back together.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    least: f64,
}

impl Backoff {
    /// Pauses of half of the span at least.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, least: 0.5 }
    }

    /// Pauses of this part of the span at least, from 0 to 1.
    pub const fn with_least(self, least: f64) -> Self {
        Self { least, ..self }
    }

    /// The pause after so many failures, 1 for the first.
    pub fn pause(&self, failures: u32) -> Duration {
        self.part(self.span(failures), rand::random())
    }

    fn span(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }

    fn part(&self, span: Duration, chance: f64) -> Duration {
        span.mul_f64(self.least + (1.0 - self.least) * chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));

    #[test]
    fn the_span_doubles_to_its_limit() {
        let seconds = |failures| BACKOFF.span(failures).as_secs_f64();
        assert_eq!([0, 1, 2, 3, 6].map(seconds), [0.25, 0.25, 0.5, 1.0, 8.0]);
        assert_eq!([7, 30, u32::MAX].map(seconds), [10.0; 3]);
    }

    #[test]
    fn a_pause_is_a_part_of_the_span_and_never_less_than_the_least() {
        let (span, fifth) = (Duration::from_secs(10), BACKOFF.with_least(0.2));
        let seconds = |backoff: Backoff, chance| backoff.part(span, chance).as_secs_f64();
        assert_eq!((seconds(BACKOFF, 0.0), seconds(BACKOFF, 1.0)), (5.0, 10.0));
        assert_eq!((seconds(fifth, 0.0), seconds(fifth, 0.5)), (2.0, 6.0));
        for failures in 0..100 {
            let pause = BACKOFF.pause(failures);
            assert!((BACKOFF.span(failures) / 2..=BACKOFF.span(failures)).contains(&pause), "{pause:?}");
        }
    }
}
