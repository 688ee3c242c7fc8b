//! What a sink does with messages: the [`Writer`] that each sink implements, and how it is called.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::FutureExt as _;
use prometheus::core::Collector;
use schemas::SessionEvent;
use tracing::warn;

/// One message on its way into a store.
#[derive(Debug, Clone)]
pub struct Message {
    /// What consumers need to know of the payload.
    pub event: SessionEvent,
    /// The bytes as they were published.
    pub payload: Bytes,
    /// Deliveries so far, 1 for the first.
    pub attempt: u64,
    /// Its sequence in the stream that it was read from; for logs.
    pub stream_sequence: u64,
    /// When its stream took it, by the clock of NATS; none where that is not known.
    pub published: Option<DateTime<Utc>>,
}

/// What a sink does with messages.
pub trait Writer: Send + Sync + 'static {
    /// Writes a batch and answers with one result for each message, in the order of `batch`.
    ///
    /// A writer is called again with the same messages after a crash or a lost ack, so it has to be idempotent: writing twice
    /// ends as writing once.
    fn write(&self, batch: &[Message]) -> impl Future<Output = Vec<Result<Written, WriteError>>> + Send;

    /// Does this outcome show that the store takes writes? Not where nothing had to be asked of it. While the store does not
    /// take some messages, others that it takes show that the fault is not the store's.
    fn shows_that_the_store_works(&self, _outcome: &'static str) -> bool {
        true
    }

    /// The outcomes that it gives, for the metrics to show them before the first message has one.
    fn outcomes(&self) -> &'static [&'static str] {
        &[]
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

type Answer = Result<Written, WriteError>;

/// Calls a writer under a time limit and answers for every message, whatever the writer does. Where it fails at a batch as
/// a whole, the batch is halved until the message is alone that it fails at: no other is blamed for it.
pub(crate) async fn write<W: Writer>(writer: &W, batch: &[Message], limit: Duration) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(batch.len());
    // The first is on top.
    let mut parts = vec![batch];
    while let Some(part) = parts.pop() {
        match call(writer, part, limit).await {
            Ok(results) => answers.extend(results),
            Err(Failure::NoAnswer) => {
                let reason = format!("no answer within {}", humantime::format_duration(limit));
                answers.resize(batch.len(), Err(WriteError::Unavailable { reason, after: None }));
                return answers;
            }
            Err(Failure::Writer(reason)) if part.len() > 1 => {
                warn!(reason, messages = part.len(), "the batch is halved, to find the message");
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
            Err(Failure::Writer(reason)) => answers.push(Err(WriteError::Retry { reason })),
        }
    }
    answers
}

enum Failure {
    NoAnswer,
    Writer(String),
}

async fn call<W: Writer>(writer: &W, batch: &[Message], limit: Duration) -> Result<Vec<Answer>, Failure> {
    let call = AssertUnwindSafe(async { writer.write(batch).await }).catch_unwind();
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(answers)) if answers.len() == batch.len() => Ok(answers),
        Ok(Ok(answers)) => Err(Failure::Writer(format!(
            "the writer answered for {} of {} messages",
            answers.len(),
            batch.len()
        ))),
        Ok(Err(_panic)) => Err(Failure::Writer("the writer panicked".to_owned())),
        Err(_elapsed) => Err(Failure::NoAnswer),
    }
}

/// Calls [`Writer::probe`]; a probe that panics or does not answer is a reason too.
pub(crate) async fn probe<W: Writer>(writer: &W, limit: Duration) -> Result<(), String> {
    let call = AssertUnwindSafe(async { writer.probe().await }).catch_unwind();
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_panic)) => Err("the probe panicked".to_owned()),
        Err(_elapsed) => Err("no answer to the probe".to_owned()),
    }
}

/// What a payload says, or why it is no event. A decoder that panics blames the message and nobody else.
pub(crate) fn decode(payload: &[u8], message_id: Option<&str>) -> Result<SessionEvent, String> {
    match catch_unwind(|| SessionEvent::decode(payload, message_id)) {
        Ok(decoded) => decoded.map_err(|error| error.to_string()),
        Err(_panic) => Err("the decoder panicked at the payload".to_owned()),
    }
}
