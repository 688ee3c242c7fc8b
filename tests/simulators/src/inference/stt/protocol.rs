//! The frames of the gateway's socket for speech to text.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::inference::opening;
use crate::streaming::sound::Pcm;

/// What a client sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum ClientFrame {
    #[serde(rename = "session.create")]
    Create(Create),
    #[serde(rename = "input_audio")]
    Audio { audio: Pcm },
    #[serde(rename = "session.update")]
    Update { settings: Update },
    #[serde(rename = "session.finalize")]
    Finalize,
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
            Self::Audio { .. } => "input_audio",
            Self::Update { .. } => "session.update",
            Self::Finalize => "session.finalize",
            Self::Close => "session.close",
        }
    }
}

/// How a session begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Create {
    /// Left out where the gateway is to choose.
    pub(super) model: Option<String>,
    pub(super) settings: Settings,
    #[serde(default)]
    pub(super) connection: Option<Value>,
    #[serde(default)]
    pub(super) fallback: Option<Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Settings {
    /// Hz, as a text.
    pub(super) sample_rate: String,
    pub(super) encoding: String,
    pub(super) language: Option<String>,
    #[serde(default)]
    pub(super) extra: Map<String, Value>,
}

/// What shall be otherwise from now on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Update {
    pub(super) model: Option<String>,
    pub(super) language: Option<String>,
    #[serde(default)]
    pub(super) extra: Map<String, Value>,
}

/// What the gateway sends.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type")]
pub(super) enum ServerFrame {
    #[serde(rename = "session.created")]
    Created { session_id: String },
    #[serde(rename = "start_of_speech")]
    StartOfSpeech { session_id: String, start: f64 },
    #[serde(rename = "interim_transcript")]
    Interim(Transcript),
    #[serde(rename = "preflight_transcript")]
    Preflight(Transcript),
    #[serde(rename = "final_transcript")]
    Final(Transcript),
    #[serde(rename = "session.finalized")]
    Finalized { session_id: String },
}

/// Times are seconds since the socket was opened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Transcript {
    pub(super) session_id: String,
    pub(super) request_id: String,
    pub(super) transcript: String,
    pub(super) language: String,
    pub(super) start: f64,
    pub(super) duration: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) words: Vec<Word>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Word {
    pub(super) word: String,
    pub(super) start: f64,
    pub(super) end: f64,
}
