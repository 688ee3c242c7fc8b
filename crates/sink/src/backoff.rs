use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);
const LONGEST_OWN: Duration = Duration::from_secs(300);
const FIRST_SHORT: Duration = Duration::from_millis(50);
const LONGEST_SHORT: Duration = Duration::from_secs(5);

/// Pause before another try after `failures` of them (1 for the first): a random part of a span that doubles from
/// 250 ms to 30 s, and at least a fifth of it, so that many waiters do not come back at once.
pub(crate) fn pause_after(failures: u32) -> Duration {
    jittered(failures, LONGEST)
}

/// Pause before another delivery of a message after `failures` faults of its own, such as a locked row: as
/// [`pause_after`], up to 5 minutes. 20 tries take half an hour or so, in which a job that holds a record can end.
pub(crate) fn own_pause_after(failures: u32) -> Duration {
    jittered(failures, LONGEST_OWN)
}

/// Pause before another try of a write that a busy store refused `failures` times: a random part, however small, of a span
/// that doubles from 50 ms to 5 s. The number of writes at a time keeps the waiters from coming back at once.
pub(crate) fn short_pause_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let span = FIRST_SHORT.saturating_mul(1 << doublings).min(LONGEST_SHORT);
    span.mul_f64(rand::random_range(0.0..=1.0))
}

fn jittered(failures: u32, longest: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let span = FIRST.saturating_mul(1 << doublings).min(longest);
    span.mul_f64(rand::random_range(0.2..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        for _ in 0..100 {
            assert!((FIRST.mul_f64(0.2)..=FIRST).contains(&pause_after(1)));
            assert!(short_pause_after(1) <= FIRST_SHORT);
            assert!(short_pause_after(u32::MAX) <= LONGEST_SHORT);
            assert!(pause_after(4) >= FIRST.mul_f64(1.6));
            assert!((LONGEST.mul_f64(0.2)..=LONGEST).contains(&pause_after(u32::MAX)));
            assert!((LONGEST_OWN.mul_f64(0.2)..=LONGEST_OWN).contains(&own_pause_after(u32::MAX)));
        }
    }
}
