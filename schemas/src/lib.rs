//! The contract between the agent, which publishes one event per ended session, and everyone who reads it.
//!
//! - [`SessionEnded`]: the payload, version 1: nine core fields at the top level, further fields additive.
//! - [`SessionIdentity`]: who an event is; the `Nats-Msg-Id` and the object key are made of it.
//! - [`SessionEvent`]: what a consumer needs to know of a payload, decoded from its bytes.
//! - [`json`]: JSON read in place, whatever a payload may hold.
//! - [`names`]: subjects, streams, durables, headers.
//! - [`documents`]: the JSON Schema and the AsyncAPI document, generated from these types.
//!
//! There is no IO here, and no clock: the same event always has the same names.

pub mod documents;
mod email;
mod event;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod identity;
pub mod json;
pub mod names;
mod session_ended;
mod size_limit;
pub mod timestamp;

pub use email::{Email, InvalidEmail};
pub use event::{DecodeError, RecordedEmail, SessionEvent, UnreadableEmail};
pub use identity::{InvalidSessionId, SessionId, SessionIdentity};
pub use session_ended::{
    EndReason, Latencies, Latency, MetricsSummary, ModelUsage, Role, SCHEMA_VERSION, SessionEnded,
    SignalSource, ToolCall, ToolCallOutcome, TranscriptEntry, UsageType,
};
pub use size_limit::encode_within;
