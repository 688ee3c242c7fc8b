//! A job's place in the trace of its call, and the spans of all but what is said. The trace follows from the room, and the ids of the
//! job's own spans from room and job, so that whatever a dead process has exported, and whoever finishes its session, tell of one call.
//!
//! `session` makes the spans of a session when it is over, `publish` that of a publish; those of a conversation are its own.

pub(crate) mod publish;
pub(crate) mod session;
#[cfg(test)]
pub(crate) mod tests;

use std::time::{Instant, SystemTime};

use schemas::SessionIdentity;
use service::traces::{SpanContext, beginning, beside, span_of, token_span_of, trace_of};

/// Where the spans of one job belong.
#[derive(Debug, Clone)]
pub(crate) struct JobTrace {
    identity: SessionIdentity,
    job: SpanContext,
}

impl JobTrace {
    /// None while traces are off.
    pub(crate) fn of(identity: SessionIdentity) -> Option<Self> {
        let (session_id, job_id) = (identity.session_id.as_str(), identity.job_id.as_str());
        let job = beginning(trace_of(session_id), span_of("job", session_id, job_id))?;
        Some(Self { identity, job })
    }

    /// None where nobody would see its spans, either.
    pub(crate) fn sampled(identity: SessionIdentity) -> Option<Self> {
        Self::of(identity).filter(|trace| trace.job.is_sampled())
    }

    /// The span of the job, with which the agent's part begins.
    pub(crate) fn job(&self) -> &SpanContext {
        &self.job
    }

    /// The span of the token with which the caller came.
    pub(crate) fn token(&self) -> SpanContext {
        beside(&self.job, token_span_of(self.identity.session_id.as_str()))
    }

    /// The span of the session, in which the turns are.
    pub(crate) fn session(&self) -> SpanContext {
        self.own("session")
    }

    /// The span of the agent's reply to the caller's turn of that number: what it has had done elsewhere may end after it.
    pub(crate) fn agent_turn(&self, turn: u32) -> SpanContext {
        self.own(&format!("agent_turn {turn}"))
    }

    fn own(&self, kind: &str) -> SpanContext {
        let SessionIdentity { session_id, job_id } = &self.identity;
        beside(&self.job, span_of(kind, session_id.as_str(), job_id))
    }
}

/// What the wall clock showed at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    moment: Instant,
    time: SystemTime,
}

impl Clock {
    pub(crate) fn now() -> Self {
        Self { moment: Instant::now(), time: SystemTime::now() }
    }

    /// What it showed then, or will show.
    pub(crate) fn at(self, then: Instant) -> SystemTime {
        match then.checked_duration_since(self.moment) {
            Some(later) => self.time + later,
            None => self.time - self.moment.saturating_duration_since(then),
        }
    }
}
