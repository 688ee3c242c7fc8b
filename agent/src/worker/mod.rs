//! The worker's side of LiveKit's dispatching: registers, answers offers by a count of free places, starts a session for
//! each assignment, and reports its end.
//!
//! `jobs` decides and has no IO; `connection` keeps the socket and decides nothing; this module is between them and owns
//! the sessions, which go on while the connection is lost.

mod connection;
mod jobs;
mod messages;

use std::collections::HashMap;
use std::future::pending;
use std::time::{Duration, Instant};

use livekit_protocol::{server_message, worker_message};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::configuration::{LiveKitArgs, WorkerArgs};
use crate::metrics::Metrics;
use connection::{FromServer, ToServer};
use jobs::{Answer, Assignment, Jobs};

/// Longest that a session waits for its end to be reported before it leaves its room.
const REPORT_LIMIT: Duration = Duration::from_secs(1);
/// Longest that ended sessions may take to leave when the worker stops.
const LEAVE_LIMIT: Duration = Duration::from_secs(15);

/// A job that LiveKit has given to this worker.
#[derive(Debug, Clone)]
pub struct AssignedJob {
    /// LiveKit's id of the job.
    pub id: String,
    /// Name of the room.
    pub room_name: String,
    /// LiveKit's id of the room.
    pub room_sid: String,
    /// Address to join at; the configured one where LiveKit gave none.
    pub url: String,
    /// Token to join with.
    pub token: String,
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
    stop: watch::Receiver<Option<StopReason>>,
    job_id: String,
    reports: mpsc::UnboundedSender<Report>,
}

impl JobControl {
    /// Resolves when the worker ends the session. Cancel-safe.
    pub async fn stopped(&mut self) -> StopReason {
        match self.stop.wait_for(Option::is_some).await.map(|reason| *reason) {
            Ok(Some(reason)) => reason,
            _ => pending().await,
        }
    }

    /// Reports the end of the job, and returns when that is sent, cannot be, or takes over a second. To be called before
    /// leaving the room: LiveKit takes a job for failed whose agent leaves first.
    pub async fn report(&self, outcome: Result<(), String>) {
        let (written, is_written) = oneshot::channel();
        let report = Report { job_id: self.job_id.clone(), outcome, written };
        if self.reports.send(report).is_err()
            || !matches!(timeout(REPORT_LIMIT, is_written).await, Ok(Ok(())))
        {
            debug!("the end of the job was not reported: not connected");
        }
    }
}

struct Report {
    job_id: String,
    outcome: Result<(), String>,
    written: oneshot::Sender<()>,
}

/// The worker as others see it.
#[derive(Debug, Clone, Default)]
pub struct WorkerStatus {
    /// Id given by LiveKit; `None` while not connected.
    pub worker_id: Option<String>,
    /// Places held.
    pub active_jobs: usize,
    /// Share of the places that is held, 0 to 1.
    pub load: f32,
    /// Whether the worker is about to stop.
    pub draining: bool,
}

/// Works until `shutdown` is cancelled and then until the last session has ended, or was ended by the drain limit.
/// `session` runs one job until it has left its room.
pub async fn run<S, F>(
    livekit: LiveKitArgs,
    args: WorkerArgs,
    metrics: Metrics,
    status: watch::Sender<WorkerStatus>,
    shutdown: CancellationToken,
    session: S,
) where
    S: Fn(AssignedJob, JobControl) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let (from_server, mut messages) = mpsc::channel(64);
    let (to_server, outgoing) = mpsc::unbounded_channel();
    let registration = messages::registration(&args.agent_name);
    let connection = tokio::spawn(connection::run(livekit.clone(), registration, from_server, outgoing));
    let (reports, mut reported) = mpsc::unbounded_channel();
    let capacity = usize::try_from(args.agent_capacity.get()).unwrap_or(usize::MAX);
    let mut worker = Worker {
        jobs: Jobs::new(capacity, args.agent_assignment_limit),
        sessions: JoinSet::new(),
        handles: HashMap::new(),
        own_url: livekit.livekit_url.websocket().to_owned(),
        agent_name: args.agent_name,
        to_server,
        reports,
        metrics,
        status,
        session,
    };
    let mut end = None;
    loop {
        if worker.jobs.draining() && worker.jobs.held() == 0 {
            break;
        }
        let next_expiry = worker.jobs.next_expiry();
        tokio::select! {
            Some(event) = messages.recv() => worker.on_connection(event),
            Some(report) = reported.recv() => worker.on_report(report),
            Some(ended) = worker.sessions.join_next_with_id() => worker.on_session_end(ended),
            () = sleep_until(next_expiry.unwrap_or_else(Instant::now).into()), if next_expiry.is_some() => worker.on_expiry(),
            () = shutdown.cancelled(), if !worker.jobs.draining() => {
                worker.on_shutdown();
                end = Some(Instant::now() + args.agent_drain_limit);
            }
            () = sleep_until(end.unwrap_or_else(Instant::now).into()), if end.is_some() => break,
        }
    }
    worker.stop_all();
    let rest = async {
        while !worker.sessions.is_empty() {
            tokio::select! {
                Some(report) = reported.recv() => worker.on_report(report),
                Some(ended) = worker.sessions.join_next_with_id() => worker.on_session_end(ended),
                Some(event) = messages.recv() => worker.on_connection(event),
            }
        }
    };
    if timeout(LEAVE_LIMIT, rest).await.is_err() {
        error!(
            sessions = worker.jobs.held(),
            "sessions did not end in time; the next start finishes their journals"
        );
    }
    // The connection ends when nobody listens to it.
    drop(messages);
    if timeout(REPORT_LIMIT, connection).await.is_err() {
        debug!("the connection was not closed in time");
    }
}

