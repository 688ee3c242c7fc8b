//! Whether the server takes answers: one that is not allowed is refused apart from its message, and nothing else shows it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use crate::consume::health::{Part, Readiness};
use crate::streams::ack_subject::PREFIX;

/// A refusal comes within this time.
const REFUSAL: Duration = Duration::from_secs(2);

/// What is known of the answers that this sink sends.
pub(crate) struct Acks {
    sink: &'static str,
    readiness: Arc<Readiness>,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    answer: Option<Instant>,
    refusal: Option<Instant>,
}

impl Acks {
    pub(crate) fn new(sink: &'static str, readiness: Arc<Readiness>) -> Self {
        Self { sink, readiness, last: Mutex::default() }
    }

    pub(crate) fn answered(&self) {
        self.last().answer = Some(Instant::now());
    }

    /// The server has refused one.
    pub(crate) fn refused(&self) {
        self.last().refusal = Some(Instant::now());
        let reason = not_allowed(self.sink);
        if self.readiness.set(Part::Acks, Err(reason.clone())) {
            warn!(reason, "not ready");
        }
    }

    /// They are allowed again when one was not refused.
    pub(crate) fn look(&self) {
        let mut last = self.last();
        let taken =
            |refusal| last.answer.is_some_and(|answer| answer > refusal && answer.elapsed() > REFUSAL);
        if last.refusal.is_some_and(taken) {
            last.refusal = None;
            self.readiness.set(Part::Acks, Ok(()));
            info!("acks are allowed again");
        }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is missing, and what to do.
pub(crate) fn not_allowed(sink: &str) -> String {
    format!(
        "permissions violation: the user of NATS may not publish to {PREFIX}{}.{sink}.>, so what is written is delivered and \
         written again; give it that right",
        schemas::names::SESSIONS_STREAM
    )
}
