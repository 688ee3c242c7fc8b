//! The names of what a call uses: what is counted against a budget, and what is left out because of a limit.

/// What is counted in a call, and ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budgeted {
    /// Turns of the caller's, spoken and typed.
    Turns,
    /// Requests to the language model.
    LlmRequests,
    /// Bytes of prompts for the language model.
    PromptBytes,
    /// Characters given to text to speech.
    SpeechCharacters,
    /// Sound sent to speech to text, milliseconds.
    TranscribedMilliseconds,
    /// Calls of tools that the model asked for.
    ToolCalls,
}

/// What is left out of a call, which goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Messages of data channels that the agent has no use for, or that come too fast.
    DataMessages,
    /// Text and byte streams that are too many, too long, or not wanted.
    Streams,
    /// Typed messages that are too long or too many.
    TypedMessages,
    /// Pre-connect audio that is too long or not announced.
    PreConnectAudio,
    /// Audio tracks beside the microphone.
    Tracks,
    /// Metadata that is too long.
    Metadata,
    /// Sound that speech to text did not take in time.
    Speech,
    /// Words of a spoken turn beyond what anybody says in one.
    Words,
    /// Messages that a prompt had no room for.
    History,
    /// Parts of a reply beyond what one may have.
    Replies,
    /// Entries of the transcript.
    Transcript,
    /// Calls of tools that the payload has no room for, or that one reply made too many of.
    ToolCalls,
}

impl Budgeted {
    pub(crate) const ALL: [Self; 6] = [
        Self::Turns,
        Self::LlmRequests,
        Self::PromptBytes,
        Self::SpeechCharacters,
        Self::TranscribedMilliseconds,
        Self::ToolCalls,
    ];

    /// As the metrics show it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Turns => "turns",
            Self::LlmRequests => "llm_requests",
            Self::PromptBytes => "prompt_bytes",
            Self::SpeechCharacters => "speech_characters",
            Self::TranscribedMilliseconds => "transcribed_milliseconds",
            Self::ToolCalls => "tool_calls",
        }
    }
}

impl Cut {
    pub(crate) const ALL: [Self; 12] = [
        Self::DataMessages,
        Self::Streams,
        Self::TypedMessages,
        Self::PreConnectAudio,
        Self::Tracks,
        Self::Metadata,
        Self::Speech,
        Self::Words,
        Self::History,
        Self::Replies,
        Self::Transcript,
        Self::ToolCalls,
    ];

    /// As the metrics show it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DataMessages => "data_messages",
            Self::Streams => "streams",
            Self::TypedMessages => "typed_messages",
            Self::PreConnectAudio => "pre_connect_audio",
            Self::Tracks => "tracks",
            Self::Metadata => "metadata",
            Self::Speech => "speech",
            Self::Words => "words",
            Self::History => "history",
            Self::Replies => "replies",
            Self::Transcript => "transcript",
            Self::ToolCalls => "tool_calls",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_stands_once() {
        for (index, budgeted) in Budgeted::ALL.into_iter().enumerate() {
            assert_eq!(budgeted as usize, index);
        }
        for (index, cut) in Cut::ALL.into_iter().enumerate() {
            assert_eq!(cut as usize, index);
        }
    }
}