struct Worker<S> {
    jobs: Jobs,
    sessions: JoinSet<()>,
    handles: HashMap<Id, Handle>,
    own_url: String,
    agent_name: String,
    to_server: mpsc::UnboundedSender<ToServer>,
    reports: mpsc::UnboundedSender<Report>,
    metrics: Metrics,
    status: watch::Sender<WorkerStatus>,
    session: S,
}

struct Handle {
    job_id: String,
    stop: watch::Sender<Option<StopReason>>,
}

impl<S, F> Worker<S>
where
    S: Fn(AssignedJob, JobControl) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    fn on_connection(&mut self, event: FromServer) {
        match event {
            FromServer::Registered(worker_id) => {
                self.status.send_modify(|status| status.worker_id = Some(worker_id))
            }
            FromServer::Lost => self.status.send_modify(|status| status.worker_id = None),
            FromServer::Message(message) => return self.on_message(message),
        }
        self.publish_status();
    }

    fn on_message(&mut self, message: server_message::Message) {
        match message {
            server_message::Message::Availability(request) => self.on_offer(request.job.unwrap_or_default()),
            server_message::Message::Assignment(assignment) => self.on_assignment(assignment),
            server_message::Message::Termination(termination) => self.on_termination(&termination.job_id),
            server_message::Message::Pong(_) => {}
            server_message::Message::Register(_) | server_message::Message::GoAway(_) => {
                debug!("ignored a message that changes nothing for this worker");
            }
        }
    }

    fn on_offer(&mut self, job: livekit_protocol::Job) {
        let room = messages::room_key(&job);
        let answer = self.jobs.offer(&job.id, room.clone(), Instant::now());
        info!(job.id = %job.id, room = ?room.name, answer = ?answer, held = self.jobs.held(), "job offered");
        self.metrics.offered(match answer {
            Answer::Accept => "accepted",
            Answer::Refuse(jobs::Refusal::Full) => "refused_full",
            Answer::Refuse(jobs::Refusal::Draining) => "refused_draining",
            Answer::RefuseForGood => "refused_room_served",
        });
        self.send(messages::availability(&job.id, &self.agent_name, answer));
        self.publish_status();
    }

    fn on_assignment(&mut self, assignment: livekit_protocol::JobAssignment) {
        let job = assignment.job.unwrap_or_default();
        let room = messages::room_key(&job);
        match self.jobs.assign(&job.id, room.clone()) {
            Assignment::Start => {}
            Assignment::Duplicate => return warn!(job.id = %job.id, "the job was assigned a second time"),
            Assignment::Late => {
                warn!(job.id = %job.id, "the job was assigned too late: no place is free");
                return self.send(messages::job_failed(&job.id, "no place is free any more"));
            }
        }
        let (stop, stopped) = watch::channel(None);
        let control = JobControl { stop: stopped, job_id: job.id.clone(), reports: self.reports.clone() };
        let url = assignment.url.filter(|url| !url.is_empty()).unwrap_or_else(|| self.own_url.clone());
        let assigned = AssignedJob {
            id: job.id.clone(),
            room_name: room.name,
            room_sid: room.sid,
            url,
            token: assignment.token,
            assigned_at: Instant::now(),
        };
        let task = self.sessions.spawn((self.session)(assigned, control));
        self.handles.insert(task.id(), Handle { job_id: job.id, stop });
        self.publish_status();
    }

    fn on_termination(&mut self, job_id: &str) {
        info!(job.id = %job_id, "LiveKit ends the job");
        for handle in self.handles.values().filter(|handle| handle.job_id == job_id) {
            handle.stop.send_replace(Some(StopReason::JobTerminated));
        }
    }

    fn on_report(&mut self, report: Report) {
        self.jobs.leaving(&report.job_id);
        let message = match report.outcome {
            Ok(()) => messages::job_succeeded(&report.job_id),
            Err(error) => messages::job_failed(&report.job_id, &error),
        };
        self.send_confirmed(message, Some(report.written));
    }

    fn on_session_end(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(failure) => failure.id(),
        };
        let Some(handle) = self.handles.remove(&id) else { return };
        if let Err(failure) = ended {
            // Sessions catch their own panics, so this one is in what reports and leaves.
            error!(job.id = %handle.job_id, "a session ended without leaving its room: {failure}");
        }
        self.jobs.ended(&handle.job_id);
        self.publish_status();
    }

    fn on_expiry(&mut self) {
        for job_id in self.jobs.expire(Instant::now()) {
            warn!(job.id = %job_id, "an accepted job was not assigned: its place is free again");
        }
        self.publish_status();
    }

    fn on_shutdown(&mut self) {
        self.jobs.drain();
        info!(sessions = self.jobs.held(), "draining: no further calls are taken");
        self.publish_status();
    }

    fn stop_all(&self) {
        for handle in self.handles.values() {
            handle.stop.send_replace(Some(StopReason::AgentShutdown));
        }
    }

    /// Tells LiveKit and the health page how busy the worker is.
    fn publish_status(&self) {
        self.send(messages::worker_status(self.jobs.available(), self.jobs.load(), self.jobs.held()));
        self.status.send_modify(|status| {
            status.active_jobs = self.jobs.held();
            status.load = self.jobs.load();
            status.draining = self.jobs.draining();
        });
    }

    fn send(&self, message: worker_message::Message) {
        self.send_confirmed(message, None);
    }

    fn send_confirmed(&self, message: worker_message::Message, written: Option<oneshot::Sender<()>>) {
        if self.to_server.send(ToServer { message, written }).is_err() {
            debug!("the connection has ended");
        }
    }
}
