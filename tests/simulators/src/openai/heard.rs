//! What somebody was heard to say.

use std::fmt::Write;

/// The words, in the order in which they were said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    pub(crate) words: Vec<Word>,
}

/// A word, with seconds from the first sample.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    pub(crate) word: String,
    pub(crate) start: f64,
    pub(crate) end: f64,
}

impl Heard {
    /// The words of a text that nobody recognised, spread evenly over `seconds`.
    pub(crate) fn spread(text: &str, seconds: f64) -> Self {
        let words: Vec<_> = text.split_whitespace().collect();
        let each = seconds / words.len().max(1) as f64;
        let words = words.into_iter().enumerate().map(|(index, word)| {
            let start = index as f64 * each;
            Word { word: word.to_owned(), start, end: start + each }
        });
        Self { words: words.collect() }
    }

    /// The words as a text.
    #[expect(clippy::let_underscore_must_use, reason = "writing to a string does not fail")]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Word { word, .. } in &self.words {
            let _ = write!(text, "{}{word}", if text.is_empty() { "" } else { " " });
        }
        text
    }

    /// The same, `seconds` later.
    pub(crate) fn later(mut self, seconds: f64) -> Self {
        for word in &mut self.words {
            word.start += seconds;
            word.end += seconds;
        }
        self
    }
}
