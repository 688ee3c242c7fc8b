//! The reply, or the phrase of the persona's, that is being generated and spoken.

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::conversation::latencies::Moments;
use crate::conversation::reply::GenerationEvent;
use crate::conversation::speech::Speech;
use crate::conversation::speech::event::SpeechEvent;

/// What the agent says of its own accord.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phrase {
    Greeting,
    StillThere,
    Apology,
    Goodbye,
    /// The last one, whatever the caller does.
    TimeIsUp,
}

/// A reply, or a phrase, on its way to the caller.
pub(super) struct ActiveReply {
    /// None where it answers a turn.
    pub(super) phrase: Option<Phrase>,
    /// It answers a turn that was typed.
    pub(super) typed: bool,
    pub(super) failed: bool,
    /// Id of its captions.
    pub(super) segment: String,
    pub(super) moments: Moments,
    pub(super) generation_rx: mpsc::UnboundedReceiver<GenerationEvent>,
    pub(super) speech: Speech,
    pub(super) speech_rx: mpsc::UnboundedReceiver<SpeechEvent>,
    /// The generation ends with the reply.
    pub(super) _generation: Option<AbortOnDropHandle<()>>,
}
