//! Words that were taken as they were, before the service had made them final, and what is new in the final ones that come after
//! all. No IO.

use std::time::{Duration, Instant};

use super::{Place, TOLERANCE};

/// Most words of a text that are compared. Nobody says as many between two pauses.
const MOST_WORDS: usize = 500;

/// Words that may change, taken as they were.
#[derive(Debug)]
pub(super) struct Taken {
    /// Those of which nothing final has come, as they are compared.
    words: Vec<String>,
    /// Where they end, from the beginning of the call.
    pub(super) until: Duration,
    /// When they were asked for, where they were.
    pub(super) asked: Option<Instant>,
    /// Then it is no longer probable that final words are theirs.
    by: Instant,
    /// Nobody wants to hear more of them.
    forgotten: bool,
    /// Somebody has spoken since.
    pub(super) has_successor: bool,
}

/// How far a text says again what was taken.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Alignment {
    /// Words that both have, in the same order.
    alike: usize,
    /// Words of what was taken up to the last of these.
    taken: usize,
    /// Words of the text up to it.
    heard: usize,
    /// Words of the shorter of the two.
    shorter: usize,
}

impl Taken {
    pub(super) fn new(
        text: &str,
        until: Duration,
        asked: Option<Instant>,
        by: Instant,
        forgotten: bool,
    ) -> Self {
        let words = text.split_whitespace().map(compared).filter(|word| !word.is_empty()).collect();
        Self { words, until, asked, by, forgotten, has_successor: false }
    }

    /// What final words add to it; none where they are no words of its. Whose they are follows from when they were said, where the
    /// service tells, else from the words.
    pub(super) fn added_by(&mut self, text: &str, place: &Place, now: Instant) -> Option<String> {
        let is_its_own = !self.has_successor || (place.is_told && place.end <= self.until + TOLERANCE);
        let is_anothers = place.start.is_some_and(|start| start >= self.until);
        let alignment = align(&self.words, text);
        let is_alike = alignment.is_alike() && (place.start.is_some() || now <= self.by);
        if is_anothers || !(is_its_own || is_alike) {
            self.words.clear();
            return None;
        }
        if is_its_own && (self.forgotten || alignment.alike == 0) {
            self.words.clear();
            return Some(if self.forgotten { String::new() } else { text.to_owned() });
        }
        self.words.drain(..alignment.taken);
        Some(rest(text, alignment.heard))
    }

    /// The same of words that may change.
    pub(super) fn shown_beside(&self, text: &str, now: Instant) -> String {
        let alignment = align(&self.words, text);
        match self.has_successor {
            false => String::new(),
            true if now <= self.by && alignment.is_alike() => rest(text, alignment.heard),
            true => text.to_owned(),
        }
    }

    /// All of it has come.
    pub(super) fn is_over(&self) -> bool {
        self.words.is_empty()
    }
}

impl Alignment {
    /// Of what was said twice a word may be another one; few words that are alike say nothing.
    fn is_alike(self) -> bool {
        self.alike > 0 && self.alike * 4 >= self.shorter * 3
    }
}

/// Whether a text has all the words that were shown before, and nothing was shown of what comes behind it.
pub(super) fn covers(text: &str, shown: &str) -> bool {
    let alignment = align(&words_of(text), shown);
    alignment.is_alike() && alignment.heard == shown.split_whitespace().count()
}

fn align(taken: &[String], text: &str) -> Alignment {
    let heard = words_of(text);
    let taken = &taken[..taken.len().min(MOST_WORDS)];
    let shorter = taken.len().min(heard.len());
    // The same sounds, with other gaps between them.
    if taken.concat() == heard.concat() {
        return Alignment { alike: shorter, taken: taken.len(), heard: heard.len(), shorter };
    }
    // The longest common subsequence of the words before each pair of places.
    let mut alike = vec![vec![0_usize; heard.len() + 1]; taken.len() + 1];
    for (row, word) in taken.iter().enumerate() {
        for (column, other) in heard.iter().enumerate() {
            alike[row + 1][column + 1] = if word == other && !word.is_empty() {
                alike[row][column] + 1
            } else {
                alike[row][column + 1].max(alike[row + 1][column])
            };
        }
    }
    let most = alike[taken.len()][heard.len()];
    let up_to_column = alike[taken.len()].iter().position(|count| *count == most).unwrap_or_default();
    let up_to_row = alike.iter().position(|row| row[heard.len()] == most).unwrap_or_default();
    Alignment { alike: most, taken: up_to_row, heard: up_to_column, shorter }
}

/// One for each word, so that places in them are places in the text.
fn words_of(text: &str) -> Vec<String> {
    text.split_whitespace().take(MOST_WORDS).map(compared).collect()
}

/// What of a word is the same however it is spelt.
fn compared(word: &str) -> String {
    word.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn rest(text: &str, words: usize) -> String {
    text.split_whitespace().skip(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(taken: &str, text: &str) -> String {
        let now = Instant::now();
        let place = Place { start: None, end: Duration::from_secs(9), is_told: false };
        Taken::new(taken, Duration::from_secs(1), None, now, false).added_by(text, &place, now).unwrap()
    }

    #[test]
    fn what_was_taken_is_not_said_again_however_it_is_spelt() {
        for (taken, text, expected) in [
            ("we are twelve", "We are twelve.", ""),
            ("we use hub spot", "We use HubSpot.", ""),
            ("we are twelve", "We are twelve people, in sales.", "people, in sales."),
            // The last word was a part of one, or another one.
            ("we are twel", "We are twelve people.", "twelve people."),
            ("we are two", "We are twelve.", "twelve."),
            ("we're twelve people in sales", "We are twelve people in sales.", ""),
            ("we are twelve", "We are twelve, and we are in sales.", "and we are in sales."),
            ("we are twelve people", "We are twelve.", ""),
            ("yes", "Goodbye now.", "Goodbye now."),
            ("yes", "", ""),
        ] {
            assert_eq!(added(taken, text), expected, "{taken}: {text}");
        }
    }

    #[test]
    fn a_text_without_end_is_compared_as_far_as_is_useful() {
        let many = "word ".repeat(200_000);
        assert_eq!(added(&many, &many).split_whitespace().count(), 200_000 - MOST_WORDS);
    }
}
