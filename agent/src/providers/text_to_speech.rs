//! `/audio/speech`: a text as sound, streamed.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::error::{Provider, ProviderError};
use super::request::{Answer, Endpoint, begun};
use super::sound::{self, Decoder, Label};
use crate::persona::Voice;

/// Samples a second of what is spoken.
pub const SAMPLE_RATE: u32 = sound::SAMPLE_RATE;

/// Most bytes of an answer: some twenty minutes of speech.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;
/// Bytes that are decoded at a time; of the strongest compression, seconds of sound.
const SLICE: usize = 4 * 1024;
/// Longest that a text may take to say: this, and so much for each character of it, at a voice's own speed. The slowest
/// speakers say five characters a second.
const SHORTEST_LIMIT: Duration = Duration::from_secs(10);
const CHARACTER_LIMIT: Duration = Duration::from_millis(200);

/// Speech as it comes: pieces of samples, [`SAMPLE_RATE`], mono; none is empty. After an error nothing comes.
pub type Speech = BoxStream<'static, Result<Vec<i16>, ProviderError>>;

/// What a server is asked for. Whatever it sends is looked at: PCM of any rate, WAV and MP3 are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SoundFormat {
    /// Samples, with nothing in front of them
    Pcm,
    /// Samples behind a header that says their form
    Wav,
    /// Compressed, as MPEG audio layer III
    Mp3,
}

/// Turns text into sound; clones share connections.
#[derive(Clone)]
pub struct TextToSpeech {
    endpoint: Endpoint,
    model: String,
    format: SoundFormat,
    /// Samples a second of raw sound whose rate the server does not tell.
    usual_rate: u32,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a str,
    voice: &'a str,
    response_format: SoundFormat,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f64>,
}

impl TextToSpeech {
    pub(super) fn new(endpoint: Endpoint, model: &str, format: SoundFormat, usual_rate: u32) -> Self {
        Self { endpoint, model: model.to_owned(), format, usual_rate }
    }

    /// Begins to speak a text, which has something to speak in it. Returns with the first samples.
    ///
    /// # Errors
    /// The provider failed before the first samples, and the tries are used up. Later failures are in the stream.
    pub async fn speak(&self, text: &str, voice: &Voice) -> Result<Speech, ProviderError> {
        let (body, longest) = self.body(text, voice);
        let speech = self.endpoint.retried(|| self.attempt(&body, longest)).await?;
        Ok(self.endpoint.watched(speech))
    }

    /// The same, asked only once.
    ///
    /// # Errors
    /// The provider failed before the first samples. Later failures are in the stream.
    pub async fn try_once(&self, text: &str, voice: &Voice) -> Result<Speech, ProviderError> {
        let (body, longest) = self.body(text, voice);
        let speech = self.endpoint.once(|| self.attempt(&body, longest)).await?;
        Ok(self.endpoint.watched(speech))
    }

    /// Whether there is reason to [`Self::try_once`].
    pub async fn is_doubtful(&self) -> bool {
        self.endpoint.is_doubtful().await
    }

    /// A request, and the longest that its answer may be.
    fn body<'a>(&'a self, text: &'a str, voice: &'a Voice) -> (Body<'a>, Duration) {
        let body = Body {
            model: &self.model,
            input: text,
            voice: &voice.name,
            response_format: self.format,
            speed: voice.speaking_rate,
        };
        (body, longest(text, voice.speaking_rate.unwrap_or(1.0)))
    }

    async fn attempt(&self, body: &Body<'_>, longest: Duration) -> Result<Speech, ProviderError> {
        let request = self.endpoint.post("audio/speech").json(body);
        let answer = self.endpoint.send(request, ANSWER_LIMIT).await?;
        let provider = self.endpoint.provider;
        let label = Label::of(&answer.headers);
        if label.is_text() {
            let what = "the answer is no sound: look at TTS_BASE_URL";
            return Err(ProviderError::malformed(provider, what));
        }
        let most_samples = (longest.as_secs_f64() * f64::from(SAMPLE_RATE)) as usize;
        let decoder = Decoder::new(&label, self.usual_rate, most_samples);
        let decoder = decoder.map_err(|what| unfit(provider, &what))?;
        // Who sends a little now and then is never silent for long, and never done.
        let deadline = Instant::now() + self.endpoint.limits.answer + longest;
        begun(provider, samples(provider, answer, decoder, deadline)).await
    }
}

/// Longest that a text may take to say.
fn longest(text: &str, speaking_rate: f64) -> Duration {
    let characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    SHORTEST_LIMIT + CHARACTER_LIMIT.saturating_mul(characters).div_f64(speaking_rate.clamp(0.25, 4.0))
}

fn unfit(provider: Provider, what: &str) -> ProviderError {
    ProviderError::malformed(provider, format!("the sound does not fit: {what}"))
}

/// The pieces, what was taken of them and not decoded, and the decoder, until it is at its end.
type Reading = (BoxStream<'static, Result<Bytes, ProviderError>>, Bytes, Option<Decoder>);

fn samples(provider: Provider, answer: Answer, decoder: Decoder, deadline: Instant) -> Speech {
    let start = (answer.chunks, Bytes::new(), Some(decoder));
    let next = move |(mut chunks, mut waiting, decoder): Reading| async move {
        let Some(mut decoder) = decoder else { return Ok(None) };
        loop {
            if waiting.is_empty() {
                let chunk = timeout_at(deadline, chunks.next()).await;
                match chunk.map_err(|_| ProviderError::endless(provider))? {
                    Some(chunk) => waiting = chunk?,
                    None => break,
                }
            }
            let slice = waiting.split_to(SLICE.min(waiting.len()));
            let samples = decoder.read(&slice).map_err(|what| unfit(provider, &what))?;
            if !samples.is_empty() {
                return Ok(Some((samples, (chunks, waiting, Some(decoder)))));
            }
        }
        let rest = decoder.finish().map_err(|what| unfit(provider, &what))?;
        match (rest.is_empty(), decoder.has_begun()) {
            (false, _) => Ok(Some((rest, (chunks, waiting, None)))),
            (true, true) => Ok(None),
            (true, false) => Err(ProviderError::cut(provider)),
        }
    };
    stream::try_unfold(start, next).boxed()
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
