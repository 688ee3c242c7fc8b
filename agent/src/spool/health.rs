//! What keeps sessions from being kept or published, for the worker and its pages.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

/// What keeps sessions from the disk, or from the stream.
#[derive(Default)]
pub(super) struct Health {
    /// Since when the disk refuses writes.
    disk_fails_tx: watch::Sender<Option<Instant>>,
    /// Entries that JetStream refused for a fault of its own, and why; one that it takes says nothing of the others.
    publish_refused: Mutex<HashMap<String, Cow<'static, str>>>,
    kept_tx: watch::Sender<usize>,
    published_not_kept: AtomicU64,
    publishes: [AtomicU64; PublishOutcome::ALL.len()],
    recovered: AtomicU64,
    journals_refused: AtomicUsize,
    journals: AtomicUsize,
    unreadable: AtomicUsize,
}

/// What came of a try to publish a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishOutcome {
    /// The stream has it.
    Published,
    /// The server could store nothing, or gave no answer.
    Failed,
    /// The server does not take this one.
    Refused,
}

impl PublishOutcome {
    pub(crate) const ALL: [Self; 3] = [Self::Published, Self::Failed, Self::Refused];

    /// As the metrics show it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

impl Health {
    pub(super) fn disk(&self, fails: bool) {
        self.disk_fails_tx.send_if_modified(|since| {
            let changes = since.is_some() != fails;
            if changes {
                *since = fails.then(Instant::now);
            }
            changes
        });
    }

    pub(super) fn disk_fails(&self) -> watch::Receiver<Option<Instant>> {
        self.disk_fails_tx.subscribe()
    }

    pub(super) fn publish_refused(&self, entry: &str, why: Cow<'static, str>) {
        self.refused().insert(entry.to_owned(), why);
    }

    /// An entry is published, or no longer to be.
    pub(super) fn publish_done(&self, entry: &str) {
        self.refused().remove(entry);
    }

    pub(super) fn count_publish(&self, outcome: PublishOutcome) {
        self.publishes[outcome as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn publishes(&self, outcome: PublishOutcome) -> u64 {
        self.publishes[outcome as usize].load(Relaxed)
    }

    pub(super) fn has_recovered(&self, sessions: usize) {
        self.recovered.fetch_add(sessions as u64, Relaxed);
    }

    pub(super) fn recovered(&self) -> u64 {
        self.recovered.load(Relaxed)
    }

    /// How many live sessions the disk has refused.
    pub(super) fn refuses(&self, sessions: usize) {
        self.journals_refused.store(sessions, Relaxed);
    }

    pub(super) fn journals_refused(&self) -> usize {
        self.journals_refused.load(Relaxed)
    }

    /// How many journals and unreadable files there are.
    pub(super) fn holds(&self, (journals, unreadable): (usize, usize)) {
        self.journals.store(journals, Relaxed);
        self.unreadable.store(unreadable, Relaxed);
    }

    pub(super) fn files(&self) -> (usize, usize) {
        (self.journals.load(Relaxed), self.unreadable.load(Relaxed))
    }

    pub(super) fn keeps(&self, number: usize) {
        self.kept_tx.send_replace(number);
    }

    pub(super) fn kept(&self) -> usize {
        *self.kept_tx.borrow()
    }

    pub(super) async fn nothing_kept(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        drop(self.kept_tx.subscribe().wait_for(|kept| *kept == 0).await);
    }

    /// Counts one; says whether it is the first.
    pub(super) fn count_not_kept(&self) -> bool {
        self.published_not_kept.fetch_add(1, Relaxed) == 0
    }

    pub(super) fn published_not_kept(&self) -> u64 {
        self.published_not_kept.load(Relaxed)
    }

    pub(super) fn why_publish_refused(&self) -> Option<Cow<'static, str>> {
        self.refused().values().next().cloned()
    }

    fn refused(&self) -> MutexGuard<'_, HashMap<String, Cow<'static, str>>> {
        // Whole at any time.
        self.publish_refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
