//! When what a NATS server has acknowledged is safe.

use std::time::Duration;

/// How long a NATS server takes until it has synced what it has acknowledged.
///
/// JetStream acknowledges first: a power cut takes back what it has not synced.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct SyncInterval {
    /// The `sync_interval` of the NATS server, such as 2m, or `always`. What it has acknowledged counts as safe after twice that
    /// time, and is kept until then.
    #[arg(long, env, value_parser = parse, default_value = "2m")]
    nats_sync_interval: Duration,
}

impl SyncInterval {
    /// What is acknowledged is safe after this time; none where the server syncs before it acknowledges.
    pub fn safe_after(self) -> Option<Duration> {
        (!self.nats_sync_interval.is_zero()).then(|| self.nats_sync_interval.saturating_mul(2))
    }
}

impl From<Duration> for SyncInterval {
    fn from(nats_sync_interval: Duration) -> Self {
        Self { nats_sync_interval }
    }
}

/// As the server's configuration has it.
fn parse(text: &str) -> Result<Duration, String> {
    match text.trim() {
        "always" => Ok(Duration::ZERO),
        text => humantime::parse_duration(text)
            .map_err(|error| format!("{error}: give a time, such as 2m, or always")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_the_server_writes_it() {
        let safe_after = |text| parse(text).map(|interval| SyncInterval::from(interval).safe_after());
        assert_eq!(safe_after("2m"), Ok(Some(Duration::from_secs(240))));
        assert_eq!(safe_after("10s"), Ok(Some(Duration::from_secs(20))));
        assert_eq!((safe_after("always"), safe_after("0s")), (Ok(None), Ok(None)));
        assert!(
            safe_after("never").is_err_and(|error| error.ends_with("give a time, such as 2m, or always"))
        );
    }
}
