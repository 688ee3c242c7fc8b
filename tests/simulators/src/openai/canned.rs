//! The same answer to every call, made once: what a benchmark of the agent measures is then the agent.

use std::f64::consts::TAU;
use std::fmt::Write;
use std::sync::LazyLock;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::OpenAi;
use super::chat::Completion;
use super::speech::{SAMPLE_RATE, pcm};

/// What every caller is heard to say.
pub(crate) const HEARD: &str = "we are twelve people";
/// What every caller is told.
const REPLY: &str = "Thank you, that is good to know. What else would you like to tell me?";

pub(crate) async fn transcribe(State(openai): State<OpenAi>, _: Bytes) -> Json<Value> {
    sleep(openai.settings().transcription_delay()).await;
    Json(json!({ "text": HEARD }))
}

/// What a canned answer depends on.
#[derive(Deserialize)]
pub(crate) struct Form {
    #[serde(default)]
    stream: bool,
}

pub(crate) async fn complete(State(openai): State<OpenAi>, Json(form): Json<Form>) -> Response {
    static ANSWERS: LazyLock<(Bytes, Bytes)> = LazyLock::new(answers);
    let (whole, events) = &*ANSWERS;
    sleep(openai.settings().first_token_delay()).await;
    match form.stream {
        false => ([(CONTENT_TYPE, "application/json")], whole.clone()).into_response(),
        true => ([(CONTENT_TYPE, "text/event-stream")], events.clone()).into_response(),
    }
}

#[expect(clippy::let_underscore_must_use, reason = "writing to a string does not fail")]
fn answers() -> (Bytes, Bytes) {
    let completion = Completion::canned(REPLY);
    let mut events = String::new();
    for chunk in completion.chunks(true) {
        let _ = write!(events, "data: {}\n\n", chunk.data);
    }
    events.push_str("data: [DONE]\n\n");
    (completion.whole().to_string().into(), events.into())
}

pub(crate) async fn speak(State(openai): State<OpenAi>, _: Bytes) -> Response {
    static SOUND: LazyLock<Bytes> = LazyLock::new(|| pcm(&sound()));
    sleep(openai.settings().first_audio_delay()).await;
    ([(CONTENT_TYPE, "audio/pcm")], SOUND.clone()).into_response()
}

/// Two seconds of a hum that rises and falls like speech.
pub(crate) fn sound() -> Vec<i16> {
    let sample = |n: u32| {
        let time = f64::from(n) / f64::from(SAMPLE_RATE);
        let loudness = 6_000.0 * (time * 4.0 * TAU / 2.0).sin().abs();
        let vowel: f64 = (1..6).map(|k| (time * 140.0 * f64::from(k) * TAU).sin() / f64::from(k)).sum();
        (vowel * loudness) as i16
    };
    (0..2 * SAMPLE_RATE).map(sample).collect()
}
