//! The durable consumer as it is now: which one it is, and whether messages may be taken from it. A stream that is made anew
//! counts from 1 again, and the server looks at nothing but the sequence of an answer, so an answer for a message of an older
//! consumer would settle another message.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{Info, PullConsumer};
use async_nats::jetstream::stream::{ConsumerError, ConsumerErrorKind};
use chrono::{DateTime, Utc};
use schemas::names::SESSIONS_STREAM;
use service::Refusal;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::consume::health::{Part, Readiness};
use crate::streams::consumer_rules::{paused, unfit};
use crate::streams::link::Link;

/// Without a pull request, whose end would say that the consumer is gone, it is looked at again after this time.
const FRESH: Duration = Duration::from_secs(1);
/// Pause between two looks that got no answer.
const PAUSE: Duration = Duration::from_millis(250);
/// How long an answer waits at the shutdown for a consumer that cannot be looked at.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// When a consumer was made. It stays when its settings change, and is another one when it is made anew.
pub(crate) type Created = DateTime<Utc>;

/// What is known of the durable consumer.
pub(crate) struct DurableConsumer {
    sink: &'static str,
    link: Link,
    readiness: Arc<Readiness>,
    known: Mutex<Known>,
    /// One look at a time.
    looking: tokio::sync::Mutex<()>,
    /// Nothing more is pulled.
    shutdown: CancellationToken,
}

struct Known {
    /// None where there is no consumer, or none was seen.
    created: Option<Created>,
    seen: Seen,
    /// How often what was seen ceased to count.
    invalidations: u64,
    unfit: bool,
}

enum Seen {
    At(Instant),
    /// A pull request is open, and would end with the consumer.
    WhilePulling,
    /// A pull request has ended otherwise than it should.
    Invalidated,
}

impl DurableConsumer {
    pub(crate) fn new(sink: &'static str, link: Link, readiness: Arc<Readiness>) -> Self {
        let known = Known { created: None, seen: Seen::Invalidated, invalidations: 0, unfit: false };
        Self {
            sink,
            link,
            readiness,
            known: Mutex::new(known),
            looking: tokio::sync::Mutex::default(),
            shutdown: CancellationToken::new(),
        }
    }

    /// Looks it up, and says where it cannot be used.
    pub(crate) async fn look(&self) -> Result<PullConsumer, LookError> {
        let invalidations = self.known().invalidations;
        let looked_up = self.look_up().await;
        match &looked_up {
            Ok(consumer) => {
                let info = consumer.cached_info();
                let state = self.state(info);
                let unfit = unfit(&info.config).is_err();
                self.found(invalidations, Some(info.created), unfit);
                if self.readiness.set(Part::Consumer, state.clone()) {
                    match state {
                        Ok(()) => info!("the consumer is as it must be"),
                        Err(reason) => warn!(reason, "not ready"),
                    }
                }
            }
            Err(error) if is_missing(error) => {
                self.found(invalidations, None, false);
                self.readiness.set(Part::Consumer, Ok(()));
            }
            Err(_) => {}
        }
        looked_up
    }

    async fn look_up(&self) -> Result<PullConsumer, LookError> {
        let jetstream = self.link.jetstream();
        let subject = format!("$JS.API.CONSUMER.INFO.{SESSIONS_STREAM}.{}", self.sink);
        let asked = jetstream.get_consumer_from_stream(self.sink, SESSIONS_STREAM);
        Ok(jetstream.unless_refused(&subject, asked).await??)
    }

    fn state(&self, info: &Info) -> Result<(), String> {
        unfit(&info.config)
            .and_then(|()| paused(info))
            .map_err(|wrong| format!("{} {}: {}", self.sink, wrong.found, wrong.todo(self.sink)))
    }

    /// May messages be taken from it?
    pub(crate) fn is_fit(&self) -> bool {
        !self.known().unfit
    }

    /// Is it still the one that was made then? Where that is not known, this waits until it is.
    pub(crate) async fn is_still(&self, created: Created) -> bool {
        let too_late = async {
            self.shutdown.cancelled().await;
            sleep(LAST_ANSWERS).await;
        };
        tokio::select! {
            biased;
            is_still = self.ask(created) => is_still,
            () = too_late => false,
        }
    }

    async fn ask(&self, created: Created) -> bool {
        loop {
            if let Some(answer) = self.known().is(created) {
                return answer;
            }
            let _one_at_a_time = self.looking.lock().await;
            if self.known().is(created).is_some() {
                continue;
            }
            self.link.connected(drop).await;
            if let Err(error) = self.look().await
                && !is_missing(&error)
            {
                sleep(PAUSE).await;
            }
        }
    }

    /// A pull request was sent to the one that was made then.
    pub(crate) fn pulling(&self, created: Created) {
        let mut known = self.known();
        if known.is(created) == Some(true) {
            known.seen = Seen::WhilePulling;
        }
    }

    /// The pull request has ended as it should.
    pub(crate) fn pulled(&self) {
        let mut known = self.known();
        if matches!(known.seen, Seen::WhilePulling) {
            known.seen = Seen::At(Instant::now());
        }
    }

    /// A pull request has ended otherwise: answers wait for the next look.
    pub(crate) fn invalidate(&self) {
        let mut known = self.known();
        known.seen = Seen::Invalidated;
        known.invalidations += 1;
    }

    /// Nothing more is pulled, so answers do not wait for long.
    pub(crate) fn shut_down(&self) {
        self.shutdown.cancel();
    }

    /// A look that began before the last invalidation does not count.
    fn found(&self, invalidations: u64, created: Option<Created>, unfit: bool) {
        let mut known = self.known();
        if known.invalidations != invalidations {
            return;
        }
        let is_same = known.created == created;
        (known.created, known.unfit) = (created, unfit);
        if !(is_same && matches!(known.seen, Seen::WhilePulling)) {
            known.seen = Seen::At(Instant::now());
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn is(&self, created: Created) -> Option<bool> {
        let is_known = match self.seen {
            Seen::At(at) => at.elapsed() < FRESH,
            Seen::WhilePulling => true,
            Seen::Invalidated => false,
        };
        is_known.then_some(self.created == Some(created))
    }
}

/// Why a consumer could not be looked up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Failed(#[from] ConsumerError),
}

/// Is it the stream or the consumer that is not there?
pub(crate) fn is_missing(error: &LookError) -> bool {
    let LookError::Failed(error) = error else { return false };
    match error.kind() {
        ConsumerErrorKind::JetStream(error) => {
            matches!(error.error_code(), ErrorCode::STREAM_NOT_FOUND | ErrorCode::CONSUMER_NOT_FOUND)
        }
        _ => false,
    }
}
