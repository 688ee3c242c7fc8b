//! The journal of a live session, as the session holds it. What it holds is in `draft`; `writer` puts that on the disk.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemas::{EndReason, SessionEnded, SessionIdentity};

use super::draft::Draft;
use super::outbox::Outbox;
use super::writer::{Request, Writer};

/// One live session. Clones share it: the session's task updates it, its supervisor finishes it even if that task
/// panicked. When the last clone is dropped unfinished, the session ends with `agent_failed`.
#[derive(Clone)]
pub struct Journal {
    handle: Arc<Handle>,
}

struct Handle {
    draft: Arc<Draft>,
    outbox: Arc<Outbox>,
    writer: Arc<Writer>,
}

impl Journal {
    pub(super) async fn begin(
        session: SessionEnded,
        redacts: bool,
        outbox: Arc<Outbox>,
        writer: Arc<Writer>,
    ) -> Self {
        let draft = Arc::new(Draft::new(session, redacts));
        let handle = Arc::new(Handle { draft: draft.clone(), outbox, writer });
        handle.writer.request(|done_tx| Request::Begin(draft, done_tx)).await;
        Self { handle }
    }

    /// Whose journal it is; none without a job.
    pub fn identity(&self) -> Option<SessionIdentity> {
        self.read(SessionEnded::identity)
    }

    /// Looks at the payload so far.
    pub fn read<T>(&self, look: impl FnOnce(&SessionEnded) -> T) -> T {
        look(&self.handle.draft.lock().session)
    }

    /// Changes the payload so far; on disk at the next beat, a second at most. Never blocks on IO, and does nothing
    /// after the end.
    pub fn update(&self, change: impl FnOnce(&mut SessionEnded)) {
        let mut state = self.handle.draft.lock();
        if !state.ended {
            change(&mut state.session);
        }
    }

    /// Like [`Self::update`], and returns when the change is durable, or the disk has refused it.
    pub async fn update_now(&self, change: impl FnOnce(&mut SessionEnded)) {
        self.update(change);
        let draft = self.handle.draft.clone();
        self.handle.writer.request(|done_tx| Request::Save(draft, done_tx)).await;
    }

    /// Like [`Self::update_now`], and waits for nothing.
    pub fn update_soon(&self, change: impl FnOnce(&mut SessionEnded)) {
        self.update(change);
        self.handle.writer.save_soon(self.handle.draft.clone());
    }

    /// Ends the session: the final payload goes into the outbox and the publisher is woken. Never fails: without a disk
    /// it waits in memory. Returns the session with its end, before anything was cut for the size limit. A second call
    /// changes nothing and returns what the first one did.
    pub async fn finish(&self, end_time: DateTime<Utc>, reason: EndReason) -> SessionEnded {
        self.handle.end(end_time, reason);
        let draft = &self.handle.draft;
        draft.wait_stored().await;
        draft.lock().session.clone()
    }
}

impl Handle {
    /// Fixes the final payload and hands it to the writer; says whether the session was still live.
    fn end(&self, end_time: DateTime<Utc>, reason: EndReason) -> bool {
        if !self.draft.end(end_time, reason) {
            return false;
        }
        self.outbox.count_one_more();
        self.writer.finish(self.draft.clone());
        true
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.end(Utc::now(), EndReason::AgentFailed) {
            let session_id = self.draft.lock().session.session_id.clone();
            tracing::error!(session.id = %session_id.as_str().escape_debug(), "a session was dropped without an end: it ends now");
        }
    }
}
