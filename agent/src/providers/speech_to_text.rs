//! `/audio/transcriptions`: what was said in a piece of sound.

use bytes::Bytes;
use futures::StreamExt as _;
use reqwest::multipart::{Form, Part};
use schemas::json::Json;

use super::error::ProviderError;
use super::request::Endpoint;
use super::wav;

/// Samples a second of what is transcribed.
pub const SAMPLE_RATE: u32 = 16_000;

/// Most bytes of an answer.
const ANSWER_LIMIT: usize = 1024 * 1024;

/// Turns sound into text; clones share connections.
#[derive(Clone)]
pub struct SpeechToText {
    endpoint: Endpoint,
    model: String,
}

impl SpeechToText {
    pub(super) fn new(endpoint: Endpoint, model: &str) -> Self {
        Self { endpoint, model: model.to_owned() }
    }

    /// What was said, without space at its ends; empty where nothing was. `samples` are [`SAMPLE_RATE`], mono. `language`
    /// is an ISO 639 code, and `vocabulary` has words that are likely; either may be empty. `sent` is called each time that
    /// the samples are sent.
    ///
    /// # Errors
    /// The provider failed, and the tries are used up.
    pub async fn transcribe(
        &self,
        samples: &[i16],
        language: &str,
        vocabulary: &str,
        sent: impl Fn(),
    ) -> Result<String, ProviderError> {
        let wav = Bytes::from(wav::encode(samples, SAMPLE_RATE));
        let attempt = || {
            sent();
            self.attempt(wav.clone(), language, vocabulary)
        };
        self.endpoint.retried(attempt).await
    }

    /// Asks once, with half a second in which nothing is said.
    ///
    /// # Errors
    /// The provider failed.
    pub async fn try_once(&self, language: &str) -> Result<(), ProviderError> {
        let wav = Bytes::from(wav::encode(&[0; SAMPLE_RATE as usize / 2], SAMPLE_RATE));
        self.endpoint.once(|| self.attempt(wav.clone(), language, "")).await.map(drop)
    }

    /// Whether there is reason to [`Self::try_once`].
    pub async fn is_doubtful(&self) -> bool {
        self.endpoint.is_doubtful().await
    }

    async fn attempt(&self, wav: Bytes, language: &str, vocabulary: &str) -> Result<String, ProviderError> {
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
        match answer.get("text").and_then(Json::as_str) {
            Some(text) => Ok(text.replace(char::REPLACEMENT_CHARACTER, "").trim().to_owned()),
            None => Err(ProviderError::malformed(provider, "the answer has no `text`: look at STT_BASE_URL")),
        }
    }
}
