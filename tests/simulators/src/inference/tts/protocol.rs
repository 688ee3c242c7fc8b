//! The frames of the gateway's socket for text to speech.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::inference::opening;

/// What a client sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum ClientFrame {
    #[serde(rename = "session.create")]
    Create(Create),
    #[serde(rename = "input_transcript")]
    Text(Text),
    #[serde(rename = "session.flush")]
    Flush,
    #[serde(rename = "session.close")]
    Close,
}

impl opening::ClientFrame for ClientFrame {
    type Create = Create;

    fn create(self) -> Option<Create> {
        if let Self::Create(create) = self { Some(create) } else { None }
    }
}

impl ClientFrame {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Create(_) => "session.create",
            Self::Text(_) => "input_transcript",
            Self::Flush => "session.flush",
            Self::Close => "session.close",
        }
    }
}

/// How a session begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Create {
    /// Hz, as a text.
    pub(super) sample_rate: String,
    pub(super) encoding: String,
    pub(super) model: Option<String>,
    pub(super) voice: Option<String>,
    pub(super) language: Option<String>,
    #[serde(default)]
    pub(super) extra: Map<String, Value>,
    #[serde(default)]
    pub(super) connection: Option<Value>,
    #[serde(default)]
    pub(super) fallback: Option<Value>,
}

/// A sentence of an utterance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Text {
    pub(super) transcript: String,
    #[serde(default)]
    pub(super) generation_config: Generation,
    #[serde(default)]
    pub(super) extra: Map<String, Value>,
}

/// How it is to be spoken, where that is not as in the session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Generation {
    pub(super) voice: Option<String>,
    pub(super) model: Option<String>,
    pub(super) language: Option<String>,
}

/// What the gateway sends. Clients begin an utterance by the first `session_id` that they see.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ServerFrame {
    pub(super) session_id: String,
    #[serde(flatten)]
    pub(super) content: Content,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type")]
pub(super) enum Content {
    #[serde(rename = "session.created")]
    Created {},
    /// Samples in base64.
    #[serde(rename = "output_audio")]
    Audio { audio: String },
    #[serde(rename = "output_alignment")]
    Alignment(Alignment),
    #[serde(rename = "done")]
    Done {},
}

/// What is heard when, in seconds from the begin of the utterance.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Alignment {
    Words(Vec<TimedWord>),
    Chars(Vec<TimedChar>),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct TimedWord {
    pub(super) word: String,
    pub(super) start: f64,
    pub(super) end: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct TimedChar {
    pub(super) char: char,
    pub(super) start: f64,
    pub(super) end: f64,
}
