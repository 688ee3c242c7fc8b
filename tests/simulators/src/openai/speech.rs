//! `POST /v1/audio/speech`: a voice, streamed as it speaks.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};
use tracing::error;

use super::api_error::ApiError;
use super::faults::endpoint::Endpoint;
use super::synthesiser::{OPENAI_VOICES, Speaking};
use super::{Answers, OpenAi};

/// Longest input, characters: OpenAI's limit.
const LONGEST_INPUT: usize = 4_096;
/// What is answered, Hz: OpenAI's rate of `pcm`.
pub(crate) const SAMPLE_RATE: u32 = 24_000;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    model: String,
    input: String,
    voice: String,
    #[serde(default = "usual_format")]
    response_format: String,
    #[serde(default = "usual_speed")]
    speed: f64,
}

fn usual_format() -> String {
    "pcm".to_owned()
}

fn usual_speed() -> f64 {
    1.0
}

pub(crate) async fn speak(
    State(openai): State<OpenAi>,
    call: Result<Json<Call>, JsonRejection>,
) -> Result<Response, ApiError> {
    let first_sound = Instant::now() + openai.settings().first_audio_delay();
    let Json(call) = call.map_err(|error| ApiError::bad_request("body", error.body_text()))?;
    let voice = voice(&openai, &call.voice)?;
    call.check()?;
    openai.state().requests.keep(Endpoint::Speech, serde_json::json!(call));
    let (head, media) = match call.response_format.as_str() {
        "wav" => (wav_header().to_vec(), "audio/wav"),
        _ => (Vec::new(), "audio/pcm"),
    };
    let speaking = Speaking::start(voice, call.speed, &call.input, SAMPLE_RATE).await.map_err(|error| {
        error!("{error:#}");
        ApiError::server("espeak-ng does not speak; the simulator's log says why.")
    })?;
    let sound = stream::try_unfold(speaking, async |mut speaking: Speaking| {
        let samples = speaking.next().await?;
        anyhow::Ok(samples.map(|samples| (pcm(&samples), speaking)))
    });
    sleep_until(first_sound).await;
    let head = stream::iter((!head.is_empty()).then(|| Ok(Bytes::from(head))));
    let body = Body::from_stream(head.chain(sound.inspect_err(|error| error!("{error:#}"))));
    Ok(([(CONTENT_TYPE, media)], body).into_response())
}

fn voice(openai: &OpenAi, name: &str) -> Result<&'static str, ApiError> {
    let own = match &openai.config().answers {
        Answers::Made { persona, .. } => persona.voice == name,
        Answers::Canned => true,
    };
    let known = OPENAI_VOICES.iter().find(|(voice, _)| *voice == name).map(|(_, espeak)| *espeak);
    known.or(own.then_some(OPENAI_VOICES[0].1)).ok_or_else(|| {
        let names: Vec<_> = OPENAI_VOICES.iter().map(|(voice, _)| *voice).collect();
        ApiError::bad_request("voice", format!("voice is the persona's, or one of {}", names.join(", ")))
    })
}

impl Call {
    fn check(&self) -> Result<(), ApiError> {
        if self.input.trim().is_empty() || self.input.chars().count() > LONGEST_INPUT {
            let message = format!("input has 1 to {LONGEST_INPUT} characters");
            return Err(ApiError::bad_request("input", message));
        }
        if !matches!(self.response_format.as_str(), "pcm" | "wav") {
            return Err(ApiError::bad_request("response_format", "response_format is pcm or wav"));
        }
        if !(0.25..=4.0).contains(&self.speed) {
            return Err(ApiError::bad_request("speed", "speed is from 0.25 to 4"));
        }
        Ok(())
    }
}

/// Samples as bytes, little-endian.
pub(crate) fn pcm(samples: &[i16]) -> Bytes {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// The header of a stream whose length nobody knows yet.
fn wav_header() -> [u8; 44] {
    let mut header = *b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x10\0data\xfe\xff\xff\xff";
    header[24..28].copy_from_slice(&SAMPLE_RATE.to_le_bytes());
    header[28..32].copy_from_slice(&(SAMPLE_RATE * 2).to_le_bytes());
    header
}
