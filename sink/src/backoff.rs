use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

/// Pause before another try after `failures` of them (1 for the first): a random part of a span that doubles from
/// 250 ms to 30 s, and at least a fifth of it, so that many waiters do not come back at once.
pub(crate) fn pause_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let span = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    span.mul_f64(rand::random_range(0.2..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        for _ in 0..100 {
            assert!((FIRST.mul_f64(0.2)..=FIRST).contains(&pause_after(1)));
            assert!(pause_after(4) >= FIRST.mul_f64(1.6));
            assert!((LONGEST.mul_f64(0.2)..=LONGEST).contains(&pause_after(u32::MAX)));
        }
    }
}
