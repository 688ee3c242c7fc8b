//! What becomes of a reply that is spoken.

use std::time::Instant;

use crate::providers::error::ProviderError;

/// What happens while a reply is spoken.
#[derive(Debug)]
pub(crate) enum SpeechEvent {
    /// The first sound went out.
    Began(Instant),
    /// This sentence begins to be heard.
    Sentence(String),
    /// The caller has heard all of it.
    Ended,
    /// The rest cannot be spoken.
    Failed(ProviderError),
}
