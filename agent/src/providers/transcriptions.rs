//! `/audio/transcriptions`: what was said in a piece of sound.

use bytes::Bytes;
use futures::StreamExt as _;
use reqwest::multipart::{Form, Part};
use schemas::json::{Json, USUAL_DEPTH};

use super::error::ProviderError;
use super::reply::Usage;
use super::request::Endpoint;
use super::usage::of_transcription;
use super::wav;

/// Samples a second of what is transcribed.
pub(super) const SAMPLE_RATE: u32 = 16_000;

/// Most bytes of an answer.
const ANSWER_LIMIT: usize = 1024 * 1024;

/// Turns sound into text; clones share connections.
#[derive(Clone)]
pub(super) struct Transcriptions {
    endpoint: Endpoint,
    model: String,
}

/// What was said in a piece of sound.
#[derive(Debug, PartialEq)]
pub(super) struct Transcription {
    /// Without space at its ends; empty where nothing was said.
    pub(super) text: String,
    /// What it took, where the service counts tokens.
    pub(super) usage: Option<Usage>,
}

impl Transcriptions {
    pub(super) fn new(endpoint: Endpoint, model: &str) -> Self {
        Self { endpoint, model: model.to_owned() }
    }

    /// What was said. `samples` are [`SAMPLE_RATE`], mono. `language` is an ISO 639 code, and `vocabulary` has names that are
    /// likely; either may be empty.
    ///
    /// # Errors
    /// The provider failed, and the tries are used up.
    pub(super) async fn transcribe(
        &self,
        samples: &[i16],
        language: &str,
        vocabulary: &str,
    ) -> Result<Transcription, ProviderError> {
        let wav = Bytes::from(wav::encode(samples, SAMPLE_RATE));
        self.endpoint.retried(|| self.attempt(wav.clone(), language, vocabulary)).await
    }

    /// Asks once, with half a second in which nothing is said.
    ///
    /// # Errors
    /// The provider failed.
    pub(super) async fn try_once(&self, language: &str) -> Result<(), ProviderError> {
        let wav = Bytes::from(wav::encode(&[0; SAMPLE_RATE as usize / 2], SAMPLE_RATE));
        self.endpoint.once(|| self.attempt(wav.clone(), language, "")).await.map(drop)
    }

    /// Whether there is reason to [`Self::try_once`].
    pub(super) async fn is_doubtful(&self) -> bool {
        self.endpoint.is_doubtful().await
    }

    async fn attempt(
        &self,
        wav: Bytes,
        language: &str,
        vocabulary: &str,
    ) -> Result<Transcription, ProviderError> {
        let provider = self.endpoint.provider;
        let length = wav.len() as u64;
        let file = Part::stream_with_length(wav, length)
            .file_name("speech.wav")
            .mime_str("audio/wav")
            .map_err(|_| ProviderError::malformed(provider, "the sound cannot be sent"))?;
        let mut form =
            Form::new().part("file", file).text("model", self.model.clone()).text("response_format", "json");
        for (name, value) in [("language", language), ("prompt", vocabulary)] {
            if !value.is_empty() {
                form = form.text(name, value.to_owned());
            }
        }
        let request = self.endpoint.post("audio/transcriptions").multipart(form);
        let mut chunks = self.endpoint.send(request, ANSWER_LIMIT).await?.chunks;
        let mut body = Vec::new();
        while let Some(chunk) = chunks.next().await {
            body.extend_from_slice(&chunk?);
        }
        let answer = Json::parse(&body)
            .map_err(|_| ProviderError::malformed(provider, "the answer is no JSON: look at STT_BASE_URL"))?;
        let Some(text) = answer.get("text").and_then(Json::as_str) else {
            return Err(ProviderError::malformed(provider, "the answer has no `text`: look at STT_BASE_URL"));
        };
        let text = text.replace(char::REPLACEMENT_CHARACTER, "").trim().to_owned();
        let usage = answer.get("usage").map(|usage| usage.to_value(USUAL_DEPTH));
        Ok(Transcription { text, usage: usage.as_ref().and_then(of_transcription) })
    }
}
