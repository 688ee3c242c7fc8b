//! What keeps sessions from being kept or published, for the worker and its pages.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
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
        self.published_not_kept.fetch_add(1, Ordering::Relaxed) == 0
    }

    pub(super) fn published_not_kept(&self) -> u64 {
        self.published_not_kept.load(Ordering::Relaxed)
    }

    pub(super) fn why_publish_refused(&self) -> Option<Cow<'static, str>> {
        self.refused().values().next().cloned()
    }

    fn refused(&self) -> MutexGuard<'_, HashMap<String, Cow<'static, str>>> {
        // Whole at any time.
        self.publish_refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
