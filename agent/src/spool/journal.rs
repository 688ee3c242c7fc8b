use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use schemas::{EndReason, SessionEnded, encode_within};
use tokio::sync::watch;

use super::folder::file_name;
use super::outbox::Outbox;
use super::writer::{Request, Writer};
use crate::redaction::redact_session;

/// One live session. Clones share it: the session's task updates it, its supervisor finishes it even if that task
/// panicked. When the last clone is dropped unfinished, the session ends with `agent_failed`.
#[derive(Clone)]
pub struct Journal {
    handle: Arc<Handle>,
}

/// A session that has ended.
#[derive(Debug, Clone)]
pub struct FinishedSession {
    /// The session with its end and reason, before anything was cut for the size limit.
    pub session: SessionEnded,
    /// Size of the final payload, bytes.
    pub payload_bytes: usize,
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
        handle.writer.request(|done| Request::Begin(draft, done)).await;
        Self { handle }
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
        self.handle.writer.request(|done| Request::Save(draft, done)).await;
    }

    /// Like [`Self::update_now`], and waits for nothing.
    pub fn update_soon(&self, change: impl FnOnce(&mut SessionEnded)) {
        self.update(change);
        self.handle.writer.save_soon(self.handle.draft.clone());
    }

    /// Ends the session: the final payload goes into the outbox and the publisher is woken. Never fails: without a disk
    /// it waits in memory. A second call changes nothing and returns what the first one did.
    pub async fn finish(&self, end_time: DateTime<Utc>, reason: EndReason) -> FinishedSession {
        self.handle.end(end_time, reason);
        let draft = &self.handle.draft;
        let mut stored = draft.payload_bytes.subscribe();
        // The sender lives in the draft, so waiting cannot fail.
        let payload_bytes =
            stored.wait_for(Option::is_some).await.ok().and_then(|bytes| *bytes).unwrap_or_default();
        FinishedSession { session: draft.lock().session.clone(), payload_bytes }
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

/// The payload so far, shared by a session's handles and the writer.
pub(super) struct Draft {
    /// Its file's name.
    pub(super) name: String,
    state: Mutex<State>,
    /// What goes to disk, and from there to others, has no addresses and numbers in it.
    redacts: bool,
    /// Size of the final payload, once it is stored.
    payload_bytes: watch::Sender<Option<usize>>,
}

struct State {
    session: SessionEnded,
    ended: bool,
}

impl Draft {
    fn new(session: SessionEnded, redacts: bool) -> Self {
        let name = file_name(&session);
        let state = Mutex::new(State { session, ended: false });
        Self { name, state, redacts, payload_bytes: watch::Sender::default() }
    }

    fn end(&self, end_time: DateTime<Utc>, reason: EndReason) -> bool {
        let mut state = self.lock();
        if state.ended {
            return false;
        }
        state.session.end_at(end_time);
        state.session.end_reason = Some(reason);
        state.ended = true;
        true
    }

    /// The payload to publish if the process died now; none after the end.
    pub(super) fn payload_at(&self, beat: DateTime<Utc>, limit: usize) -> Option<Vec<u8>> {
        let mut session = {
            let state = self.lock();
            (!state.ended).then(|| state.session.clone())?
        };
        session.end_at(beat);
        session.end_reason = Some(EndReason::AgentRecovered);
        Some(self.encode(session, limit))
    }

    /// The payload of an ended session.
    pub(super) fn final_payload(&self, limit: usize) -> Vec<u8> {
        let session = self.lock().session.clone();
        self.encode(session, limit)
    }

    /// Every payload of a session goes through here.
    fn encode(&self, session: SessionEnded, limit: usize) -> Vec<u8> {
        encode_within(if self.redacts { redact_session(session) } else { session }, limit)
    }

    /// Wakes the callers of [`Journal::finish`].
    pub(super) fn stored(&self, payload_bytes: usize) {
        self.payload_bytes.send_replace(Some(payload_bytes));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic inside a change leaves a payload that is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
