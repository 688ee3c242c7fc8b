//! The circuit breaker of the store: while it is open, nothing is pulled, and what is in flight is tried again after growing
//! pauses.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::IntGauge;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::consume::health::{Part, Readiness};

/// A store that was only busy for so long, and took nothing meanwhile, is unavailable.
const BUSY_LIMIT: Duration = Duration::from_secs(2);

/// Whether the store is unavailable. While it is, and before it was reached for the first time, nothing is pulled.
pub(crate) struct Outage {
    reached: watch::Sender<bool>,
    since: watch::Sender<Option<Instant>>,
    /// Since when the store is busy and has taken nothing.
    busy_since: Mutex<Option<Instant>>,
    readiness: Arc<Readiness>,
    paused: IntGauge,
}

impl Outage {
    pub(crate) fn not_reached_yet(readiness: Arc<Readiness>, paused: IntGauge) -> Self {
        paused.set(1);
        Self {
            reached: watch::Sender::new(false),
            since: watch::Sender::new(None),
            busy_since: Mutex::default(),
            readiness,
            paused,
        }
    }

    /// The store answered as it should.
    pub(crate) fn reached(&self) {
        if self.reached.send_if_modified(|reached| !std::mem::replace(reached, true)) {
            self.paused.set(0);
        }
    }

    /// The store was busy. That alone is no outage, but if it goes on it is.
    pub(crate) fn busy(&self, reason: &str) {
        let now = Instant::now();
        if now >= *self.busy_since().get_or_insert(now) + BUSY_LIMIT {
            self.begin_or_go_on(reason);
        }
    }

    /// The store did not take a write. Logged when it begins, and when its reason changes.
    pub(crate) fn begin_or_go_on(&self, reason: &str) {
        self.since.send_if_modified(|since| since.replace(since.unwrap_or_else(Instant::now)).is_none());
        self.paused.set(1);
        if self.readiness.set(Part::Store, Err(reason.to_owned())) {
            warn!(reason, "store unavailable: pulling pauses, the messages in flight are held");
        }
    }

    /// The store took a write.
    pub(crate) fn end(&self) {
        self.busy_since().take();
        let mut began = None;
        self.since.send_if_modified(|since| {
            began = since.take();
            began.is_some()
        });
        if let Some(began) = began {
            self.paused.set(0);
            self.readiness.set(Part::Store, Ok(()));
            info!(outage_seconds = began.elapsed().as_secs_f64(), "store available again: pulling resumes");
        }
    }

    /// Returns when the store was reached and there is no outage.
    pub(crate) async fn over(&self) {
        // The senders live as long as `self`, so waiting cannot fail.
        drop(self.reached.subscribe().wait_for(|reached| *reached).await);
        drop(self.since.subscribe().wait_for(Option::is_none).await);
    }

    fn busy_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.busy_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
