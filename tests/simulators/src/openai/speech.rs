//! `POST /v1/audio/speech`: espeak-ng, streamed as it speaks.

use std::io::ErrorKind;
use std::process::Stdio;

use anyhow::{Context, bail};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdout, Command};
use tracing::error;

use super::api_error::ApiError;
use super::audio::Resampler;
use super::faults::Endpoint;
use super::{Answers, OpenAi};

/// Longest input, characters: OpenAI's limit.
const LONGEST_INPUT: usize = 4_096;
/// What is answered, Hz: OpenAI's rate of `pcm`.
pub(crate) const SAMPLE_RATE: u32 = 24_000;
/// Words a minute at speed 1.
const WORDS_PER_MINUTE: f64 = 165.0;
/// OpenAI's voices, and espeak-ng's that stand for them.
const VOICES: [(&str, &str); 13] = [
    ("alloy", "en-us"),
    ("ash", "en-us+m2"),
    ("ballad", "en-gb"),
    ("cedar", "en-us+m4"),
    ("coral", "en-us+f1"),
    ("echo", "en-us+m3"),
    ("fable", "en-gb-scotland"),
    ("marin", "en-us+f5"),
    ("nova", "en-us+f2"),
    ("onyx", "en-us+m7"),
    ("sage", "en-us+f3"),
    ("shimmer", "en-us+f4"),
    ("verse", "en-us+m1"),
];

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    model: String,
    input: String,
    voice: String,
    #[serde(default = "pcm")]
    response_format: String,
    #[serde(default = "usual_speed")]
    speed: f64,
}

fn pcm() -> String {
    "pcm".to_owned()
}

fn usual_speed() -> f64 {
    1.0
}

pub(crate) async fn speak(
    State(openai): State<OpenAi>,
    call: Result<Json<Call>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(call) = call.map_err(|error| ApiError::bad_request("body", error.body_text()))?;
    let voice = voice(&openai, &call.voice)?;
    call.check()?;
    openai.state().requests.keep(Endpoint::Speech, serde_json::json!(call));
    let (head, media) = match call.response_format.as_str() {
        "wav" => (wav_header().to_vec(), "audio/wav"),
        _ => (Vec::new(), "audio/pcm"),
    };
    let speaking = Speaking::start(voice, call.speed, call.input).await.map_err(|error| {
        error!("{error:#}");
        ApiError::server("espeak-ng does not speak; the simulator's log says why.")
    })?;
    let sound = stream::try_unfold(speaking, Speaking::next);
    let head = stream::iter((!head.is_empty()).then(|| Ok(Bytes::from(head))));
    let body = Body::from_stream(head.chain(sound.inspect_err(|error| error!("{error:#}"))));
    Ok(([(CONTENT_TYPE, media)], body).into_response())
}

fn voice(openai: &OpenAi, name: &str) -> Result<&'static str, ApiError> {
    let own = match &openai.config().answers {
        Answers::Made { persona, .. } => persona.voice == name,
        Answers::Canned => true,
    };
    let known = VOICES.iter().find(|(voice, _)| *voice == name).map(|(_, espeak)| *espeak);
    known.or(own.then_some(VOICES[0].1)).ok_or_else(|| {
        let names: Vec<_> = VOICES.iter().map(|(voice, _)| *voice).collect();
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

/// The header of a stream whose length nobody knows yet.
fn wav_header() -> [u8; 44] {
    let mut header = *b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x10\0data\xfe\xff\xff\xff";
    header[24..28].copy_from_slice(&SAMPLE_RATE.to_le_bytes());
    header[28..32].copy_from_slice(&(SAMPLE_RATE * 2).to_le_bytes());
    header
}

/// A voice in the middle of a text. Dropping it ends its process.
struct Speaking {
    child: Child,
    output: ChildStdout,
    /// `None` when the last sample has been spoken.
    resampler: Option<Resampler>,
    /// The first byte of a sample whose second one has not come yet.
    odd: Option<u8>,
}

impl Speaking {
    async fn start(voice: &str, speed: f64, text: String) -> anyhow::Result<Self> {
        let words_per_minute = (WORDS_PER_MINUTE * speed).round() as u32;
        let mut child = Command::new("espeak-ng")
            .args(["--stdin", "--stdout", "-v", voice, "-s"])
            .arg(words_per_minute.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("start espeak-ng: run deploy/dev/install.sh system first")?;
        let (Some(mut input), Some(mut output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("espeak-ng has no pipes");
        };
        input.write_all(text.as_bytes()).await.context("write to espeak-ng")?;
        drop(input);
        let mut header = [0; 44];
        output.read_exact(&mut header).await.context("read espeak-ng's header")?;
        let rate = u32::from_le_bytes([header[24], header[25], header[26], header[27]]);
        let resampler = Resampler::new(rate, SAMPLE_RATE).context("convert espeak-ng's sound")?;
        Ok(Self { child, output, resampler: Some(resampler), odd: None })
    }

    /// The sound that there is by now.
    async fn next(mut self) -> anyhow::Result<Option<(Bytes, Self)>> {
        let mut buffer = [0; 4_096];
        while let Some(resampler) = &mut self.resampler {
            let odd = usize::from(self.odd.is_some());
            buffer[0] = self.odd.take().unwrap_or_default();
            let read = match self.output.read(&mut buffer[odd..]).await {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read.context("read espeak-ng's sound")?,
            };
            let (samples, rest) = buffer[..odd + read].as_chunks::<2>();
            self.odd = rest.first().copied();
            let samples: Vec<i16> = samples.iter().map(|sample| i16::from_le_bytes(*sample)).collect();
            let mut sound = resampler.convert(&samples)?;
            if read == 0 {
                let status = self.child.wait().await.context("wait for espeak-ng")?;
                anyhow::ensure!(status.success(), "espeak-ng ended with {status}");
                sound.extend(self.resampler.take().map(Resampler::finish).transpose()?.unwrap_or_default());
            }
            if !sound.is_empty() {
                let sound: Vec<u8> = sound.into_iter().flat_map(i16::to_le_bytes).collect();
                return Ok(Some((sound.into(), self)));
            }
        }
        Ok(None)
    }
}
