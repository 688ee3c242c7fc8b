//! Text to speech of LiveKit Inference: `/tts`. A socket says one utterance after another; nothing but its end stops one, so a
//! socket whose utterance is given up is closed, and another one is made ready at once.

mod pool;
mod protocol;

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use crate::persona::Voice;
use crate::providers::error::{ErrorKind, Provider, ProviderError};
use crate::providers::request::begun;
use crate::providers::sockets::Sockets;
use crate::providers::text_to_speech::{self, Speech, SpeechPart, Synthesizer, WordTime, longest};
use pool::{Lease, Pool};
pub(in crate::providers) use protocol::Model;
use protocol::{Said, read};

#[cfg(any(test, fuzzing))]
pub(in crate::providers) fn understands(text: &str) -> bool {
    read(text).is_ok()
}

/// A socket that has waited and is asked whether it lives has so long to show it.
const PONG_LIMIT: Duration = Duration::from_secs(2);

/// One model behind the gateway; clones share sockets.
#[derive(Clone)]
pub(in crate::providers) struct InferenceTts {
    pool: Pool,
}

impl InferenceTts {
    pub(in crate::providers) fn new(sockets: Sockets, model: Model) -> Self {
        Self { pool: Pool::new(sockets, model) }
    }

    /// Asked once. A socket that was closed while it waited, or is dead, is replaced.
    async fn once(&self, text: &str) -> Result<Speech, ProviderError> {
        if let Some(mut lease) = self.pool.warm_socket().await {
            let asked = lease.socket()?.ping().await;
            let spoken = match asked {
                Ok(()) => self.say(lease, text, Some(Instant::now() + PONG_LIMIT)).await,
                Err(error) => Err(error),
            };
            match spoken {
                Err(error) if matches!(error.kind(), ErrorKind::Connection | ErrorKind::Cut) => {
                    debug!("a socket that waited is of no use any more: {error}");
                }
                spoken => return spoken,
            }
        }
        self.say(self.pool.new_socket().await?, text, None).await
    }

    /// A socket that was asked whether it lives tells by then.
    async fn say(
        &self,
        mut lease: Lease,
        text: &str,
        pong_due: Option<Instant>,
    ) -> Result<Speech, ProviderError> {
        for frame in self.pool.model().utterance(text) {
            lease.socket()?.send(&frame).await?;
        }
        let (limit, provider) = (self.pool.limits().answer, self.pool.provider());
        let whole_by = Instant::now() + limit + longest(text, 1.0);
        let times_left = TimesLeft::of(text);
        let start =
            Utterance { lease: Some(lease), pong_due, words: Vec::new(), times_left, has_begun: false };
        let parts = stream::try_unfold(start, move |mut utterance| async move {
            let part = utterance.next(provider, limit, whole_by).await?;
            Ok(part.map(|part| (part, utterance)))
        });
        begun(provider, parts.boxed()).await
    }
}

/// The voice is that of the model.
impl Synthesizer for InferenceTts {
    fn speak<'a>(&'a self, text: &'a str, _: &'a Voice) -> BoxFuture<'a, Result<Speech, ProviderError>> {
        async move { self.pool.limits().tries(|| self.once(text)).await }.boxed()
    }

    fn try_once<'a>(&'a self, text: &'a str, _: &'a Voice) -> BoxFuture<'a, Result<Speech, ProviderError>> {
        self.once(text).boxed()
    }

    fn prepare(&self) -> Option<text_to_speech::Hold> {
        Some(Box::new(self.pool.hold()))
    }
}

/// A text that is being spoken.
struct Utterance {
    /// None once it is whole.
    lease: Option<Lease>,
    /// When its socket has to have shown that it lives.
    pong_due: Option<Instant>,
    /// Words whose times came before the first sample.
    words: Vec<WordTime>,
    times_left: TimesLeft,
    has_begun: bool,
}

/// Bytes of words whose times are still taken. Of a text there are not many times its own.
struct TimesLeft(usize);

impl TimesLeft {
    /// Services spell numbers out, and tell of single letters.
    fn of(text: &str) -> Self {
        Self(1_024 + 8 * text.len())
    }

    fn take(&mut self, words: &mut Vec<WordTime>) {
        words.retain(|word| {
            let left = self.0.checked_sub(word.word.len() + 1);
            self.0 = left.unwrap_or(0);
            left.is_some()
        });
        words.shrink_to_fit();
    }
}

impl Utterance {
    async fn next(
        &mut self,
        provider: Provider,
        limit: Duration,
        whole_by: Instant,
    ) -> Result<Option<SpeechPart>, ProviderError> {
        if self.has_begun && !self.words.is_empty() {
            return Ok(Some(SpeechPart::Words(std::mem::take(&mut self.words))));
        }
        let mut since = Instant::now();
        while let Some(lease) = &mut self.lease {
            let due = whole_by.min(since + limit);
            let pong_due = self.pong_due.take().filter(|pong_due| *pong_due < due);
            let text = match timeout_at(pong_due.unwrap_or(due), lease.socket()?.next()).await {
                Ok(text) => text?,
                Err(_) if pong_due.is_some() => {
                    // It is told from one that is slow to speak.
                    lease.socket()?.answered().map_err(|_| ProviderError::lost(provider))?;
                    continue;
                }
                Err(_) if since + limit < whole_by => return Err(ProviderError::timeout(provider, limit)),
                Err(_) => return Err(ProviderError::endless(provider)),
            };
            since = Instant::now();
            match read(&text)? {
                Said::Samples(samples) if !samples.is_empty() => {
                    self.has_begun = true;
                    return Ok(Some(SpeechPart::Samples(samples)));
                }
                Said::Words(mut words) => {
                    self.times_left.take(&mut words);
                    self.words.extend(words);
                    if self.has_begun && !self.words.is_empty() {
                        return Ok(Some(SpeechPart::Words(std::mem::take(&mut self.words))));
                    }
                }
                Said::Samples(_) | Said::Nothing => {}
                Said::Done => {
                    if let Some(lease) = self.lease.take() {
                        lease.give_back();
                    }
                }
            }
        }
        // A text of which nothing was made was not spoken.
        if self.has_begun { Ok(None) } else { Err(ProviderError::cut(provider)) }
    }
}
