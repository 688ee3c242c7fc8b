//! The worker's messages for livekit-server: its registration, its answers to offers, its load, and what became of jobs.

use std::collections::HashMap;

use livekit_protocol::{
    AvailabilityResponse, JobStatus, JobType, ParticipantPermission, RegisterWorkerRequest, UpdateJobStatus,
    UpdateWorkerStatus, WorkerStatus, worker_message::Message,
};

use super::connection::PING_INTERVAL;
use super::jobs::Answer;
use crate::agent_state::{AgentState, attributes};

/// What the worker is: it takes whole rooms, and its agents speak, hear, and say what they do in their attributes.
pub(super) fn registration(agent_name: &str) -> RegisterWorkerRequest {
    RegisterWorkerRequest {
        r#type: JobType::JtRoom.into(),
        agent_name: agent_name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ping_interval: PING_INTERVAL.as_secs() as u32,
        #[expect(deprecated, reason = "older servers take the participant's kind from it")]
        allowed_permissions: Some(ParticipantPermission {
            can_subscribe: true,
            can_publish: true,
            can_publish_data: true,
            can_update_metadata: true,
            agent: true,
            ..ParticipantPermission::default()
        }),
        instance_id: format!("{:032x}", rand::random::<u128>()),
        ..RegisterWorkerRequest::default()
    }
}

/// The answer to an offer; with it goes how the agent shall appear in the room.
pub(super) fn availability(job_id: &str, agent_name: &str, answer: Answer) -> Message {
    let available = answer == Answer::Accept;
    Message::Availability(AvailabilityResponse {
        job_id: job_id.to_owned(),
        available,
        terminate: answer == Answer::RefuseForGood,
        participant_identity: if available { format!("agent-{job_id}") } else { String::new() },
        participant_name: if available { agent_name.to_owned() } else { String::new() },
        participant_attributes: if available {
            attributes(agent_name, AgentState::Initializing)
        } else {
            HashMap::new()
        },
        ..AvailabilityResponse::default()
    })
}

/// From this load on LiveKit offers a worker no more jobs (its `target_load` is 0.7 by default), though places are free; how
/// many are taken is the worker's to decide. So what is told stays below it until there is none.
const HIGHEST_LOAD: f32 = 0.65;

pub(super) fn worker_status(available: bool, load: f32, job_count: usize) -> Message {
    let status = if available { WorkerStatus::WsAvailable } else { WorkerStatus::WsFull };
    Message::UpdateWorker(UpdateWorkerStatus {
        status: Some(status.into()),
        load: if available { load * HIGHEST_LOAD } else { 1.0 },
        job_count: u32::try_from(job_count).unwrap_or(u32::MAX),
        ..UpdateWorkerStatus::default()
    })
}

pub(super) fn job_succeeded(job_id: &str) -> Message {
    let status = JobStatus::JsSuccess.into();
    Message::UpdateJob(UpdateJobStatus { job_id: job_id.to_owned(), status, error: String::new() })
}

pub(super) fn job_failed(job_id: &str, error: &str) -> Message {
    let status = JobStatus::JsFailed.into();
    Message::UpdateJob(UpdateJobStatus { job_id: job_id.to_owned(), status, error: error.to_owned() })
}
