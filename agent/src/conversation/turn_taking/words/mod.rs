//! What single words tell of a turn, by language: that more is to come, that somebody only listens, that the agent is to stop.
//! Recognisers write full stops where people only paused, so an open last word counts for more than its full stop.

mod lists;
#[cfg(test)]
mod tests;

use lists::{Lists, NONE, of_language};

/// How a text ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// More is to come.
    Open,
    /// As many sentences end so as go on.
    Either,
    /// It may be over: its words do not tell.
    Unclear,
    /// A question, or a call: it is over.
    Closed,
}

/// Most words of what a listener says.
const MOST_BACK_CHANNEL_WORDS: usize = 4;

/// Most words of what wants the agent to stop.
const MOST_STOP_WORDS: usize = 3;

/// The words of a language. One that is not known here has none, so that turns go by the silence after them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words(&'static Lists);

impl Words {
    /// `language` is an ISO 639 code, or one with a region behind it, such as `en-US`.
    pub(super) fn of(language: &str) -> Self {
        Self::known(language).unwrap_or(Self(&NONE))
    }

    /// The same, where there are lists for it. Recognisers have names of their own for languages, and say `multi` for any.
    pub(super) fn known(language: &str) -> Option<Self> {
        let language = language.split(['-', '_']).next().unwrap_or_default();
        of_language(&language.to_lowercase()).map(Self)
    }

    pub(super) fn ending(self, text: &str) -> Ending {
        let text = text.trim_end();
        if text.ends_with("...") || text.ends_with(['…', ',', '-', '–', ':', ';', '،', '、']) {
            return Ending::Open;
        }
        if text.ends_with(['?', '!', '？', '！']) {
            return Ending::Closed;
        }
        match words(text).last() {
            Some(last) if has(self.0.open, last) || has(self.0.fillers, last) => Ending::Open,
            Some(last) if has(self.0.either, last) => Ending::Either,
            _ => Ending::Unclear,
        }
    }

    /// A word alone that answers a question, such as "yes" or "Salesforce".
    pub(super) fn is_short_answer(self, text: &str) -> bool {
        words(text).len() == 1 && self.ending(text) == Ending::Unclear
    }

    /// What a listener says without wanting to speak, such as "uh-huh".
    pub(super) fn is_back_channel(self, text: &str) -> bool {
        let words = words(text);
        let count = words.len();
        if count == 0 || count > MOST_BACK_CHANNEL_WORDS {
            return false;
        }
        let mut rest = words.as_slice();
        while !rest.is_empty() {
            let phrase = (1..=rest.len()).rev().find(|length| {
                let phrase = rest[..*length].join(" ");
                has(self.0.listening, &phrase) || has(self.0.fillers, &phrase)
            });
            match phrase {
                Some(length) => rest = &rest[length..],
                None => return false,
            }
        }
        true
    }

    /// A word or two that want the agent to stop, such as "wait". More words want it anyway.
    pub(super) fn wants_a_stop(self, text: &str) -> bool {
        let words = words(text);
        words.len() <= MOST_STOP_WORDS && words.iter().any(|word| has(self.0.stops, word))
    }
}

/// The words of a text in small letters, without what stands around them.
fn words(text: &str) -> Vec<String> {
    let bare = |word: &str| {
        let word = word.trim_matches(|character: char| !character.is_alphanumeric());
        word.to_lowercase().replace(['’', '`'], "'")
    };
    text.split(char::is_whitespace).map(bare).filter(|word| !word.is_empty()).collect()
}

fn has(list: &[&str], word: &str) -> bool {
    list.contains(&word)
}
