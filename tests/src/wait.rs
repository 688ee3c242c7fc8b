//! Waiting for what a program or server does.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// Asks until there is an answer, every 20 ms, for at most `limit`; the error says `what` was waited for and what was
/// last seen.
pub async fn wait_for<T, F>(what: &str, limit: Duration, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let start = Instant::now();
    loop {
        let answer = ask().await;
        if let Ok(Some(found)) = answer {
            return Ok(found);
        }
        if start.elapsed() > limit {
            match answer {
                Err(error) => bail!("waited {limit:?} for {what}: {error:#}"),
                Ok(_) => bail!("waited {limit:?} for {what}"),
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
}
