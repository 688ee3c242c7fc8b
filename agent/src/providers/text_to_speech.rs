//! `/audio/speech`: a text as sound, streamed.

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use serde::Serialize;

use super::request::{Answer, Endpoint, begun};
use super::wav::Reader;
use super::{Provider, ProviderError};
use crate::persona::Voice;

/// Samples a second of what is spoken.
pub const SAMPLE_RATE: u32 = 24_000;

/// Most bytes of an answer: some twenty minutes of speech.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// Speech as it comes: pieces of samples, [`SAMPLE_RATE`], mono; none is empty. After an error nothing comes.
pub type Speech = BoxStream<'static, Result<Vec<i16>, ProviderError>>;

/// Turns text into sound; clones share connections.
#[derive(Clone)]
pub struct TextToSpeech {
    endpoint: Endpoint,
    model: String,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a str,
    voice: &'a str,
    response_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f64>,
}

impl TextToSpeech {
    pub(super) fn new(endpoint: Endpoint, model: &str) -> Self {
        Self { endpoint, model: model.to_owned() }
    }

    /// Begins to speak a text, which has something to speak in it. Returns with the first samples.
    ///
    /// # Errors
    /// The provider failed before the first samples, and the tries are used up. Later failures are in the stream.
    pub async fn speak(&self, text: &str, voice: &Voice) -> Result<Speech, ProviderError> {
        let body = Body {
            model: &self.model,
            input: text,
            voice: &voice.name,
            response_format: "pcm",
            speed: voice.speaking_rate,
        };
        self.endpoint.retried(|| self.attempt(&body)).await
    }

    async fn attempt(&self, body: &Body<'_>) -> Result<Speech, ProviderError> {
        let request = self.endpoint.post("audio/speech").json(body);
        let answer = self.endpoint.send(request, ANSWER_LIMIT).await?;
        let provider = self.endpoint.provider;
        check_type(&answer.content_type).map_err(|what| ProviderError::malformed(provider, what))?;
        begun(provider, samples(provider, answer)).await
    }
}

fn samples(provider: Provider, answer: Answer) -> Speech {
    let start = (answer.chunks, Reader::new(SAMPLE_RATE));
    let next = move |(mut chunks, mut reader): (BoxStream<'static, Result<Bytes, _>>, Reader)| async move {
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            let samples = reader.read(&chunk).map_err(|what| {
                ProviderError::malformed(
                    provider,
                    format!("the sound does not fit: {what}; look at TTS_BASE_URL"),
                )
            })?;
            if !samples.is_empty() {
                return Ok(Some((samples, (chunks, reader))));
            }
        }
        if reader.has_begun() { Ok(None) } else { Err(ProviderError::cut(provider)) }
    };
    stream::try_unfold(start, next).boxed()
}

/// Whether a content type can be that of PCM; many servers send none or a general one.
fn check_type(content_type: &str) -> Result<(), String> {
    let mut parts = content_type.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let compressed = ["mpeg", "mp3", "ogg", "opus", "aac", "flac", "webm", "mp4"];
    if kind.strip_prefix("audio/").is_some_and(|format| compressed.contains(&format)) {
        return Err("the sound is compressed: wanted is a server that knows response_format pcm".to_owned());
    }
    if kind.starts_with("text/") || kind == "application/json" {
        return Err("the answer is no sound: look at TTS_BASE_URL".to_owned());
    }
    for part in parts {
        let rate = part.strip_prefix("rate=").and_then(|rate| rate.parse::<u32>().ok());
        if let Some(rate) = rate.filter(|rate| *rate != SAMPLE_RATE) {
            return Err(format!(
                "the sound has {rate} samples a second, and wanted are {SAMPLE_RATE}: look at TTS_MODEL"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_cannot_be_pcm_are_refused() {
        for fine in ["", "audio/pcm", "audio/wav", "application/octet-stream", "audio/pcm;rate=24000"] {
            assert_eq!(check_type(fine), Ok(()), "{fine}");
        }
        for wrong in ["audio/mpeg", "text/html; charset=utf-8", "application/json", "audio/pcm; rate=16000"] {
            assert!(check_type(wrong).is_err(), "{wrong}");
        }
    }
}
