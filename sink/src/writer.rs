use std::time::Duration;

use bytes::Bytes;
use prometheus::core::Collector;
use schemas::SessionEvent;

/// One message on its way into a store.
#[derive(Debug, Clone)]
pub struct Message {
    /// What consumers need to know of the payload.
    pub event: SessionEvent,
    /// The published bytes.
    pub payload: Bytes,
    /// Deliveries so far, 1 for the first.
    pub attempt: u64,
    /// Its sequence in the stream that it was read from; for logs.
    pub stream_sequence: u64,
}

/// What a sink does with messages.
pub trait Writer: Send + Sync + 'static {
    /// Writes a batch and answers with one result for each message, in the order of `batch`.
    ///
    /// It is called again with the same messages after a crash or a lost ack, so writing twice must end as writing once.
    fn write(&self, batch: &[Message]) -> impl Future<Output = Vec<Result<Written, WriteError>>> + Send;

    /// Does this outcome show that the store takes writes? Not where nothing had to be asked of it. While the store does not
    /// take some messages, others that it takes show that the fault is not the store's.
    fn shows_that_the_store_works(&self, _outcome: &'static str) -> bool {
        true
    }

    /// What it counts itself, to be shown with the sink's own metrics.
    fn metrics(&self) -> Vec<Box<dyn Collector>> {
        Vec::new()
    }

    /// Is the store there and configured as it must be? `Err` is the reason why not; readiness shows it.
    fn probe(&self) -> impl Future<Output = Result<(), String>> + Send {
        async { Ok(()) }
    }
}

/// Outcome of a message that its store refuses for good.
pub const PERMANENT: &str = "permanent";
/// Outcome of a dead letter that is no session-end event.
pub const UNDECODABLE: &str = "undecodable";
/// Outcome of a dead letter whose own fault did not pass.
pub(crate) const ATTEMPTS_USED_UP: &str = "attempts_used_up";
/// Outcome of a delivery that will be delivered again because of the message's own passing fault.
pub const RETRIED: &str = "retried";

/// Durable, or durably needless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// What was done, as a metrics label: `archived`, `updated`, `unchanged`, `stale`, `no_match`, …
    pub outcome: &'static str,
}

/// Why a message is not in the store. The reasons hold neither payload nor e-mail address: they are logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The message's own passing fault, such as a locked row: delivered again after a back-off, a bounded number of
    /// times, then a dead letter.
    #[error("{reason}")]
    Retry { reason: String },
    /// The message can never be written: a dead letter at once. `outcome` is its metrics label, such as [`PERMANENT`].
    #[error("{reason}")]
    Reject { outcome: &'static str, reason: String },
    /// The store is there and did not take this write for the moment: it throttles, answered an internal error, or the
    /// connection broke. The message is held and written again after a jittered pause, `after` (the store's `Retry-After`)
    /// at the earliest. While there are many of these, fewer writes are made at a time; where nothing else comes for some
    /// seconds, it is as [`Self::Unavailable`].
    #[error("{reason}")]
    Busy { reason: String, after: Option<Duration> },
    /// The store is down or wrongly configured: nothing is dead-lettered, pulling pauses, and the held messages are written
    /// again with a growing back-off, `after` at the earliest. One that is refused again and again while others are written is
    /// treated as [`Self::Retry`], and so is one of [`Self::Busy`].
    #[error("{reason}")]
    Unavailable { reason: String, after: Option<Duration> },
}
