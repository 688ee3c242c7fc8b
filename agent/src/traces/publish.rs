//! The span of a publish, and what the message tells of it to whoever reads it.

use std::time::SystemTime;

use async_nats::jetstream::context::PublishError;
use async_nats::jetstream::publish::PublishAck;
use schemas::{EndReason, SessionEnded, SessionIdentity, names};
use service::Refusal;
use service::traces::{Span, SpanContext, SpanKind, child, record, traceparent};

use super::{JobTrace, session};

/// How a payload says that its process has died; most have not, and are not read.
const RECOVERED: &[u8] = b"agent_recovered";

/// A message on its way to JetStream.
pub(crate) struct Sending {
    trace: JobTrace,
    context: SpanContext,
    message_id: String,
    began: SystemTime,
}

impl Sending {
    /// None while traces are off.
    pub(crate) fn begin(identity: &SessionIdentity) -> Option<Self> {
        let trace = JobTrace::of(identity.clone())?;
        let context = child(trace.job());
        Some(Self { trace, context, message_id: identity.message_id(), began: SystemTime::now() })
    }

    /// What the message has in the header [`names::header::TRACE_PARENT`].
    pub(crate) fn traceparent(&self) -> String {
        traceparent(&self.context)
    }

    /// Records what became of it. What JetStream has had already is of the try that brought it, and is told there.
    pub(crate) fn ended(self, payload: &[u8], answer: &Result<Result<PublishAck, PublishError>, Refusal>) {
        let outcome = match answer {
            Ok(Ok(ack)) if ack.duplicate => return,
            Ok(Ok(ack)) if ack.stream == names::SESSIONS_STREAM => Ok(()),
            Ok(Ok(_)) => Err("other_stream".to_owned()),
            Ok(Err(error)) => Err(format!("{:?}", error.kind())),
            Err(_) => Err("permissions_violation".to_owned()),
        };
        if self.context.is_sampled() {
            record(spans(&self, payload, outcome, SystemTime::now()));
        }
    }
}

/// Those of the session as well, where its own process could not record them.
fn spans(sending: &Sending, payload: &[u8], outcome: Result<(), String>, ended: SystemTime) -> Vec<Span> {
    let Sending { trace, context, message_id, began } = sending;
    let span = Span::new(context.clone(), Some(trace.job()), "send sessions.ended.v1", *began, ended)
        .of_kind(SpanKind::Producer)
        .with("messaging.system", "nats")
        .with("messaging.operation.type", "send")
        .with("messaging.destination.name", names::SESSION_ENDED_V1)
        .with_text("messaging.message.id", message_id)
        .with("messaging.message.body.size", payload.len() as i64);
    if let Err(error) = outcome {
        return vec![span.failed(error)];
    }
    let mut spans = vec![span];
    let may_be_recovered = payload.windows(RECOVERED.len()).any(|part| part == RECOVERED);
    if may_be_recovered
        && let Ok(session) = serde_json::from_slice::<SessionEnded>(payload)
        && session.end_reason == Some(EndReason::AgentRecovered)
    {
        spans.extend(session::recovered(trace, &session));
    }
    spans
}

#[cfg(test)]
pub(super) fn spans_of_a_publish(trace: &JobTrace, payload: &[u8], outcome: Result<(), String>) -> Vec<Span> {
    let began = SystemTime::UNIX_EPOCH;
    let (context, message_id) = (child(trace.job()), trace.identity.message_id());
    let sending = Sending { trace: trace.clone(), context, message_id, began };
    spans(&sending, payload, outcome, SystemTime::UNIX_EPOCH)
}
