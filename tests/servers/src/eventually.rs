use std::time::{Duration, Instant};

/// Longer than anything takes on a machine whose cores are all busy.
const LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until a condition holds. `what` it is stands in the panic.
///
/// # Panics
/// It does not hold within a minute.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < LIMIT, "not so after a minute: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
