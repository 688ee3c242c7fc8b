//! The events of OpenAI's Realtime API that a transcription has.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::sockets::Dialect;
use crate::streaming::sound::Pcm;

/// What a client sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum ClientEvent {
    #[serde(rename = "session.update")]
    Update { session: Value },
    #[serde(rename = "input_audio_buffer.append")]
    Append { audio: Pcm },
    #[serde(rename = "input_audio_buffer.commit")]
    Commit,
    #[serde(rename = "input_audio_buffer.clear")]
    Clear,
}

impl ClientEvent {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Update { .. } => "session.update",
            Self::Append { .. } => "input_audio_buffer.append",
            Self::Commit => "input_audio_buffer.commit",
            Self::Clear => "input_audio_buffer.clear",
        }
    }
}

/// An event from the server, with an id of its own.
pub(super) fn event(kind: &str, mut fields: Value) -> Value {
    fields["type"] = kind.into();
    fields["event_id"] = id("event").into();
    fields
}

pub(super) fn id(of: &str) -> String {
    format!("{of}_{:016x}", rand::random::<u64>())
}

pub(super) fn error(code: Option<&str>, message: &str) -> Value {
    let error = json!({
        "type": "invalid_request_error", "code": code, "message": message, "param": null, "event_id": null,
    });
    event("error", json!({ "error": error }))
}

pub(super) fn server_error(message: &str) -> Value {
    let error = json!({ "type": "server_error", "code": null, "message": message, "param": null });
    event("error", json!({ "error": error }))
}

pub(super) fn cleared() -> Value {
    event("input_audio_buffer.cleared", json!({}))
}

/// How a session says that something is wrong: the session goes on.
pub(super) struct Events;

impl Dialect for Events {
    fn error(&self, status: u16, message: &str) -> Value {
        if status < 500 {
            return error(None, message);
        }
        server_error(message)
    }

    fn closed(&self) -> Option<Value> {
        None
    }

    fn errors_end(&self) -> bool {
        false
    }
}
