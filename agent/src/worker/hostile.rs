//! What livekit-server sends to the worker, whatever is in it.

use std::sync::LazyLock;

use livekit_protocol::{ServerMessage, WorkerMessage};
use prost::Message as _;
use tokio::runtime::{Builder, Runtime};

use super::*;

/// Places of the worker.
const CAPACITY: usize = 3;

/// Messages of the server's, each behind its length. Sessions of rooms whose names begin with a small letter end at once.
///
/// # Panics
/// When more places are held than there are, a session has none, or an answer cannot be read.
pub(crate) fn messages(bytes: &[u8]) {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| Builder::new_current_thread().build().expect("make a runtime"));
    static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics::new().expect("make metrics"));
    RUNTIME.block_on(serve(bytes, METRICS.clone()));
}

async fn serve(mut bytes: &[u8], metrics: Metrics) {
    let (to_server_tx, mut to_server_rx) = mpsc::unbounded_channel();
    let (notices_tx, mut notices_rx) = mpsc::unbounded_channel();
    let (status_tx, _status_rx) = watch::channel(WorkerStatus::default());
    let mut worker = Worker {
        jobs: Jobs::new(CAPACITY, Duration::from_secs(15)),
        sessions: JoinSet::new(),
        handles: HashMap::new(),
        own_url: "ws://127.0.0.1:7880".to_owned(),
        agent_name: "agent".to_owned(),
        to_server_tx,
        notices_tx,
        metrics,
        status_tx,
        session: |job: AssignedJob, _control: JobControl| async move {
            if !job.room_name.starts_with(|first: char| first.is_ascii_lowercase()) {
                std::future::pending::<()>().await;
            }
        },
    };
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (message, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
        bytes = rest;
        if let Some(message) = ServerMessage::decode(message).ok().and_then(|message| message.message) {
            worker.on_connection(FromServer::Message(Box::new(message)));
        }
        tokio::task::yield_now().await;
        while let Ok(notice) = notices_rx.try_recv() {
            worker.on_notice(notice);
        }
        while let Some(ended) = worker.sessions.try_join_next_with_id() {
            worker.on_session_end(ended);
        }
        let (held, handles) = (worker.jobs.held(), worker.handles.len());
        assert!(held <= CAPACITY && handles <= held, "{held} places, {handles} sessions");
        while let Ok(ToServer { message, .. }) = to_server_rx.try_recv() {
            let sent = WorkerMessage { message: Some(message) };
            let read = WorkerMessage::decode(&*sent.encode_to_vec()).expect("read an answer");
            assert_eq!(read.message.is_some(), sent.message.is_some());
        }
    }
    worker.on_shutdown();
}
