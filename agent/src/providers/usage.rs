//! What services do for a call, counted where they are asked: by service and model, so that a cost can be worked out.

use std::sync::Arc;

use serde_json::Value;

use super::error::Provider;
use super::reply::Usage;

/// One service, as payloads and logs name it; clones share the names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceName {
    /// Which of the three it is.
    pub provider: Provider,
    /// Who runs it: `openai`, `livekit`, the host of a server of one's own, or what its list calls it.
    pub service: Arc<str>,
    /// The model, as its requests name it.
    pub model: Arc<str>,
}

/// What a service did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Used {
    /// It was asked, or a connection to it was opened.
    Request,
    /// It failed, after its tries.
    Failure,
    /// It begins to answer.
    Answers,
    /// Nothing more is taken of its answer, whether it was whole or not.
    Answered,
    /// It was given so many characters to speak.
    Characters(u64),
    /// It made so many seconds of speech.
    Spoken(f64),
    /// A reply or a transcription of its took so many tokens.
    Tokens(Usage),
}

/// The tokens of a transcription, where its service counts those: some count seconds, which are counted here.
pub(super) fn of_transcription(usage: &Value) -> Option<Usage> {
    let count = |path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    (usage.get("type")? == "tokens").then(|| Usage {
        prompt_tokens: count("/input_tokens"),
        prompt_audio_tokens: count("/input_token_details/audio_tokens"),
        completion_tokens: count("/output_tokens"),
        ..Usage::default()
    })
}

/// Where the use of services is written down: one for each call.
pub trait Account: Send + Sync {
    /// So many seconds of sound are about to be sent to a service; whether they may be.
    fn may_hear(&self, service: &ServiceName, seconds: f64) -> bool;

    /// A service has done something.
    fn used(&self, service: &ServiceName, used: Used);
}
