//! Where a call comes in.

use serde::{Deserialize, Serialize};

/// The endpoint whose call a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Endpoint {
    Speech,
    Transcriptions,
    /// OpenAI's and the gateway's: the token says which one is called.
    Chat,
    /// The gateway's socket for speech to text.
    Stt,
    /// The gateway's socket for text to speech.
    Tts,
    /// The socket for transcriptions in OpenAI's form or that of speaches.
    Realtime,
}

impl Endpoint {
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path {
            "/v1/audio/speech" => Some(Self::Speech),
            "/v1/audio/transcriptions" => Some(Self::Transcriptions),
            "/v1/chat/completions" => Some(Self::Chat),
            "/v1/stt" => Some(Self::Stt),
            "/v1/tts" => Some(Self::Tts),
            "/v1/realtime" => Some(Self::Realtime),
            _ => None,
        }
    }

    pub(crate) fn is_socket(self) -> bool {
        matches!(self, Self::Stt | Self::Tts | Self::Realtime)
    }
}
