//! What a session has of the worker: its job, the word to stop, and a way to report its end.

use std::future::pending;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::debug;

use super::status::WorkerStatus;

/// Places are scarce when more than this share of them is held.
const SCARCE: f32 = 0.5;
/// Longest that a session waits for its end to be reported before it leaves its room.
const REPORT_LIMIT: Duration = Duration::from_secs(1);

/// A job that LiveKit has given to this worker.
#[derive(Debug, Clone)]
pub struct AssignedJob {
    /// LiveKit's id of the job.
    pub id: String,
    /// Name of the room.
    pub room_name: String,
    /// LiveKit's id of the room.
    pub room_sid: String,
    /// LiveKit's id of the order that the job came of; empty where it came of none.
    pub dispatch_id: String,
    /// Address to join at; the configured one where LiveKit gave none.
    pub url: String,
    /// Token to join with.
    pub token: SecretString,
    /// What the dispatch says of who calls, as the participant's metadata says it; empty where it says nothing.
    pub metadata: SecretString,
    /// When the assignment came.
    pub assigned_at: Instant,
}

/// Why the worker ends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// LiveKit ended the job.
    JobTerminated,
    /// The program is told to stop, and its drain limit has passed.
    AgentShutdown,
}

/// What connects a session with the worker.
pub struct JobControl {
    job_id: String,
    stop_rx: watch::Receiver<Option<StopReason>>,
    status_rx: watch::Receiver<WorkerStatus>,
    notices_tx: mpsc::UnboundedSender<Notice>,
}

/// What a session tells the worker.
pub(super) enum Notice {
    CallOver { job_id: String },
    JobEnded { job_id: String, outcome: Result<(), String>, written_tx: oneshot::Sender<()> },
}

impl JobControl {
    pub(super) fn new(
        job_id: String,
        stop_rx: watch::Receiver<Option<StopReason>>,
        status_rx: watch::Receiver<WorkerStatus>,
        notices_tx: mpsc::UnboundedSender<Notice>,
    ) -> Self {
        Self { job_id, stop_rx, status_rx, notices_tx }
    }

    /// Whether others may soon need the place that this session holds.
    pub(crate) fn places_are_scarce(&self) -> bool {
        self.status_rx.borrow().load > SCARCE
    }

    /// Resolves when the worker ends the session. Cancel-safe.
    pub async fn stopped(&mut self) -> StopReason {
        match self.stop_rx.wait_for(Option::is_some).await.map(|reason| *reason) {
            Ok(Some(reason)) => reason,
            _ => pending().await,
        }
    }

    /// Tells that the call is over: the room is no longer served, though its place is held until the session has left.
    pub fn call_over(&self) {
        self.tell(Notice::CallOver { job_id: self.job_id.clone() });
    }

    /// Reports the end of the job, and returns when that is sent, cannot be, or takes over a second. To be called before
    /// leaving the room: LiveKit takes a job for failed whose agent leaves first.
    pub async fn report(&self, outcome: Result<(), String>) {
        let (written_tx, written_rx) = oneshot::channel();
        self.tell(Notice::JobEnded { job_id: self.job_id.clone(), outcome, written_tx });
        if !matches!(timeout(REPORT_LIMIT, written_rx).await, Ok(Ok(()))) {
            debug!("the end of the job was not reported: not connected");
        }
    }

    fn tell(&self, notice: Notice) {
        if self.notices_tx.send(notice).is_err() {
            debug!("the worker has stopped already");
        }
    }
}
