//! `/audio/speech`: a text as sound, streamed.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use super::{SAMPLE_RATE, Speech, SpeechPart, Synthesizer, longest};
use crate::persona::Voice;
use crate::providers::error::{Provider, ProviderError};
use crate::providers::request::{Answer, Endpoint, begun};
use crate::providers::sound::{Decoder, Label};

/// Most bytes of an answer: some twenty minutes of speech.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;
/// Bytes that are decoded at a time; of the strongest compression, seconds of sound.
const SLICE: usize = 4 * 1024;
/// What a server is asked for. Whatever it sends is looked at: PCM of any rate, WAV and MP3 are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SoundFormat {
    /// Samples, with nothing in front of them
    Pcm,
    /// Samples behind a header that says their form
    Wav,
    /// Compressed, as MPEG audio layer III
    Mp3,
}

/// One server; clones share connections.
#[derive(Clone)]
pub(in crate::providers) struct SpeechRequests {
    endpoint: Endpoint,
    model: String,
    format: SoundFormat,
    /// Samples a second of raw sound whose rate the server does not tell.
    usual_rate: u32,
    /// In the place of the persona's.
    voice: Option<String>,
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

impl SpeechRequests {
    pub(in crate::providers) fn new(
        endpoint: Endpoint,
        model: &str,
        format: SoundFormat,
        usual_rate: u32,
    ) -> Self {
        Self { endpoint, model: model.to_owned(), format, usual_rate, voice: None }
    }

    /// With a voice of its own, where its voices have other names than the persona's.
    pub(in crate::providers) fn with_voice(self, voice: Option<String>) -> Self {
        Self { voice, ..self }
    }

    /// A request, and the longest that its answer may be.
    fn body<'a>(&'a self, text: &'a str, voice: &'a Voice) -> (Body<'a>, Duration) {
        let body = Body {
            model: &self.model,
            input: text,
            voice: self.voice.as_deref().unwrap_or(&voice.name),
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

impl Synthesizer for SpeechRequests {
    fn speak<'a>(&'a self, text: &'a str, voice: &'a Voice) -> BoxFuture<'a, Result<Speech, ProviderError>> {
        let (body, longest) = self.body(text, voice);
        async move { self.endpoint.retried(|| self.attempt(&body, longest)).await }.boxed()
    }

    fn try_once<'a>(
        &'a self,
        text: &'a str,
        voice: &'a Voice,
    ) -> BoxFuture<'a, Result<Speech, ProviderError>> {
        let (body, longest) = self.body(text, voice);
        async move { self.endpoint.once(|| self.attempt(&body, longest)).await }.boxed()
    }

    fn is_doubtful(&self) -> BoxFuture<'_, bool> {
        self.endpoint.is_doubtful().boxed()
    }
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
                return Ok(Some((SpeechPart::Samples(samples), (chunks, waiting, Some(decoder)))));
            }
        }
        let rest = decoder.finish().map_err(|what| unfit(provider, &what))?;
        match (rest.is_empty(), decoder.has_begun()) {
            (false, _) => Ok(Some((SpeechPart::Samples(rest), (chunks, waiting, None)))),
            (true, true) => Ok(None),
            (true, false) => Err(ProviderError::cut(provider)),
        }
    };
    stream::try_unfold(start, next).boxed()
}
