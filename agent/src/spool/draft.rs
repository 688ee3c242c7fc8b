//! The payload of one session as far as it is known: what its journal holds while it lives, and what is published at its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use schemas::{EndReason, SessionEnded, encode_within};
use tokio::sync::watch;

use super::folder::file_name;
use crate::redaction::payload::redact_session;

/// The payload so far, shared by a session's handles and the writer.
pub(super) struct Draft {
    /// Name of the session's file, as a journal and as an outbox entry.
    pub(super) name: String,
    state: Mutex<State>,
    /// What goes to disk, and from there to others, has no addresses and numbers in it.
    redacts: bool,
    /// A write before the next beat was asked for and has not begun.
    write_asked: AtomicBool,
    /// Whether the final payload is stored.
    stored_tx: watch::Sender<bool>,
}

pub(super) struct State {
    pub(super) session: SessionEnded,
    pub(super) ended: bool,
}

impl Draft {
    pub(super) fn new(session: SessionEnded, redacts: bool) -> Self {
        let name = file_name(&session);
        let state = Mutex::new(State { session, ended: false });
        let (write_asked, stored_tx) = Default::default();
        Self { name, state, redacts, write_asked, stored_tx }
    }

    /// A write is wanted; whether none is on its way that will have all there is by now. Changes may come faster than a disk
    /// takes them: one write waits, however many there are.
    pub(super) fn asks_for_write(&self) -> bool {
        !self.write_asked.swap(true, Ordering::AcqRel)
    }

    /// A write begins: what changes from now on may be too late for it.
    pub(super) fn write_begins(&self) {
        self.write_asked.store(false, Ordering::Release);
    }

    /// Fixes the final payload; says whether the session was still live.
    pub(super) fn end(&self, end_time: DateTime<Utc>, reason: EndReason) -> bool {
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

    /// Tells those who wait in [`Self::wait_stored`].
    pub(super) fn stored(&self) {
        self.stored_tx.send_replace(true);
    }

    /// Resolves when the final payload is in the outbox.
    pub(super) async fn wait_stored(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        drop(self.stored_tx.subscribe().wait_for(|stored| *stored).await);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic inside a change leaves a payload that is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
