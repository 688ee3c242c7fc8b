//! What happens to turn taking, and what it decides.

use std::time::Instant;

/// What happens in the conversation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// The caller speaks, since then.
    SpeechBegan(Instant),
    /// The caller still speaks at that time, after [`Self::SpeechBegan`].
    StillSpeaking(Instant),
    /// The caller is silent, since then.
    SpeechEnded(Instant),
    /// What began as speech was talk of several, of whom nobody spoke to the agent.
    Murmured,
    /// What the caller has said in this turn so far; its last words may change.
    Interim(String),
    /// These words are all that was said until then.
    HeardUntil(Instant),
    /// The same; its words stay, and more may follow.
    Final(String),
    /// What the caller has said in this turn so far; nothing where it was no words.
    Transcribed(String),
    /// The probability, 0 to 1, that the turn was over at the silence that began then, by how it was said.
    Judged { silent_since: Instant, probability: f32 },
    /// The service that transcribes takes the turn for probably over.
    ServiceSeesAnEnd,
    /// It takes the turn for over.
    ServiceEndedTurn,
    /// The caller typed a message.
    Typed(String),
    /// The caller hears the agent's voice from now on.
    VoiceBegan,
    /// The agent has said all that it had to say; whether it asked something last.
    VoiceEnded { asked: bool },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// The caller's turn so far is to be transcribed; an earlier transcription of it is void.
    Transcribe,
    /// The transcription under way is void: the caller goes on.
    DropTranscription,
    /// Whether the turn is over, by how it was said, is to be found out, for the silence that began then.
    Judge(Instant),
    /// What was said was no turn: it can be forgotten.
    Forget,
    /// The turn is probably over: its reply may begin, as long as nothing comes of it.
    Prepare(String),
    /// The reply that began early is thrown away.
    Discard,
    /// The caller's turn is over: reply to it.
    Reply(Turn),
    /// The caller said that they listen, which is no turn.
    Note(Turn),
    /// The caller said something, and it was not understood.
    Apologise,
    /// The agent's voice stops where it is.
    Pause,
    /// It goes on from there.
    Resume,
    /// Barge-in: the agent's reply is given up, and what was not said of it is never said.
    Interrupt,
    /// The caller has been silent for long.
    Away,
}

/// A turn of the caller's that is over: spoken, or typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) text: String,
    /// When the caller stopped speaking, and when the words were known; none of a typed turn.
    pub(crate) spoken: Option<Spoken>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) transcribed: Instant,
}
