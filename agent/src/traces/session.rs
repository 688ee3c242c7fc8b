//! The spans of a session, made of its payload when it is over: by who held it, or, where that process has died, by who publishes
//! it.

use std::time::SystemTime;

use schemas::{EndReason, SessionEnded, names};
use service::traces::{Span, child, record};

use super::JobTrace;
use crate::metrics::end_reason_word;

/// What a payload does not say of a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    /// LiveKit has assigned the job.
    pub(crate) assigned: SystemTime,
    /// The agent was in the room.
    pub(crate) joined: bool,
    /// The session was in the outbox.
    pub(crate) exported: SystemTime,
    /// The agent has left the room.
    pub(crate) left: SystemTime,
}

/// Records a session that was held to its end.
pub(crate) fn record_session(session: &SessionEnded, held: Held) {
    if let Some(trace) = session.identity().and_then(JobTrace::sampled) {
        record(spans(&trace, session, held));
    }
}

/// The spans of a session that was held to its end.
pub(super) fn spans(trace: &JobTrace, session: &SessionEnded, held: Held) -> Vec<Span> {
    let (joined_at, ended_at) = (session.start_time.into(), session.end_time.into());
    let below_job = |name: &'static str, began, ended| {
        Span::new(child(trace.job()), Some(trace.job()), name, began, ended)
    };
    let mut spans = vec![job(trace, session, held.assigned, held.left)];
    if held.joined {
        spans.push(below_job("room_connect", held.assigned, joined_at));
    } else {
        spans.push(below_job("room_connect", held.assigned, ended_at).failed("not_joined"));
    }
    spans.push(agent_session(trace, session));
    spans.push(below_job("session_close", ended_at, held.exported));
    spans.push(below_job("room_disconnect", held.exported, held.left));
    spans
}

/// The spans of a session whose process has died: as far as its journal tells.
pub(super) fn recovered(trace: &JobTrace, session: &SessionEnded) -> Vec<Span> {
    let job = job(trace, session, session.start_time.into(), session.end_time.into());
    vec![job, agent_session(trace, session)]
}

fn job(trace: &JobTrace, session: &SessionEnded, began: SystemTime, ended: SystemTime) -> Span {
    // Only the token service writes this.
    let token = session.user_metadata.contains_key(names::metadata::SESSION_START).then(|| trace.token());
    let mut span = Span::new(trace.job().clone(), token.as_ref(), "job_entrypoint", began, ended)
        .with_text("session.id", session.session_id.as_str());
    for (key, text) in [
        ("lk.job_id", &session.job_id),
        ("lk.agent_name", &session.agent_name),
        ("lk.room_sid", &session.room_sid),
    ] {
        if let Some(text) = text {
            span = span.with_text(key, text);
        }
    }
    with_failure(span, session)
}

fn agent_session(trace: &JobTrace, session: &SessionEnded) -> Span {
    let (began, ended) = (session.start_time.into(), session.end_time.into());
    let metrics = &session.metrics_summary;
    let span = Span::new(trace.session(), Some(trace.job()), "agent_session", began, ended)
        .with("gen_ai.operation.name", "invoke_agent")
        .with_text("gen_ai.conversation.id", session.session_id.as_str())
        .with_text("gen_ai.agent.name", session.agent_name.as_deref().unwrap_or_default())
        .with_some("lk.close_reason", session.end_reason.map(end_reason_word))
        .with("gen_ai.usage.input_tokens", count(metrics.llm_prompt_tokens))
        .with("gen_ai.usage.output_tokens", count(metrics.llm_completion_tokens))
        .with("postcall.user_turns", count(metrics.user_turns))
        .with("postcall.tool_calls", session.tool_calls.len() as i64)
        .with("postcall.provider_errors", count(metrics.provider_errors));
    with_failure(span, session)
}

/// Where it is the agent's, or its services'.
fn with_failure(span: Span, session: &SessionEnded) -> Span {
    match session.end_reason {
        Some(reason @ (EndReason::AgentFailed | EndReason::AgentRecovered | EndReason::ProviderFailed)) => {
            span.failed(end_reason_word(reason))
        }
        _ => span,
    }
}

pub(crate) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
