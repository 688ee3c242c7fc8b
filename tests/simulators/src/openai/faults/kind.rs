//! The ways in which a call goes wrong.

use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;

/// How a call goes wrong. A socket goes wrong when `after` interim transcripts or pieces of sound were sent, or where
/// `after_ms` is given, when so much sound has come or was sent, or where `on` is given, when the client has sent that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// `delay_ms` before anything.
    Slow,
    /// `delay_ms` before each part of the answer.
    SlowStream,
    /// `status`, with `retry_after` seconds, in place of an answer.
    Status,
    /// Gateway: 429, and `text` is the category of what is used up.
    Quota,
    /// The connection breaks, without a word: in the part behind the first `after`.
    Cut,
    /// What should be JSON is none.
    MalformedJson,
    /// Sockets: the session is closed though nobody asked for it.
    Close,
    /// Sockets: an error with the code `status` and the message `text`. The gateway then closes the socket.
    Error,
    /// Sockets: nothing is sent for `delay_ms`.
    Silent,
    /// Realtime: the next transcription fails.
    Failed,
    /// Chat: `record_signals` with values of the wrong type.
    BadArguments,
    /// Chat: a call of a tool that nobody listed.
    UnknownTool,
    /// Chat: a call of a tool in place of any text.
    Loop,
    /// Chat: `record_signals` with a `qualification_tier`.
    SetTier,
    /// `text` and nothing else is what the model says, or what the next utterance is heard as.
    Say,
    /// Chat: the calls of tools in `text`: an object that has the arguments of each by its name.
    Call,
    /// Chat: before its reply the model thinks `text`, between the tags of most models.
    Think,
    /// Chat: the same between gemma's tags.
    Channel,
    /// Chat: `text` stands before the reply as it is.
    Prefix,
    /// Chat: the calls of tools are text; `text` is `hermes`, `fence` or `json`.
    ToolText,
}

impl Kind {
    /// Whether it strikes an utterance, and not the whole socket on which that is said.
    pub(crate) fn strikes_utterances(self) -> bool {
        matches!(self, Self::Say | Self::Failed)
    }

    /// Whether calls of an endpoint can go wrong in this way.
    pub(crate) fn concerns(self, endpoint: Endpoint) -> bool {
        match self {
            Self::Slow | Self::SlowStream | Self::Status | Self::Cut | Self::MalformedJson => true,
            Self::Quota => matches!(endpoint, Endpoint::Chat | Endpoint::Stt | Endpoint::Tts),
            Self::Close | Self::Error | Self::Silent => endpoint.is_socket(),
            Self::Failed => endpoint == Endpoint::Realtime,
            Self::Say => !matches!(endpoint, Endpoint::Speech | Endpoint::Tts),
            Self::BadArguments
            | Self::UnknownTool
            | Self::Loop
            | Self::SetTier
            | Self::Call
            | Self::Think
            | Self::Channel
            | Self::Prefix
            | Self::ToolText => endpoint == Endpoint::Chat,
        }
    }
}
