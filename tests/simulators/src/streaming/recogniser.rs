//! What makes words of an utterance: PocketSphinx, or nobody where they are known.

use crate::openai::faults::endpoint::Endpoint;
use crate::openai::faults::kind::Kind;
use crate::openai::heard::Heard;
use crate::openai::recogniser::Recognisers;
use crate::openai::{Answers, OpenAi, canned};

use super::listener::Clip;

/// Seconds that a word takes whose utterance nobody recognises.
const WORD: f64 = 0.3;
/// Seconds that a word takes at least.
const SHORTEST_WORD: f64 = 0.05;

/// What makes words of one utterance.
#[derive(Clone)]
pub(super) enum Recogniser {
    PocketSphinx(Recognisers),
    /// The same words, however they were said.
    Words(String),
}

impl Recogniser {
    /// For the next utterance on a socket of `endpoint`.
    pub(super) fn next(openai: &OpenAi, endpoint: Endpoint) -> Self {
        let said = openai.state().faults.take_of_utterance(endpoint, Kind::Say);
        match (said, &openai.config().answers) {
            (Some(fault), _) => Self::Words(fault.text),
            (None, Answers::Made { recognisers, .. }) => Self::PocketSphinx(recognisers.clone()),
            (None, Answers::Canned) => Self::Words(canned::HEARD.to_owned()),
        }
    }

    /// The words so far; `None` where it is not known now.
    pub(super) async fn recognise_partly(&self, clip: &Clip) -> anyhow::Result<Option<Heard>> {
        match self {
            Self::PocketSphinx(recognisers) => {
                let heard = recognisers.recognise_partly(&clip.samples).await?;
                Ok(heard.map(|heard| voiced(heard, clip)))
            }
            Self::Words(text) => {
                let spoken = ((clip.speech.1 - clip.speech.0) / WORD) as usize;
                let words: Vec<_> = text.split_whitespace().take(spoken).collect();
                Ok(Some(spread(&words.join(" "), clip)))
            }
        }
    }

    /// The words of the utterance; those of one that was not said to its end as far as they go.
    pub(super) async fn recognise_whole(&self, clip: &Clip) -> anyhow::Result<Heard> {
        match self {
            Self::PocketSphinx(recognisers) => {
                let heard = recognisers.recognise(&clip.samples).await?;
                if !heard.words.is_empty() {
                    return Ok(heard);
                }
                Ok(voiced(recognisers.recognise_unfinished(&clip.samples).await?, clip))
            }
            Self::Words(text) => Ok(spread(text, clip)),
        }
    }
}

/// The words that begin while somebody speaks: the recogniser takes breath behind an open sentence for a short word.
fn voiced(mut heard: Heard, clip: &Clip) -> Heard {
    let end = clip.speech.1 - clip.start;
    heard.words.retain(|word| word.start < end - SHORTEST_WORD);
    heard
}

/// Words over the voice in a clip.
fn spread(text: &str, clip: &Clip) -> Heard {
    let (start, end) = clip.speech;
    Heard::spread(text, end - start).later(start - clip.start)
}
