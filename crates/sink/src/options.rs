//! How a sink is driven: what its crate says, and what its operator may set.

use std::time::Duration;

use service::{Nats, SyncInterval};

/// What the durable consumer's `ack_wait` has over the time limit of a write.
const ACK_MARGIN: Duration = Duration::from_secs(15);

/// How the runtime drives the writer of a sink.
#[derive(Debug, Clone)]
pub struct SinkOptions {
    /// Most messages in one call of the writer.
    pub max_batch: usize,
    /// How long a batch waits for more messages.
    pub linger: Duration,
    /// Most calls of the writer at a time.
    pub max_concurrent_writes: usize,
    /// A call of the writer that takes longer is given up, as if the store were down.
    pub write_timeout: Duration,
}

impl SinkOptions {
    /// Messages that may be in flight at a time: those of every call of the writer, and as many that wait for theirs, or for
    /// another try.
    pub(crate) fn places(&self) -> usize {
        2 * self.max_batch * self.max_concurrent_writes
    }
}

/// How long the server waits for an ack before it delivers again.
pub(crate) fn ack_wait(write_timeout: Duration) -> Duration {
    write_timeout + ACK_MARGIN
}

/// Flags of `run` that every sink has.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub nats: Nats,
    /// Tries that a message gets while the faults are its own (a locked row), before it becomes a dead letter. The pauses
    /// between them grow to 5 minutes.
    #[arg(long, env = "SINK_MAX_ATTEMPTS", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_attempts: u32,
    /// MiB of payloads that may be in flight at a time: pulled, and not yet settled. A message of any size is taken, if need
    /// be alone.
    #[arg(long, env = "SINK_MAX_MIB_IN_FLIGHT", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub max_mib_in_flight: u32,
    /// The message of a dead letter is settled when the letter is safe.
    #[command(flatten)]
    pub sync_interval: SyncInterval,
    /// How long a shutdown waits for the messages in flight.
    #[arg(long, env = "SINK_SHUTDOWN_GRACE", default_value = "20s", value_parser = humantime::parse_duration)]
    pub shutdown_grace: Duration,
}

/// Settings that have another name by now, with that name.
pub(crate) const RENAMED_SETTINGS: &[(&str, &str)] = &[("SINK_MAX_MIB_IN_HAND", "SINK_MAX_MIB_IN_FLIGHT")];
