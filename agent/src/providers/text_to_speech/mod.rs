//! Text to speech: a sentence as sound, streamed, by the first service that answers. A service is a `Synthesizer`, whatever its
//! protocol; a further one is made in `providers`, beside the others, from where it is (`place`).

mod http;
#[cfg(test)]
pub(crate) mod scripted;

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};

pub use http::SoundFormat;
pub(super) use http::SpeechRequests;

use super::error::ProviderError;
use super::services::Services;
use super::sound;
use super::usage::{Account, ServiceName, Used};
use crate::persona::Voice;

/// Samples a second of what is spoken.
pub const SAMPLE_RATE: u32 = sound::SAMPLE_RATE;

/// Longest that a text may take to say: this, and so much for each character of it, at a voice's own speed. The slowest
/// speakers say five characters a second.
const SHORTEST_LIMIT: Duration = Duration::from_secs(10);
const CHARACTER_LIMIT: Duration = Duration::from_millis(200);

/// Speech as it comes. After an error nothing comes.
pub type Speech = BoxStream<'static, Result<SpeechPart, ProviderError>>;

/// A part of speech.
#[derive(Debug, Clone, PartialEq)]
pub enum SpeechPart {
    /// [`SAMPLE_RATE`], mono; never empty.
    Samples(Vec<i16>),
    /// Words in the order in which they are said, where the service tells.
    Words(Vec<WordTime>),
}

/// When a word is over, from the beginning of the speech.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordTime {
    /// As the service writes it.
    pub word: String,
    /// From the first sample.
    pub end: Duration,
}

/// A service, as its protocol has text spoken.
pub(super) trait Synthesizer: Send + Sync {
    /// Begins to speak a text, which has something to speak in it. Returns with the first samples.
    ///
    /// # Errors
    /// The service failed before the first samples, and the tries are used up. Later failures are in the stream.
    fn speak<'a>(&'a self, text: &'a str, voice: &'a Voice) -> BoxFuture<'a, Result<Speech, ProviderError>>;

    /// The same, asked only once.
    ///
    /// # Errors
    /// The service failed before the first samples. Later failures are in the stream.
    fn try_once<'a>(
        &'a self,
        text: &'a str,
        voice: &'a Voice,
    ) -> BoxFuture<'a, Result<Speech, ProviderError>>;

    /// Whether there is reason to [`Self::try_once`], by a look that costs nothing; where there is none, calls tell.
    fn is_doubtful(&self) -> BoxFuture<'_, bool> {
        ready(false).boxed()
    }

    /// A call begins: what is to be kept until it is over, so that each text begins at once.
    fn prepare(&self) -> Option<Hold> {
        None
    }
}

/// What a service keeps ready for a call.
pub(super) type Hold = Box<dyn Send + Sync>;

/// Turns text into sound; clones share connections.
#[derive(Clone)]
pub struct TextToSpeech(Services<Box<dyn Synthesizer>>);

impl TextToSpeech {
    pub(super) fn new(services: Services<Box<dyn Synthesizer>>) -> Self {
        Self(services)
    }

    /// Begins to speak a text, which has something to speak in it. Returns with the first samples.
    ///
    /// # Errors
    /// No service began to speak, and the tries are used up. Later failures are in the stream.
    pub async fn speak(
        &self,
        text: &str,
        voice: &Voice,
        account: &Arc<dyn Account>,
    ) -> Result<Speech, ProviderError> {
        let asked = self.0.ask(Some(&**account), |service| service.speak(text, voice)).await;
        let (candidate, speech) = asked?;
        account.used(&candidate.name, Used::Characters(text.chars().count() as u64));
        // What comes is counted, also where it is given up.
        let (services, name) = (self.0.clone(), candidate.name.clone());
        let mut spoken = Spoken { name: name.clone(), samples: 0, account: Arc::clone(account) };
        let watch = move |part: &Result<SpeechPart, ProviderError>| match part {
            Ok(SpeechPart::Samples(samples)) => spoken.samples += samples.len(),
            Ok(SpeechPart::Words(_)) => {}
            Err(error) => services.broke(&name, error, &*spoken.account),
        };
        Ok(speech.inspect(watch).boxed())
    }

    /// Whether there is reason to ask again for the rest of what is to be said, after services have broken off so many times in
    /// the middle of a text: the others take over, each once; one that is alone is asked again once, where its failure may pass.
    pub fn may_go_on(&self, error: &ProviderError, breaks: usize) -> bool {
        match self.0.number() {
            0 | 1 => breaks <= 1 && error.recoverable(),
            number => breaks < number,
        }
    }

    /// The same, asked only once.
    ///
    /// # Errors
    /// No service began to speak. Later failures are in the stream.
    pub async fn try_once(&self, text: &str, voice: &Voice) -> Result<Speech, ProviderError> {
        Ok(self.0.ask(None, |service| service.try_once(text, voice)).await?.1)
    }

    /// Whether there is reason to [`Self::try_once`].
    pub async fn is_doubtful(&self) -> bool {
        match self.0.first() {
            Some(candidate) => candidate.service.is_doubtful().await,
            None => false,
        }
    }

    /// A call begins: connections are kept ready until it is over, where a service has need of that.
    pub fn prepare(&self) -> Prepared {
        let first = self.0.in_order().first().and_then(|candidate| candidate.service.prepare());
        Prepared { _hold: first }
    }
}

/// A call is under way.
pub struct Prepared {
    _hold: Option<Hold>,
}

/// What was made of one text; counted when nobody takes more of it.
struct Spoken {
    name: ServiceName,
    samples: usize,
    account: Arc<dyn Account>,
}

impl Drop for Spoken {
    fn drop(&mut self) {
        let seconds = self.samples as f64 / f64::from(SAMPLE_RATE);
        self.account.used(&self.name, Used::Spoken(seconds));
    }
}

/// Longest that a text may take to say.
pub(super) fn longest(text: &str, speaking_rate: f64) -> Duration {
    let characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    SHORTEST_LIMIT + CHARACTER_LIMIT.saturating_mul(characters).div_f64(speaking_rate.clamp(0.25, 4.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_time_to_be_said_and_not_for_ever() {
        assert_eq!(longest("", 1.0), Duration::from_secs(10));
        assert_eq!(longest(&"x".repeat(100), 1.0), Duration::from_secs(30));
        assert_eq!(longest(&"x".repeat(100), 0.25), Duration::from_secs(90));
    }
}
