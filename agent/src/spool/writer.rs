//! What the one thread that writes to the disk is asked to do, and the way to it. What it does is `writing`.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::oneshot;

use super::draft::Draft;
use super::outbox::Outbox;
use super::writing::Writing;

/// What the thread is asked to do. The sender is answered when it is durable, or the disk has refused it.
pub(super) enum Request {
    Begin(Arc<Draft>, oneshot::Sender<()>),
    Save(Arc<Draft>, oneshot::Sender<()>),
    /// As [`Self::Save`], and nobody waits.
    SaveSoon(Arc<Draft>),
    Finish(Arc<Draft>),
    Remove(String, oneshot::Sender<()>),
    Keep(String, oneshot::Sender<()>),
    PublishAgain(oneshot::Sender<()>),
    ForgetSafe(Instant, oneshot::Sender<()>),
    SetAside(String, oneshot::Sender<()>),
}

/// The thread that does all the writing. Dropping it waits until what was asked for is done.
pub(super) struct Writer {
    requests_tx: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
    outbox: Arc<Outbox>,
    max_payload_bytes: usize,
}

impl Writer {
    /// With what the disk said when it was tried first.
    pub(super) fn start(mut writing: Writing, disk_error: Option<io::Error>) -> io::Result<Self> {
        let (requests_tx, requests_rx) = channel();
        let (outbox, max_payload_bytes) = (writing.outbox.clone(), writing.max_payload_bytes);
        writing.disk_said(disk_error);
        let thread =
            std::thread::Builder::new().name("spool".to_owned()).spawn(move || writing.run(&requests_rx))?;
        Ok(Self { requests_tx: Some(requests_tx), thread: Some(thread), outbox, max_payload_bytes })
    }

    /// Asks and waits for the answer.
    pub(super) async fn request(&self, request: impl FnOnce(oneshot::Sender<()>) -> Request) {
        let (done_tx, done_rx) = oneshot::channel();
        self.send(request(done_tx));
        // No answer: the thread is gone, which `finish` copes with.
        drop(done_rx.await);
    }

    /// Writes a live session before its next beat.
    pub(super) fn save_soon(&self, draft: Arc<Draft>) {
        if draft.asks_for_write() {
            // Without its thread `finish` copes.
            self.send(Request::SaveSoon(draft));
        }
    }

    /// Stores the final payload of a session that has ended.
    pub(super) fn finish(&self, draft: Arc<Draft>) {
        if !self.send(Request::Finish(draft.clone())) {
            tracing::error!("the spool's thread has died: the session is published from memory");
            let payload = draft.final_payload(self.max_payload_bytes);
            self.outbox.add(draft.name.clone(), Some(payload.into()));
            draft.stored();
        }
    }

    /// Whether the thread takes it; it has died where not.
    fn send(&self, request: Request) -> bool {
        self.requests_tx.as_ref().is_some_and(|requests_tx| requests_tx.send(request).is_ok())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.requests_tx.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words may become final faster than a disk writes: what begins now does not wait behind all of them.
    #[test]
    fn one_write_of_a_session_waits_however_often_it_changes() {
        let fields = serde_json::json!({
            "session_id": "room", "job_id": "AJ_1", "duration_seconds": 0.0,
            "start_time": "2025-10-29T12:00:00Z", "end_time": "2025-10-29T12:00:00Z",
        });
        let draft = Arc::new(Draft::new(serde_json::from_value(fields).unwrap(), false));
        let (requests_tx, requests_rx) = channel();
        let writer = Writer {
            requests_tx: Some(requests_tx),
            thread: None,
            outbox: Arc::default(),
            max_payload_bytes: 0,
        };
        for _ in 0..2 {
            (0..10_000).for_each(|_| writer.save_soon(draft.clone()));
            assert_eq!(requests_rx.try_iter().inspect(|_| draft.write_begins()).count(), 1);
        }
    }
}
