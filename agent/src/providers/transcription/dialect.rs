//! How a streaming recogniser is spoken to: the texts that are sent, and what those mean that come. No IO.

use std::time::Duration;

use serde_json::Value;

use crate::providers::error::ProviderError;
use crate::providers::reply::Usage;

/// Most bytes of words that are taken at once, whatever a service sends: twice what a turn may have, so that who makes turns of
/// them sees that they are too many.
pub(in crate::providers) const LONGEST_WORDS: usize = 32 * 1024;

/// What a recogniser is told of a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spoken {
    /// ISO 639; empty where it is not known.
    pub language: String,
    /// Names that are likely, with commas between them; may be empty.
    pub vocabulary: String,
}

/// What a service says.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::providers) enum Said {
    /// It listens, by the settings that it was given.
    Ready,
    /// Words that may change.
    Interim(String),
    /// The words that it told last and that may change are all that was said up to there: from the first sample that this
    /// connection was sent.
    HeardUntil(Duration),
    /// Words that stay, and where they begin and end: from the first sample that this connection was sent, where it tells.
    Final {
        text: String,
        start: Option<Duration>,
        end: Option<Duration>,
    },
    /// What it was asked to make final is final, but for what is on its way.
    Finalized,
    EagerEndOfTurn,
    EndOfTurn,
    Language(String),
    /// Words of its took so many tokens.
    Used(Usage),
}

impl Said {
    /// The same with no more words than are taken.
    pub(super) fn bounded(mut self) -> Self {
        if let Self::Interim(text) | Self::Final { text, .. } | Self::Language(text) = &mut self {
            cut(text);
        }
        self
    }
}

/// Leaves out what is beyond [`LONGEST_WORDS`].
pub(in crate::providers) fn cut(text: &mut String) {
    if text.len() > LONGEST_WORDS {
        text.truncate(text.floor_char_boundary(LONGEST_WORDS));
        // They are kept for a while.
        text.shrink_to_fit();
    }
}

/// A protocol of JSON texts over a WebSocket, as one connection speaks it.
pub(in crate::providers) trait Dialect: Send + Sync {
    /// The same for another connection, which knows nothing of this one.
    fn fresh(&self) -> Box<dyn Dialect>;

    /// Samples a second that the service takes, mono, 16 bit.
    fn sample_rate(&self) -> u32;

    /// Path behind the base address.
    fn path(&self) -> &'static str;

    /// What stands behind the path.
    fn query(&self, spoken: &Spoken) -> Vec<(&'static str, String)>;

    /// Whether it is to hear what comes between two utterances: it would not find their ends without.
    fn wants_silence(&self) -> bool;

    /// How long a connection is good for, where that has a limit.
    fn lifetime(&self) -> Option<Duration>;

    /// What is sent first.
    fn open(&self, spoken: &Spoken) -> Option<Value>;

    fn audio(&mut self, samples: &[i16]) -> Value;

    /// What asks for final words at the end of speech, where the service takes it.
    fn finalize(&mut self) -> Option<Value>;

    /// Whether the service answers each [`Self::finalize`], also where there are no words.
    fn answers(&self) -> bool {
        false
    }

    /// Whether it tells what it hears as speech, and hears none whose words are not final.
    fn hears_nothing(&self) -> bool {
        false
    }

    /// What is sent last.
    fn close(&self) -> Option<Value>;

    /// What a text means. What is unknown means nothing.
    ///
    /// # Errors
    /// The service reported an error, or ended the session.
    fn read(&mut self, text: &str) -> Result<Vec<Said>, ProviderError>;
}
