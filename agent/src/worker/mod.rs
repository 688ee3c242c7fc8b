//! The worker's side of LiveKit's dispatching: registers, answers offers by a count of free places, starts a session for
//! each assignment, and reports its end.
//!
//! `jobs` decides and has no IO; `connection` keeps the socket and decides nothing; this module is between them and owns
//! the sessions, which go on while the connection is lost. `watchdog` looks after rooms that LiveKit's dispatching has left
//! without an agent.

mod connection;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod job_control;
mod jobs;
mod messages;
mod status;
pub mod watchdog;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use livekit_protocol::{server_message, worker_message};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::configuration::{LiveKit, WorkerArgs};
use crate::metrics::Metrics;
use connection::{FromServer, ToServer};
use job_control::Notice;
pub use job_control::{AssignedJob, JobControl, StopReason};
pub(crate) use jobs::OFFER_ANSWERS;
use jobs::{Assignment, Jobs};
pub use status::WorkerStatus;

/// Longest that closing the connection may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// Longest that ended sessions may take to leave when the worker stops.
const LEAVE_LIMIT: Duration = Duration::from_secs(15);

/// Works until `shutdown` is cancelled and then until the last session has ended, or was ended by the drain limit.
/// `session` runs one job until it has left its room. While `disk_fails_rx` says so for too long, no further job is taken.
pub async fn run<S, F>(
    livekit: LiveKit,
    args: WorkerArgs,
    metrics: Metrics,
    status_tx: watch::Sender<WorkerStatus>,
    mut disk_fails_rx: watch::Receiver<Option<Instant>>,
    shutdown: CancellationToken,
    session: S,
) where
    S: Fn(AssignedJob, JobControl) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let (from_server_tx, mut from_server_rx) = mpsc::channel(64);
    let (to_server_tx, to_server_rx) = mpsc::unbounded_channel();
    let registration = messages::registration(&args.agent_name);
    let connection =
        tokio::spawn(connection::run(livekit.clone(), registration, from_server_tx, to_server_rx));
    let (notices_tx, mut notices_rx) = mpsc::unbounded_channel();
    let capacity = usize::try_from(args.agent_capacity.get()).unwrap_or(usize::MAX);
    let mut worker = Worker {
        jobs: Jobs::new(capacity, args.agent_assignment_limit),
        sessions: JoinSet::new(),
        handles: HashMap::new(),
        own_url: livekit.url.websocket().to_owned(),
        agent_name: args.agent_name,
        to_server_tx,
        notices_tx,
        metrics,
        status_tx,
        session,
    };
    let mut end = None;
    loop {
        if worker.jobs.draining() && worker.jobs.held() == 0 {
            break;
        }
        let next_expiry = worker.jobs.next_expiry();
        let failing = *disk_fails_rx.borrow_and_update();
        let gives_up = failing.map(|since| since + args.agent_spool_failure_limit);
        worker.on_disk(gives_up.is_some_and(|at| at <= Instant::now()));
        let gives_up = gives_up.filter(|_| !worker.jobs.without_spool());
        tokio::select! {
            Ok(()) = disk_fails_rx.changed() => {}
            () = sleep_until(gives_up.unwrap_or_else(Instant::now).into()), if gives_up.is_some() => {}
            Some(event) = from_server_rx.recv() => worker.on_connection(event),
            Some(notice) = notices_rx.recv() => worker.on_notice(notice),
            Some(ended) = worker.sessions.join_next_with_id() => worker.on_session_end(ended),
            () = sleep_until(next_expiry.unwrap_or_else(Instant::now).into()), if next_expiry.is_some() => worker.on_expiry(),
            () = shutdown.cancelled(), if !worker.jobs.draining() => {
                worker.on_shutdown();
                end = Some(Instant::now() + args.agent_drain_limit);
            }
            () = sleep_until(end.unwrap_or_else(Instant::now).into()), if end.is_some() => break,
        }
    }
    let rest = async {
        while !worker.sessions.is_empty() {
            // Each time: an accepted offer may have become a session in between.
            worker.stop_all();
            tokio::select! {
                Some(notice) = notices_rx.recv() => worker.on_notice(notice),
                Some(ended) = worker.sessions.join_next_with_id() => worker.on_session_end(ended),
                Some(event) = from_server_rx.recv() => worker.on_connection(event),
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
    drop(from_server_rx);
    if timeout(CLOSE_LIMIT, connection).await.is_err() {
        debug!("the connection was not closed in time");
    }
}

struct Worker<S> {
    jobs: Jobs,
    sessions: JoinSet<()>,
    handles: HashMap<Id, Handle>,
    own_url: String,
    agent_name: String,
    to_server_tx: mpsc::UnboundedSender<ToServer>,
    notices_tx: mpsc::UnboundedSender<Notice>,
    metrics: Metrics,
    status_tx: watch::Sender<WorkerStatus>,
    session: S,
}

struct Handle {
    job_id: String,
    stop_tx: watch::Sender<Option<StopReason>>,
}

impl<S, F> Worker<S>
where
    S: Fn(AssignedJob, JobControl) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    fn on_connection(&mut self, event: FromServer) {
        match event {
            FromServer::Registered(worker_id) => self.status_tx.send_modify(|status| {
                (status.worker_id, status.trouble) = (Some(worker_id), None);
            }),
            FromServer::Lost(why) => self.status_tx.send_modify(|status| {
                (status.worker_id, status.trouble) = (None, Some(why));
            }),
            FromServer::Message(message) => return self.on_message(*message),
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
        let room = job.room.unwrap_or_default();
        let answer = self.jobs.offer(&job.id, &room.name, Instant::now());
        info!(job.id = %job.id, room = ?room.name, answer = ?answer, held = self.jobs.held(), "job offered");
        self.metrics.offered(answer.label());
        self.send(messages::availability(&job.id, &self.agent_name, answer));
        self.publish_status();
    }

    fn on_assignment(&mut self, assignment: livekit_protocol::JobAssignment) {
        let job = assignment.job.unwrap_or_default();
        let room = job.room.unwrap_or_default();
        match self.jobs.assign(&job.id, &room.name) {
            Assignment::Start => {}
            Assignment::Duplicate => return warn!(job.id = %job.id, "the job was assigned a second time"),
            Assignment::Late => {
                warn!(job.id = %job.id, "the job was assigned too late: no place is free");
                return self.send(messages::job_failed(&job.id, "no place is free any more"));
            }
        }
        let (stop_tx, stop_rx) = watch::channel(None);
        let control =
            JobControl::new(job.id.clone(), stop_rx, self.status_tx.subscribe(), self.notices_tx.clone());
        let url = assignment.url.filter(|url| !url.is_empty()).unwrap_or_else(|| self.own_url.clone());
        let assigned = AssignedJob {
            id: job.id.clone(),
            room_name: room.name,
            room_sid: room.sid,
            dispatch_id: job.dispatch_id,
            url,
            token: assignment.token.into(),
            metadata: job.metadata.into(),
            assigned_at: Instant::now(),
        };
        let task = self.sessions.spawn((self.session)(assigned, control));
        self.handles.insert(task.id(), Handle { job_id: job.id, stop_tx });
        self.publish_status();
    }

    fn on_termination(&mut self, job_id: &str) {
        info!(job.id = %job_id, "LiveKit ends the job");
        for handle in self.handles.values().filter(|handle| handle.job_id == job_id) {
            handle.stop_tx.send_replace(Some(StopReason::JobTerminated));
        }
    }

    fn on_notice(&mut self, notice: Notice) {
        match notice {
            Notice::CallOver { job_id } => self.jobs.leaving(&job_id),
            Notice::JobEnded { job_id, outcome, written_tx } => {
                let message = match outcome {
                    Ok(()) => messages::job_succeeded(&job_id),
                    Err(error) => messages::job_failed(&job_id, &error),
                };
                self.jobs.leaving(&job_id);
                self.send_confirmed(message, Some(written_tx));
            }
        }
    }

    fn on_session_end(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(failure) => failure.id(),
        };
        let Some(handle) = self.handles.remove(&id) else { return };
        if ended.is_err() {
            // Sessions catch their own panics, so this one is in what reports and leaves. Its message may hold what a caller
            // said; the panic hook has logged the place.
            error!(job.id = %handle.job_id, "a session ended without leaving its room: a panic in it");
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

    /// The spool cannot be written for long, or can again.
    fn on_disk(&mut self, fails: bool) {
        if fails == self.jobs.without_spool() {
            return;
        }
        self.jobs.spool_fails(fails);
        if fails {
            error!("the spool cannot be written: no further calls are taken until it can; free disk space");
        } else {
            info!("the spool can be written: calls are taken again");
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
            handle.stop_tx.send_replace(Some(StopReason::AgentShutdown));
        }
    }

    /// Tells LiveKit and the health page how busy the worker is.
    fn publish_status(&self) {
        self.send(messages::worker_status(self.jobs.available(), self.jobs.load(), self.jobs.held()));
        self.status_tx.send_modify(|status| {
            status.active_jobs = self.jobs.held();
            status.load = self.jobs.load();
            status.draining = self.jobs.draining();
            status.without_spool = self.jobs.without_spool();
            status.free_places = self.jobs.free();
            status.rooms = self.jobs.rooms();
        });
    }

    fn send(&self, message: worker_message::Message) {
        self.send_confirmed(message, None);
    }

    fn send_confirmed(&self, message: worker_message::Message, written_tx: Option<oneshot::Sender<()>>) {
        if self.to_server_tx.send(ToServer { message, written_tx }).is_err() {
            debug!("the connection has ended");
        }
    }
}
