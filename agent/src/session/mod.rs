//! One call: joins the room, waits for the participant, lets the conversation talk until the call is over, and exports
//! what is known of it.
//!
//! `ending` decides when a call is over, `sign` whether somebody is there, and `metadata` reads who calls; they have no IO.
//! `call` is between them and the room. `data_guard`, `streams` and `microphone` bound what a participant may send.
//! `supervisor` exports a call however it ended. The order at the end is fixed: outbox, report to LiveKit, why the call ended for
//! who is left in the room, leave; then the worker frees the place.

mod call;
mod data_guard;
mod ending;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod metadata;
mod microphone;
mod room;
mod sessions;
mod sign;
mod streams;
mod supervisor;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use chrono::Utc;
use livekit::prelude::Room;
use schemas::{EndReason, MetricsSummary, SCHEMA_VERSION, SessionEnded, SessionId, names};
use secrecy::ExposeSecret as _;
use serde_json::Map;
use tracing::{Instrument as _, error, info, info_span, warn};

use crate::budget::Budget;
use crate::spool::Journal;
use crate::traces::Clock;
use crate::traces::session::{Held, record_session};
use crate::worker::{AssignedJob, JobControl};
use call::Call;
pub(crate) use data_guard::guard_data_channels;
use ending::Ending;
pub(crate) use room::JoinError;
pub use sessions::Sessions;
use supervisor::supervise;

impl Sessions {
    /// Runs one session from the assignment of its job until it has left the room.
    pub fn run(&self, job: AssignedJob, control: JobControl) -> impl Future<Output = ()> + Send + use<> {
        let span = info_span!("session", session.id = %job.room_name.escape_debug(), job.id = %job.id);
        let sessions = self.clone();
        async move { sessions.serve(job, control).await }.instrument(span)
    }

    async fn serve(self, job: AssignedJob, mut control: JobControl) {
        let Ok(session_id) = SessionId::try_from(job.room_name.clone()) else {
            error!("the job has no room");
            return control.report(Err("the job has no room".to_owned())).await;
        };
        self.metrics.session_began();
        let journal = self.spool.begin(self.new_session(session_id, &job)).await;
        // Outside of what may panic, so that the room is left in any case.
        let room_to_leave = OnceLock::new();
        let over = supervise(&journal, self.attend(&job, &mut control, &journal, &room_to_leave)).await;
        let exported = SystemTime::now();
        log_export(&over.session);
        if let Some(reason) = over.session.end_reason {
            self.metrics.session_ended(reason);
        }
        control.report(over.outcome).await;
        if let (Some(room), Some(reason)) = (room_to_leave.get(), over.session.end_reason) {
            room::tell_why(room, &self.agent_name, reason).await;
        }
        if ended_by_agent(&over.session) {
            if let Err(error) = self.rooms.end(&job.room_name, &job.dispatch_id).await {
                warn!("the participant is left in the room: {error:#}");
            }
        } else if over.session.end_reason == Some(EndReason::JobTerminated) {
            // Whoever has taken the agent out of the room wants no other.
            self.rooms.withdraw(&job.room_name, &job.dispatch_id).await;
        }
        if let Some(room) = room_to_leave.get() {
            room::leave(room).await;
        }
        let (clock, joined) = (Clock::now(), room_to_leave.get().is_some());
        let (assigned, left) = (clock.at(job.assigned_at), SystemTime::now());
        record_session(&over.session, Held { assigned, joined, exported, left });
    }

    async fn attend(
        &self,
        job: &AssignedJob,
        control: &mut JobControl,
        journal: &Journal,
        room_to_leave: &OnceLock<Arc<Room>>,
    ) -> anyhow::Result<Ending> {
        let joined = room::join(job, &self.agent_name, room_to_leave).await;
        let joined = joined.inspect_err(|error| self.metrics.join_failed(error))?;
        let Some((joined, events_rx)) = joined else {
            info!("another agent was in the room before: it has the call");
            return Ok(Ending { end_time: Utc::now(), reason: EndReason::JobTerminated });
        };
        let join_time = job.assigned_at.elapsed();
        self.metrics.joined(join_time);
        journal.update(|session| session.start_time = Utc::now());
        info!(join_seconds = join_time.as_secs_f64(), "joined the room");
        let budget = Budget::new(self.budget.clone(), self.metrics.clone());
        // Only the token service writes this: the job comes of the caller's own token, so the caller was there first.
        let (metadata, _) = metadata::parse(job.metadata.expose_secret());
        let calls = metadata.user_metadata.contains_key(names::metadata::SESSION_START);
        Call::new(self, joined, journal.clone(), budget, calls).run(events_rx, control).await
    }

    fn new_session(&self, session_id: SessionId, job: &AssignedJob) -> SessionEnded {
        let now = Utc::now();
        // Who calls is known from the job on, though the caller may be gone before anybody sees him.
        let (metadata, _) = metadata::parse(job.metadata.expose_secret());
        SessionEnded {
            session_id,
            user_email: metadata.user_email,
            user_metadata: metadata.user_metadata,
            start_time: now,
            end_time: now,
            duration_seconds: 0.0,
            discovered_signals: Map::new(),
            signal_sources: BTreeMap::new(),
            tool_calls: Vec::new(),
            metrics_summary: MetricsSummary::default(),
            schema_version: SCHEMA_VERSION,
            job_id: Some(job.id.clone()),
            room_sid: Some(job.room_sid.clone()).filter(|sid| !sid.is_empty()),
            agent_name: Some(self.agent_name.to_string()),
            agent_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            participant_identity: None,
            end_reason: None,
            transcript: Some(Vec::new()),
            truncated: Vec::new(),
        }
    }
}

fn ended_by_agent(session: &SessionEnded) -> bool {
    match session.end_reason {
        Some(
            EndReason::AgentEnded | EndReason::ProviderFailed | EndReason::TimeLimit | EndReason::BudgetSpent,
        ) => true,
        // Somebody is there, and is sent away.
        Some(EndReason::ParticipantAbsent) => session.participant_identity.is_some(),
        _ => false,
    }
}

fn log_export(session: &SessionEnded) {
    info!(end_reason = ?session.end_reason, "Session data ready for export: {}", session.session_id.as_str().escape_debug());
    if let Some(email) = metadata::masked_email(&session.user_email) {
        info!("  - User email: {email}");
    }
    info!("  - Duration: {:.1}s", session.duration_seconds);
}
