//! Waiting for what happens soon.

use std::time::{Duration, Instant};

/// Longest that something may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// Waits until a condition holds.
///
/// # Panics
/// It does not hold within 30 s.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < LIMIT, "not so after {LIMIT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
