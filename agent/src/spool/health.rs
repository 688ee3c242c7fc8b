//! What keeps sessions from being kept or published, for the worker and its pages.

use std::time::Instant;

use tokio::sync::watch;

/// What keeps sessions from the disk, or from the stream.
#[derive(Default)]
pub(super) struct Health {
    /// Since when the disk refuses writes.
    disk_fails_tx: watch::Sender<Option<Instant>>,
    /// Why JetStream takes no session, though it answers.
    publish_refused_tx: watch::Sender<Option<&'static str>>,
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

    pub(super) fn publish_refused(&self, why: Option<&'static str>) {
        self.publish_refused_tx.send_replace(why);
    }

    pub(super) fn why_publish_refused(&self) -> Option<&'static str> {
        *self.publish_refused_tx.borrow()
    }
}
