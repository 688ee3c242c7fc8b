//! When a request is sent again, and when it has failed (RFC 8489, 6.2).

use std::time::{Duration, Instant};

/// The time until the first repetition, which doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// How often a request is sent over UDP: after 0, 0.5, 1.5, 3.5 and 7.5 s. The seven times that the standard suggests would
/// end after 39.5 s, long after the connection was given up.
const SENDINGS: u32 = 5;
/// How long an answer is waited for, over UDP after the last sending included.
const PATIENCE: Duration = Duration::from_millis(9_500);

/// The clock of one request.
#[derive(Debug)]
pub(crate) struct Repetition {
    started: Instant,
    sendings: u32,
    reliable: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    SendAgain,
    /// No answer came to any of the sendings.
    TimedOut,
}

impl Repetition {
    /// The request is sent now. A `reliable` transport repeats it by itself.
    pub(crate) fn start(reliable: bool, now: Instant) -> Self {
        Self { started: now, sendings: 1, reliable }
    }

    pub(crate) fn next_timeout(&self) -> Instant {
        if self.reliable || self.sendings >= SENDINGS {
            return self.started + PATIENCE;
        }
        self.started + FIRST_WAIT * (2u32.pow(self.sendings) - 1)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Due {
        if now >= self.started + PATIENCE {
            return Due::TimedOut;
        }
        if now < self.next_timeout() {
            return Due::Nothing;
        }
        self.sendings += 1;
        Due::SendAgain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sendings(reliable: bool) -> Vec<u128> {
        let start = Instant::now();
        let mut repetition = Repetition::start(reliable, start);
        let mut at = vec![0];
        loop {
            let now = repetition.next_timeout();
            match repetition.handle_timeout(now) {
                Due::Nothing => panic!("nothing is due at {now:?}"),
                Due::SendAgain => at.push((now - start).as_millis()),
                Due::TimedOut => {
                    at.push((now - start).as_millis());
                    return at;
                }
            }
        }
    }

    #[test]
    fn waits_double_and_end() {
        assert_eq!(sendings(false), [0, 500, 1_500, 3_500, 7_500, 9_500]);
        assert_eq!(sendings(true), [0, 9_500]);
    }
}
