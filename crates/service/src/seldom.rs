//! Keeps a line that could be logged all the time to once a minute.

use std::time::Duration;

use tokio::time::Instant;

const INTERVAL: Duration = Duration::from_mins(1);

/// Lets a line into the log once a minute, however often there would be one.
#[derive(Debug, Default)]
pub struct Seldom {
    last: Option<Instant>,
    skipped: u64,
}

impl Seldom {
    /// Whether to log now, and how many lines were left out since the last one.
    pub fn now(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < INTERVAL) {
            self.skipped += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.skipped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_says_how_many_there_were() {
        let start = Instant::now();
        let mut seldom = Seldom::default();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(
            [0, 1, 59, 60, 61].map(|second| seldom.now(at(second))),
            [Some(0), None, None, Some(2), None]
        );
    }
}
