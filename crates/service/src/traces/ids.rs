//! Ids of traces and spans. Those of a call's own spans follow from the call, so that whoever knows it knows them.

use opentelemetry::trace::{SpanId, TraceId};
use ring::digest::{SHA256, digest};

/// The trace of a call: one for each room, whichever jobs it has had, and whichever programs tell of it.
pub fn trace_of(session_id: &str) -> TraceId {
    TraceId::from_bytes(first_bytes(&["trace", session_id]))
}

/// The span of that kind that a call has once: of a job, where it is one of a job's. `kind` is its name, and a number where a job
/// has several.
pub fn span_of(kind: &str, session_id: &str, job_id: &str) -> SpanId {
    SpanId::from_bytes(first_bytes(&[kind, session_id, job_id]))
}

/// The span of the token with which somebody comes into a call: the first of its trace.
pub fn token_span_of(session_id: &str) -> SpanId {
    span_of("token", session_id, "")
}

/// The id of a trace that belongs to no call: that of a batch of several.
pub fn new_trace() -> TraceId {
    TraceId::from_bytes(rand::random())
}

/// The id of a span that does not follow from a call.
pub fn new_span() -> SpanId {
    SpanId::from_bytes(rand::random())
}

/// Of the SHA-256 of some parts, each with its length before it, so that no two lists of parts are the same bytes.
fn first_bytes<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut bytes = b"postcall".to_vec();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    let mut first = [0; N];
    first.copy_from_slice(&digest(&SHA256, &bytes).as_ref()[..N]);
    first
}
