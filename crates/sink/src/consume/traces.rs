//! What becomes of a message, as a span in the trace of its call: below the publish that its header names, or, where it names none,
//! in the trace that its session's id makes. A batch of several sessions has many parents, so its write is a trace of its own, and
//! they are linked to each other.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use schemas::SessionEvent;
use schemas::names::{SESSION_ENDED_V1, header};
use service::traces::{
    Span, SpanContext, SpanKind, are_on, beginning, below, new_span, new_trace, read_traceparent, record,
    sampled, trace_of, within,
};

use crate::consume::in_flight::Delivery;
use crate::writer::{WriteError, Written};

/// A delivery, from its coming to its settlement.
pub(crate) struct ProcessTrace {
    context: SpanContext,
    parent: Option<SpanContext>,
    session_id: Option<String>,
    /// The write of several messages that it was last in.
    write: Mutex<Option<SpanContext>>,
}

/// One call of the writer.
pub(crate) struct WriteTrace {
    /// Its calls of the store are below this.
    context: Option<SpanContext>,
    /// Where it is a span of its own.
    batch: Option<Batch>,
}

struct Batch {
    sink: &'static str,
    messages: usize,
    links: Vec<SpanContext>,
    began: SystemTime,
}

impl ProcessTrace {
    /// None where nobody wants it, or nothing tells whose it is.
    pub(crate) fn of(delivery: &Delivery, event: Option<&SessionEvent>) -> Option<Self> {
        if !are_on() {
            return None;
        }
        let parent = delivery.message.headers.get(header::TRACE_PARENT).and_then(read_traceparent);
        let session_id = event.map(|event| event.identity.session_id.as_str());
        let context = match &parent {
            Some(parent) => below(parent),
            None => beginning(trace_of(session_id?), new_span()),
        };
        let context = context.filter(SpanContext::is_sampled)?;
        Some(Self { context, parent, session_id: session_id.map(str::to_owned), write: Mutex::default() })
    }

    /// Records the span of a delivery that is settled.
    fn settled(self, sink: &'static str, delivery: &Delivery, outcome: &'static str, failed: bool) {
        let mut span = Span::new(
            self.context,
            self.parent.as_ref(),
            "process sessions.ended.v1",
            delivery.taken,
            SystemTime::now(),
        )
        .of_kind(SpanKind::Consumer)
        .with("messaging.system", "nats")
        .with("messaging.operation.type", "process")
        .with("messaging.destination.name", SESSION_ENDED_V1)
        .with("messaging.consumer.group.name", sink)
        .with("postcall.outcome", outcome)
        .with("postcall.delivery.attempt", i64::try_from(delivery.message.deliveries).unwrap_or(i64::MAX));
        if let Some(session_id) = &self.session_id {
            span = span.with_text("session.id", session_id);
        }
        if let Some(write) = self.write.into_inner().unwrap_or_else(PoisonError::into_inner) {
            span = span.linked_to(&write);
        }
        record([if failed { span.failed(outcome) } else { span }]);
    }
}

impl Delivery {
    /// Tells the trace of its call, where there is one, that it is settled.
    pub(crate) fn trace_settled(&mut self, sink: &'static str, outcome: &'static str, failed: bool) {
        if let Some(trace) = self.trace.take() {
            trace.settled(sink, self, outcome, failed);
        }
    }
}

impl WriteTrace {
    pub(crate) fn of(sink: &'static str, deliveries: &[Delivery]) -> Self {
        if let [delivery] = deliveries {
            return Self { context: delivery.trace.as_ref().map(|trace| trace.context.clone()), batch: None };
        }
        let traces: Vec<_> = deliveries.iter().filter_map(|delivery| delivery.trace.as_ref()).collect();
        if traces.is_empty() {
            return Self { context: None, batch: None };
        }
        let context = sampled(new_trace());
        for trace in &traces {
            *trace.write.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.clone());
        }
        let links = traces.iter().map(|trace| trace.context.clone()).collect();
        let batch = Batch { sink, messages: deliveries.len(), links, began: SystemTime::now() };
        Self { context: Some(context), batch: Some(batch) }
    }

    /// Follows the call to its end.
    pub(crate) async fn follow(
        self,
        writing: impl Future<Output = Vec<Result<Written, WriteError>>>,
    ) -> Vec<Result<Written, WriteError>> {
        let results = within(self.context.clone(), writing).await;
        if let (Some(context), Some(batch)) = (self.context, self.batch) {
            record([batch.span(context, &results)]);
        }
        results
    }
}

impl Batch {
    fn span(&self, context: SpanContext, results: &[Result<Written, WriteError>]) -> Span {
        let failed = results.iter().filter(|result| result.is_err()).count();
        let span = Span::new(context, None, "write", self.began, SystemTime::now())
            .with("messaging.consumer.group.name", self.sink)
            .with("messaging.batch.message_count", self.messages as i64)
            .with("postcall.not_written", failed as i64);
        let span = self.links.iter().fold(span, Span::linked_to);
        if failed > 0 { span.failed("not_written") } else { span }
    }
}
