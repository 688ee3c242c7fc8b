//! The way to the dead-letter stream. A stream that takes none is asked once in a while, not for each message.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::IntGauge;
use tokio::time::Instant;
use tracing::{error, info};

use crate::backoff::BACKOFF;
use crate::consume::health::{Part, Readiness};
use crate::streams::ack_subject::MessageKey;
use crate::streams::dead_letter::{DeadLetter, Stored};
use crate::streams::link::Link;

/// While letters are refused, how long until the next one is tried.
const NEXT_TRY: Duration = Duration::from_secs(1);
/// How often it is logged that letters are refused.
const LOG: Duration = Duration::from_secs(60);
/// A message that does not come again for so long, which is many times its pause, was moved by another replica, or is gone.
const QUIET: Duration = Duration::from_secs(180);
/// Messages whose tries are counted at a time.
const MOST: usize = 100_000;

/// Sends dead letters, or says when to try again.
pub(crate) struct DeadLetterSender {
    link: Link,
    readiness: Arc<Readiness>,
    waiting_gauge: IntGauge,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Messages whose letters were refused, with how often and when last.
    waiting: HashMap<MessageKey, (u32, Instant)>,
    next_try: Option<Instant>,
    next_log: Option<Instant>,
    reason: String,
}

impl DeadLetterSender {
    pub(crate) fn new(link: Link, readiness: Arc<Readiness>, waiting_gauge: IntGauge) -> Self {
        Self { link, readiness, waiting_gauge, state: Mutex::default() }
    }

    /// Stores a letter, or says after what pause its message is to come again.
    pub(crate) async fn store(&self, letter: &DeadLetter) -> Result<Stored, Duration> {
        let may_try = self.state().may_try(Instant::now());
        if !may_try {
            return Err(self.refused(letter, None));
        }
        match letter.store(&self.link.jetstream()).await {
            Ok(stored) => {
                self.stored(letter.key);
                Ok(stored)
            }
            Err(error) => Err(self.refused(letter, Some(format!("{error:#}")))),
        }
    }

    /// Forgets what does not wait any more, whoever moved it.
    pub(crate) fn forget_settled(&self, ack_floor: u64, now: Instant) {
        let mut state = self.state();
        state.waiting.retain(|key, (_, last)| key.sequence > ack_floor && now < *last + QUIET);
        self.show(&state);
    }

    fn stored(&self, key: MessageKey) {
        let mut state = self.state();
        if state.next_try.take().is_some() {
            state.next_log = None;
            info!("the dead-letter stream takes letters again");
        }
        state.waiting.remove(&key);
        self.show(&state);
    }

    fn refused(&self, letter: &DeadLetter, error: Option<String>) -> Duration {
        let now = Instant::now();
        let mut state = self.state();
        let tries = state.one_more_try(letter.key, now);
        if let Some(error) = error {
            state.next_try = Some(now + NEXT_TRY);
            if state.next_log.is_none_or(|next| now >= next) {
                state.next_log = Some(now + LOG);
                error!(
                    reason = letter.reason,
                    error,
                    waiting = state.waiting.len(),
                    "dead letter not stored: the message stays in the stream and is tried again"
                );
            }
            state.reason = error;
        }
        self.show(&state);
        BACKOFF.pause(tries)
    }

    fn show(&self, state: &State) {
        let waiting = state.waiting.len();
        self.waiting_gauge.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        let ready =
            if waiting == 0 { Ok(()) } else { Err(format!("{waiting} cannot be stored: {}", state.reason)) };
        self.readiness.set(Part::DeadLetters, ready);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn one_more_try(&mut self, key: MessageKey, now: Instant) -> u32 {
        if self.waiting.len() >= MOST && !self.waiting.contains_key(&key) {
            // With so many, it makes no odds how long this one waits.
            return u32::MAX;
        }
        let (tries, last) = self.waiting.entry(key).or_insert((0, now));
        *tries = tries.saturating_add(1);
        *last = now;
        *tries
    }

    fn may_try(&mut self, now: Instant) -> bool {
        match self.next_try {
            Some(next) if now < next => false,
            // The next one waits until this one is answered.
            Some(_) => {
                self.next_try = Some(now + NEXT_TRY);
                true
            }
            None => true,
        }
    }
}
