//! The reply, or the phrase of the persona's, that is being generated and spoken.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::conversation::latencies::Moments;
use crate::conversation::reply::GenerationEvent;
use crate::conversation::reply_account::ReplyAccount;
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
    /// Number of that turn.
    pub(super) turn: Option<u32>,
    /// It answers a turn that was typed.
    pub(super) typed: bool,
    pub(super) failed: bool,
    /// Id of its captions.
    pub(super) segment: String,
    pub(super) moments: Moments,
    /// What services do for it.
    pub(super) account: Arc<ReplyAccount>,
    pub(super) generation_rx: mpsc::UnboundedReceiver<GenerationEvent>,
    pub(super) speech: Speech,
    pub(super) speech_rx: mpsc::UnboundedReceiver<SpeechEvent>,
    /// What is said where it takes long.
    pub(super) one_moment: Option<OneMoment>,
    /// Whether what it wants to have done may be done: not before the turn is over.
    pub(super) may_act_tx: watch::Sender<bool>,
    /// The generation ends with the reply.
    pub(super) _generation: Option<AbortOnDropHandle<()>>,
}

/// A sentence of the persona's that goes first where nothing of a reply has come by then.
pub(super) struct OneMoment {
    pub(super) due: Instant,
    /// Where the reply's sentences go; nowhere, once they have all come.
    pub(super) sentences_tx: mpsc::WeakUnboundedSender<String>,
}

/// A reply that began before its turn was certainly over. Nothing of it is heard, done or written down.
pub(super) struct EarlyReply {
    /// What it replies to.
    pub(super) text: String,
    pub(super) reply: ActiveReply,
}
