//! What services answer, whatever it is.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Map, json};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use super::chat_completions::parts;
use super::error::{Provider, ProviderError};
use super::inference::stt::InferenceStt;
use super::inference::tts;
use super::realtime::{Form, RealtimeStt};
use super::reply::{Meant, ReplyPart};
use super::request::{Answer, Limits};
use super::sound::{Decoder, Label, SAMPLE_RATE};
use super::transcription::dialect::{Dialect, Said};

/// Longest sound that is taken, in samples.
const MOST_SAMPLES: usize = 2 * SAMPLE_RATE as usize;

/// A reply of a language model as a stream of events, behind a byte that says how it is cut and how the model thinks.
///
/// # Panics
/// When it depends on how it was cut, or more is said than was sent.
pub(crate) fn reply(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let (thinks_first, piece) = (first % 2 == 1, usize::from(first / 2) + 1);
    let whole = read_reply(body, body.len().max(1), thinks_first);
    assert_eq!(read_reply(body, piece, thinks_first), whole, "in pieces of {piece}");
    let (parts, error) = whole;
    let said = parts.iter().map(|part| if let ReplyPart::Text(text) = part { text.len() } else { 0 });
    let said = said.sum::<usize>();
    assert!(said <= body.len(), "{said} bytes of {}", body.len());
    error.iter().for_each(check_error);
}

/// The parts, those of one text joined, and names that were made up left out.
fn read_reply(body: &[u8], piece: usize, thinks_first: bool) -> (Vec<ReplyPart>, Option<ProviderError>) {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| Builder::new_current_thread().enable_time().build().expect("make a runtime"));
    let chunks: Vec<_> = body.chunks(piece).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    let answer = Answer { headers: HeaderMap::new(), chunks: stream::iter(chunks).boxed() };
    let tool = json!({"type": "function", "function": {"name": "end_call"}});
    let meant = Meant::new(&[tool], Arc::new(thinks_first.into()));
    RUNTIME.block_on(async {
        let mut reply = parts(Provider::LanguageModel, answer, meant, Instant::now(), Limits::default());
        let mut read = Vec::new();
        while let Some(part) = reply.next().await {
            match (part, read.last_mut()) {
                (Ok(ReplyPart::Text(more)), Some(ReplyPart::Text(text))) => text.push_str(&more),
                (Ok(ReplyPart::ToolCall { name, arguments, extra_content, .. }), _) => {
                    read.push(ReplyPart::ToolCall { id: String::new(), name, arguments, extra_content });
                }
                (Ok(part), _) => read.push(part),
                (Err(error), _) => return (read, Some(error)),
            }
        }
        (read, None)
    })
}

/// Texts of recognisers and voices on their sockets, a line each.
///
/// # Panics
/// When more words are final than were sent, or an error shows what was sent.
pub(crate) fn service_texts(bytes: &[u8]) {
    let texts = String::from_utf8_lossy(bytes);
    let dialects: [Box<dyn Dialect>; 3] = [
        Box::new(InferenceStt::new("deepgram/flux-general", Map::new(), Vec::new())),
        Box::new(RealtimeStt::new(Form::OpenAi, "gpt-transcribe")),
        Box::new(RealtimeStt::new(Form::Speaches, "whisper")),
    ];
    for mut dialect in dialects {
        let mut words = 0;
        for text in texts.lines() {
            drop(dialect.audio(&[0; 240]));
            drop(dialect.finalize());
            match dialect.read(text) {
                Ok(said) => {
                    let of = |said: &Said| if let Said::Final { text, .. } = said { text.len() } else { 0 };
                    words += said.iter().map(of).sum::<usize>();
                }
                Err(error) => check_error(&error),
            }
            dialect.hears_nothing();
        }
        assert!(words <= texts.len(), "{words} bytes of {}", texts.len());
    }
    for text in texts.lines() {
        tts::understands(text);
    }
}

/// The sound of a voice, behind a byte that says how it is labelled and cut.
///
/// # Panics
/// When it is longer than it may be.
pub(crate) fn sound(bytes: &[u8]) {
    const TYPES: [&str; 8] = [
        "",
        "audio/pcm;rate=16000;channels=2",
        "audio/l16;rate=44100",
        "audio/basic",
        "audio/pcm_f32le",
        "audio/pcm;encoding=float;bits=64",
        "audio/pcm;bits=24;rate=8000;channels=8",
        "audio/mpeg",
    ];
    let Some((first, body)) = bytes.split_first() else { return };
    let headers =
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(TYPES[usize::from(first % 8)]))]);
    let Ok(mut decoder) = Decoder::new(&Label::of(&headers), SAMPLE_RATE, MOST_SAMPLES) else { return };
    let mut samples = 0;
    let mut count = |read: Result<Vec<i16>, String>| {
        let read = read.inspect_err(|fault| check_text(fault)).ok()?;
        samples += read.len();
        assert!(samples <= MOST_SAMPLES, "{samples} samples");
        Some(())
    };
    for piece in body.chunks(1 + usize::from(first / 8) * 40) {
        if count(decoder.read(piece)).is_none() {
            return;
        }
    }
    count(decoder.finish());
}

fn check_error(error: &ProviderError) {
    check_text(&error.to_string());
}

/// What is logged is short, and one line.
fn check_text(text: &str) {
    assert!(text.len() < 400 && !text.contains(char::is_control), "{text:?}");
}
