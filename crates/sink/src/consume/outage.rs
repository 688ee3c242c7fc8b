//! The circuit breaker of the store: while it is open, nothing is pulled but one message at a time to try the store, and what
//! is in flight is tried again after growing pauses.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::IntGauge;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::backoff::BACKOFF;
use crate::consume::health::{Part, Readiness};

/// A store that was only busy for so long, and took nothing meanwhile, is unavailable.
const BUSY_LIMIT: Duration = Duration::from_secs(2);
/// A store that wants to be left alone for longer is tried all the same: it may have meant one message.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// Whether the store is unavailable: a circuit breaker. While it is, and before it was reached for the first time, nothing is
/// pulled, but for one message at a time (half-open), which ends it where the store takes that one.
pub(crate) struct Outage {
    reached: watch::Sender<bool>,
    since: watch::Sender<Option<Instant>>,
    state: Mutex<State>,
    /// Messages that were written.
    writes: AtomicU64,
    readiness: Arc<Readiness>,
    paused: IntGauge,
}

#[derive(Default)]
struct State {
    /// Since when the store is busy and has taken nothing.
    busy_since: Option<Instant>,
    /// Calls that it has not taken and that are held.
    held: usize,
    /// Messages that were pulled to try it, and when the next one may be.
    trials: u32,
    next_trial: Option<Instant>,
}

/// What may be pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pulling {
    AllThereIsRoomFor,
    OneToTryTheStore,
}

impl Outage {
    pub(crate) fn not_reached_yet(readiness: Arc<Readiness>, paused: IntGauge) -> Self {
        paused.set(1);
        Self {
            reached: watch::Sender::new(false),
            since: watch::Sender::new(None),
            state: Mutex::default(),
            writes: AtomicU64::default(),
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
    pub(crate) fn busy(&self, reason: &str, after: Option<Duration>) {
        let now = Instant::now();
        let since = *self.state().busy_since.get_or_insert(now);
        if now >= since + BUSY_LIMIT {
            self.begin_or_go_on(reason, after);
        }
    }

    /// The store did not take a write. Logged when it begins, and when its reason changes.
    pub(crate) fn begin_or_go_on(&self, reason: &str, after: Option<Duration>) {
        let rest = Instant::now() + after.unwrap_or_default().min(LONGEST_REST);
        {
            let mut state = self.state();
            let next = state.next_trial.get_or_insert_with(|| Instant::now() + BACKOFF.pause(3));
            *next = (*next).max(rest);
        }
        self.since.send_if_modified(|since| since.replace(since.unwrap_or_else(Instant::now)).is_none());
        self.paused.set(1);
        if self.readiness.set(Part::Store, Err(reason.to_owned())) {
            warn!(reason, "store unavailable: pulling pauses, the messages in flight are held");
        }
    }

    /// The store took so many messages of a call.
    pub(crate) fn took(&self, messages: usize) {
        if messages > 0 {
            self.writes.fetch_add(messages as u64, Ordering::SeqCst);
            self.end();
        }
    }

    /// How many it took so far.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    /// A call is held from now on.
    pub(crate) fn hold(&self) {
        self.state().held += 1;
    }

    /// It is settled. Where none is held any more, nobody says that the store is unavailable.
    pub(crate) fn released(&self) {
        let held = {
            let mut state = self.state();
            state.held = state.held.saturating_sub(1);
            state.held
        };
        if held == 0 {
            self.end();
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.since.borrow().is_some()
    }

    fn end(&self) {
        {
            let mut state = self.state();
            (state.busy_since, state.next_trial, state.trials) = (None, None, 0);
        }
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

    /// Returns when something may be pulled.
    pub(crate) async fn pulling(&self) -> Pulling {
        drop(self.reached.subscribe().wait_for(|reached| *reached).await);
        loop {
            let next_trial = self.state().next_trial;
            let trial_is_due = async {
                match next_trial {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.over() => return Pulling::AllThereIsRoomFor,
                () = trial_is_due => {}
            }
            let mut state = self.state();
            // Or the store asked for more time meanwhile.
            if state.next_trial == next_trial {
                state.trials = state.trials.saturating_add(1);
                state.next_trial = Some(Instant::now() + BACKOFF.pause(state.trials + 3));
                return Pulling::OneToTryTheStore;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
