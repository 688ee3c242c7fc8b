//! What is told of a caller's words while they speak.

use std::time::Duration;

/// Part of what was said, or a hint at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TranscriptEvent {
    /// Words that may change, in the place of those before that may change; may be empty.
    Interim(String),
    /// The words that were told last are all that was said until so long ago.
    HeardUntil(Duration),
    /// Words that stay, after those that stay already; empty where it was none after all.
    Final(String),
    /// All that was said before the last [`speech_ended`](super::TranscriptionStream::speech_ended) is final.
    Finalized,
    /// The turn is probably over, by how the service hears it.
    EagerEndOfTurn,
    /// The turn is over, by how the service hears it.
    EndOfTurn,
    /// The language that is spoken, as ISO 639 has it.
    Language(String),
}
