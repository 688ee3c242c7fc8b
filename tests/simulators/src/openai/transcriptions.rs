//! `POST /v1/audio/transcriptions`.

use std::io::Cursor;

use axum::Json;
use axum::extract::{Extension, Multipart, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hound::{SampleFormat, WavReader};
use serde_json::json;
use tokio::time::{Instant, sleep_until};
use tracing::error;

use super::api_error::ApiError;
use super::faults::Fault;
use super::faults::endpoint::Endpoint;
use super::faults::kind::Kind;
use super::{Answers, OpenAi, audio};

pub(crate) async fn transcribe(
    State(openai): State<OpenAi>,
    fault: Option<Extension<Fault>>,
    form: Multipart,
) -> Result<Response, ApiError> {
    let form = Form::read(form).await?;
    let clip = Clip::read(&form.file)?;
    openai.state().requests.keep(
        Endpoint::Transcriptions,
        json!({
            "model": form.model, "language": form.language, "prompt": form.prompt,
            "response_format": form.response_format, "seconds": clip.seconds(), "sample_rate": clip.sample_rate,
        }),
    );
    let ready = Instant::now() + openai.settings().transcription_delay();
    let seconds = clip.seconds();
    let text = match fault {
        Some(Extension(fault)) if fault.kind == Kind::Say => fault.text,
        _ => hear(&openai, clip).await?,
    };
    sleep_until(ready).await;
    Ok(form.answer(&text, seconds))
}

async fn hear(openai: &OpenAi, clip: Clip) -> Result<String, ApiError> {
    let Answers::Made { recognisers, .. } = &openai.config().answers else {
        return Err(ApiError::not_found());
    };
    let heard = match audio::at_recogniser_rate(clip.samples, clip.sample_rate) {
        Ok(samples) => recognisers.recognise(&samples).await,
        Err(error) => Err(error),
    };
    heard.map(|heard| heard.text()).map_err(|error| {
        error!("{error:#}");
        ApiError::server("The recogniser did not answer; the simulator's log says why.")
    })
}

/// What a client sends; unknown fields are ignored.
#[derive(Default)]
struct Form {
    file: Bytes,
    model: String,
    language: Option<String>,
    prompt: Option<String>,
    response_format: String,
}

impl Form {
    async fn read(mut parts: Multipart) -> Result<Self, ApiError> {
        let broken = |error: axum::extract::multipart::MultipartError| {
            ApiError::bad_request("file", error.body_text())
        };
        let mut form = Self { response_format: "json".to_owned(), ..Self::default() };
        while let Some(part) = parts.next_field().await.map_err(broken)? {
            match part.name().unwrap_or_default() {
                "file" => form.file = part.bytes().await.map_err(broken)?,
                "model" => form.model = part.text().await.map_err(broken)?,
                "language" => form.language = Some(part.text().await.map_err(broken)?),
                "prompt" => form.prompt = Some(part.text().await.map_err(broken)?),
                "response_format" => form.response_format = part.text().await.map_err(broken)?,
                _ => {}
            }
        }
        form.check()
    }

    fn check(self) -> Result<Self, ApiError> {
        if self.model.is_empty() {
            return Err(ApiError::bad_request("model", "you must provide a model parameter"));
        }
        if !matches!(self.response_format.as_str(), "json" | "text" | "verbose_json") {
            let message = "response_format is json, text or verbose_json";
            return Err(ApiError::bad_request("response_format", message));
        }
        if self.language.as_ref().is_some_and(|language| language.split('-').next() != Some("en")) {
            return Err(ApiError::bad_request("language", "the offline recogniser hears English only"));
        }
        Ok(self)
    }

    fn answer(&self, text: &str, seconds: f64) -> Response {
        match self.response_format.as_str() {
            "text" => ([(CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{text}\n")).into_response(),
            "verbose_json" => Json(json!({
                "task": "transcribe", "language": "english", "duration": seconds, "text": text, "segments": [],
            }))
            .into_response(),
            _ => Json(json!({ "text": text })).into_response(),
        }
    }
}

struct Clip {
    samples: Vec<i16>,
    sample_rate: u32,
}

impl Clip {
    fn read(file: &[u8]) -> Result<Self, ApiError> {
        let refused = |message: &str| ApiError::bad_request("file", message);
        let wav = WavReader::new(Cursor::new(file)).map_err(|_| refused("the file is no WAV"))?;
        let format = wav.spec();
        if format.channels != 1 || format.bits_per_sample != 16 || format.sample_format != SampleFormat::Int {
            return Err(refused("the WAV must have one channel with 16 bits a sample"));
        }
        if !(8_000..=48_000).contains(&format.sample_rate) {
            return Err(refused("the WAV must have a sample rate from 8,000 to 48,000 Hz"));
        }
        let samples: Result<Vec<i16>, _> = wav.into_samples().collect();
        let samples = samples.map_err(|_| refused("the WAV is shorter than its header says"))?;
        Ok(Self { samples, sample_rate: format.sample_rate })
    }

    fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.sample_rate)
    }
}
