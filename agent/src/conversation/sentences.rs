//! Text of a model, as it comes, in sentences that can be spoken.

use std::sync::LazyLock;

use pulldown_cmark::{Event, Parser, TagEnd};
use regex::Regex;

/// A sentence shorter than this waits for the next one: synthesisers speak a lone word badly.
const SHORTEST: usize = 12;
/// A sentence that does not end is cut at a space after so many bytes.
const LONGEST: usize = 400;
/// Words whose full stop ends no sentence.
const ABBREVIATIONS: [&str; 14] = [
    "dr.", "mr.", "mrs.", "ms.", "prof.", "st.", "vs.", "e.g.", "i.e.", "etc.", "approx.", "no.", "inc.",
    "ltd.",
];

/// Cuts a text that comes in pieces into sentences.
#[derive(Debug, Default)]
pub(crate) struct Sentences {
    rest: String,
}

impl Sentences {
    /// Takes the next piece; the sentences that it completes.
    pub(crate) fn push(&mut self, piece: &str) -> Vec<String> {
        self.rest.push_str(piece);
        let mut sentences = Vec::new();
        while let Some(end) = end_of_first(&self.rest) {
            let later = self.rest.split_off(end);
            let sentence = std::mem::replace(&mut self.rest, later);
            sentences.extend(speakable(&sentence));
        }
        sentences
    }

    /// What is left when no more comes.
    pub(crate) fn finish(self) -> Option<String> {
        speakable(&self.rest)
    }
}

/// Where the first sentence ends, if it is whole: what follows has to have begun.
fn end_of_first(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        let Some(&(next_index, next)) = characters.peek() else { break };
        let ends = match character {
            '\n' => true,
            '.' | '?' | '!' | '…' | ':' => next.is_whitespace(),
            '。' | '？' | '！' => true,
            _ => false,
        };
        let long_enough = character == '\n' || next_index >= SHORTEST;
        if ends && long_enough && !abbreviated(&text[..=index]) {
            return Some(next_index);
        }
    }
    if text.len() <= LONGEST {
        return None;
    }
    text[..text.floor_char_boundary(LONGEST)].rfind(' ').map(|space| space + 1)
}

fn abbreviated(text: &str) -> bool {
    let last = text.rsplit(char::is_whitespace).next().unwrap_or_default().to_lowercase();
    // A number before a full stop counts a list.
    ABBREVIATIONS.contains(&last.as_str())
        || last
            .strip_suffix('.')
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// A text without markup and pictures, in one line; nothing where nothing is left to say.
fn speakable(text: &str) -> Option<String> {
    static UNSPEAKABLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\x{200D}\x{FE0E}\x{FE0F}*_`~#|<>]").ok()
    });
    let mut spoken = String::new();
    for event in Parser::new(text.trim_start()) {
        match event {
            Event::Text(part) | Event::Code(part) => spoken.push_str(&part),
            Event::SoftBreak
            | Event::HardBreak
            | Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::Heading(_)) => {
                spoken.push(' ');
            }
            _ => {}
        }
    }
    if let Some(unspeakable) = UNSPEAKABLE.as_ref() {
        spoken = unspeakable.replace_all(&spoken, "").into_owned();
    }
    let words: Vec<&str> = spoken.split_whitespace().collect();
    let spoken = words.join(" ").replace(" !", "!").replace(" ?", "?").replace(" .", ".").replace(" ,", ",");
    spoken.chars().any(char::is_alphanumeric).then_some(spoken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sentences(pieces: &[&str]) -> Vec<String> {
        let mut splitter = Sentences::default();
        let mut all: Vec<String> = pieces.iter().flat_map(|piece| splitter.push(piece)).collect();
        all.extend(splitter.finish());
        all
    }

    #[test]
    fn a_sentence_is_out_as_soon_as_the_next_one_begins() {
        let mut splitter = Sentences::default();
        assert!(splitter.push("How many people are").is_empty());
        assert!(splitter.push(" on your team?").is_empty());
        assert_eq!(splitter.push(" Just"), ["How many people are on your team?"]);
        assert_eq!(splitter.push(" roughly."), [""; 0]);
        assert_eq!(splitter.finish().unwrap(), "Just roughly.");
    }

    #[test]
    fn numbers_abbreviations_and_short_words_do_not_end_a_sentence() {
        assert_eq!(sentences(&["It costs 3.50 a month for Mr. Smith and others. Fine?"]).len(), 2);
        assert_eq!(
            sentences(&["Great! Thanks a lot for that. Next."]),
            ["Great! Thanks a lot for that.", "Next."]
        );
        assert_eq!(
            sentences(&["Send it to a@b.example today. Now."]),
            ["Send it to a@b.example today.", "Now."]
        );
    }

    #[test]
    fn markup_and_pictures_are_not_spoken() {
        assert_eq!(
            sentences(&["**Sure** thing, see [our page](https://x.example/y) 😀👍🏽!"]),
            ["Sure thing, see our page!"]
        );
        assert_eq!(sentences(&["1. Choose a plan\n2. Sign it\n"]), ["Choose a plan", "Sign it"]);
        assert_eq!(
            sentences(&["# Plans\n- the `free` one\n- the other"]),
            ["Plans", "the free one", "the other"]
        );
        assert_eq!(sentences(&["🎉\n\n---\n"]), [""; 0]);
    }

    #[test]
    fn a_text_without_an_end_is_spoken_in_parts() {
        let parts = sentences(&[&"word ".repeat(400)]);
        assert!(parts.len() >= 4 && parts.iter().all(|part| part.len() <= LONGEST), "{}", parts.len());
        assert_eq!(parts.join(" ").split(' ').count(), 400);
    }

    proptest! {
        #[test]
        fn words_are_neither_lost_nor_doubled(words in prop::collection::vec("[a-z]{1,9}[.?!]?", 1..60), cut in 1_usize..9) {
            let text = words.join(" ");
            let pieces: Vec<String> =
                text.chars().collect::<Vec<_>>().chunks(cut).map(|piece| piece.iter().collect()).collect();
            let spoken = sentences(&pieces.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(spoken.join(" "), text);
        }
    }
}
