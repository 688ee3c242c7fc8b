//! How much of a reply was played, in samples and in words.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::conversation::call_io::SAMPLE_RATE;
use crate::providers::text_to_speech::WordTime;

/// Bytes of a text that a service may leave out between two of its words.
const FARTHEST: usize = 64;
/// What was heard of a sentence that broke off is so little that it is said again from its start.
const HARDLY_HEARD: Duration = Duration::from_millis(500);
/// Characters spoken in a second, where a sentence was cut before its audio was whole.
const CHARACTERS_A_SECOND: f64 = 15.0;

/// What the caller has heard of a reply.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) text: String,
    /// Whether the caller has heard all that was to be said.
    pub(crate) whole: bool,
    pub(crate) start_time: Option<DateTime<Utc>>,
    /// Seconds of audio that the caller has heard.
    pub(crate) seconds: f64,
    /// Characters given to text to speech, and seconds that came of them: what a provider counts.
    pub(crate) synthesised_characters: u64,
    pub(crate) synthesised_seconds: f64,
}

/// How far a reply has come.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) sentences: Vec<Sentence>,
    pub(super) captured: usize,
    pub(super) start_time: Option<DateTime<Utc>>,
    pub(super) failed: bool,
    /// The end of a sentence was never said.
    pub(super) broke_off: bool,
}

pub(super) struct Sentence {
    text: String,
    /// Samples synthesised so far, and whether that is all.
    samples: usize,
    whole: bool,
    /// Characters that were given to text to speech.
    characters: u64,
    /// Up to where in the text its words are over at which sample, where the service tells.
    words: Vec<(usize, usize)>,
}

impl Sentence {
    pub(super) fn new(text: String) -> Self {
        let characters = text.chars().count() as u64;
        Self { text, samples: 0, whole: false, characters, words: Vec::new() }
    }

    pub(super) fn synthesised(&mut self, samples: usize) {
        self.samples += samples;
    }

    /// Where the speech broke off: how much of the text is behind the caller, with whole words, if that can be told.
    pub(super) fn broke_off(&self) -> Option<usize> {
        if !self.words.is_empty() {
            let rest = self.text[self.played_in(self.samples).len()..].trim_start();
            return Some(self.text.len() - rest.len());
        }
        (duration(self.samples) < HARDLY_HEARD).then_some(0)
    }

    /// The text from a byte on.
    pub(super) fn rest(mut self, at: usize) -> String {
        self.text.split_off(at)
    }

    /// Finds the words in the text. One that a service writes otherwise is passed over.
    pub(super) fn timed(&mut self, words: &[WordTime]) {
        for WordTime { word, end } in words {
            let from = self.words.last().map_or(0, |(index, _)| *index);
            let word = word.trim();
            let found = if word.is_empty() { None } else { self.text[from..].find(word) };
            if let Some(offset) = found.filter(|offset| *offset <= FARTHEST) {
                let sample = (end.as_secs_f64() * f64::from(SAMPLE_RATE)) as usize;
                self.words.push((from + offset + word.len(), sample));
            }
        }
    }

    /// The whole words of it that were played in so many samples.
    fn played_in(&self, samples: usize) -> &str {
        if self.whole && samples >= self.samples {
            return &self.text;
        }
        if !self.words.is_empty() {
            let over = self.words.iter().take_while(|(_, end)| *end <= samples).last();
            return whole_words(&self.text, over.map_or(0, |(index, _)| *index));
        }
        let all = if self.whole {
            self.samples as f64
        } else {
            self.text.chars().count() as f64 / CHARACTERS_A_SECOND * f64::from(SAMPLE_RATE)
        };
        part_of(&self.text, (samples as f64 / all).min(1.0))
    }
}

impl Progress {
    pub(super) fn synthesised(&mut self, samples: usize) {
        if let Some(sentence) = self.sentences.last_mut() {
            sentence.synthesised(samples);
        }
    }

    /// The rest of the sentence is said anew from here on.
    pub(super) fn resumed(&mut self, at: usize) {
        if let Some(sentence) = self.sentences.last_mut() {
            let rest = sentence.text.split_off(at);
            sentence.text.truncate(sentence.text.trim_end().len());
            sentence.whole = true;
            self.sentences.push(Sentence::new(rest));
        }
    }

    /// When words of the sentence are over.
    pub(super) fn timed(&mut self, words: &[WordTime]) {
        if let Some(sentence) = self.sentences.last_mut() {
            sentence.timed(words);
        }
    }

    pub(super) fn sentence_whole(&mut self) {
        if let Some(sentence) = self.sentences.last_mut() {
            sentence.whole = true;
        }
    }

    /// `unplayed` samples were captured and taken back.
    pub(super) fn said(&self, unplayed: usize) -> Said {
        let played = self.captured.saturating_sub(unplayed);
        let mut rest = played;
        let mut parts = Vec::new();
        for sentence in &self.sentences {
            // What was played beyond it belongs to the next one.
            let text = sentence.played_in(rest.min(sentence.samples));
            rest = rest.saturating_sub(sentence.samples);
            if !text.is_empty() {
                parts.push(text);
            }
        }
        let synthesised: usize = self.sentences.iter().map(|sentence| sentence.samples).sum();
        Said {
            text: parts.join(" "),
            whole: !self.failed && !self.broke_off && unplayed == 0,
            start_time: self.start_time,
            seconds: seconds(played),
            synthesised_characters: self.sentences.iter().map(|sentence| sentence.characters).sum(),
            synthesised_seconds: seconds(synthesised),
        }
    }
}

fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE)
}

/// How long so many samples are played.
pub(super) fn duration(samples: usize) -> Duration {
    Duration::from_secs_f64(seconds(samples))
}

/// The words of a text up to an index, and the marks behind the last of them; not a part of a word.
fn whole_words(text: &str, index: usize) -> &str {
    let end = text[index..].find(char::is_whitespace).map_or(text.len(), |offset| index + offset);
    if text[index..end].contains(char::is_alphanumeric) {
        return text[..index].rfind(char::is_whitespace).map_or("", |space| &text[..space]);
    }
    &text[..end]
}

/// The whole words of a text up to a share of it, 0 to 1.
fn part_of(text: &str, share: f64) -> &str {
    if share >= 1.0 {
        return text;
    }
    let end = (text.len() as f64 * share) as usize;
    let words = text.match_indices(' ').map(|(index, _)| index).take_while(|index| *index <= end);
    &text[..words.last().unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_text_ends_with_a_word() {
        assert_eq!(part_of("Hello there you", 0.0), "");
        assert_eq!(part_of("Hello there you", 0.5), "Hello");
        assert_eq!(part_of("Hello there you", 0.99), "Hello there");
        assert_eq!(part_of("Hello there you", 1.0), "Hello there you");
    }

    #[test]
    fn a_service_that_tells_when_words_are_over_is_believed() {
        let second = SAMPLE_RATE as usize;
        let mut sentence = Sentence::new("We have 12 people, in sales.".to_owned());
        sentence.samples = 4 * second;
        let words = |words: &[(&str, u64)]| -> Vec<WordTime> {
            let word = |(word, end): &(&str, u64)| WordTime {
                word: (*word).to_owned(),
                end: Duration::from_millis(*end),
            };
            words.iter().map(word).collect()
        };
        // What is written otherwise has no time of its own.
        sentence.timed(&words(&[("We", 500), ("have", 1_000), ("twelve", 1_500), ("people", 2_000)]));
        sentence.timed(&words(&[("in", 2_500), ("sales", 3_500)]));
        for (milliseconds, heard) in [
            (0, ""),
            (499, ""),
            (500, "We"),
            (1_999, "We have"),
            (2_000, "We have 12 people,"),
            (3_400, "We have 12 people, in"),
            (3_500, "We have 12 people, in sales."),
        ] {
            assert_eq!(sentence.played_in(second * milliseconds / 1_000), heard, "{milliseconds}");
        }
        // Letters make whole words.
        let mut sentence = Sentence::new("Hi you.".to_owned());
        sentence.timed(&words(&[("H", 100), ("i", 200), (" ", 250), ("y", 300), ("o", 400), ("u", 500)]));
        for (milliseconds, heard) in [(199, ""), (200, "Hi"), (400, "Hi"), (500, "Hi you.")] {
            assert_eq!(sentence.played_in(second * milliseconds / 1_000), heard, "{milliseconds}");
        }
    }

    #[test]
    fn a_sentence_that_breaks_off_goes_on_where_its_words_tell_or_begins_again_where_little_was_heard() {
        let second = SAMPLE_RATE as usize;
        let word = |word: &str, end| WordTime { word: word.to_owned(), end: Duration::from_millis(end) };
        let broken = |words: &[WordTime], samples| {
            let mut sentence = Sentence::new("One, two three four.".to_owned());
            sentence.timed(words);
            sentence.synthesised(samples);
            sentence.broke_off()
        };
        let words = [word("One", 400), word("two", 800), word("three", 1_200)];
        let behind = |heard: &str| Some(heard.len());
        assert_eq!(broken(&words, second), behind("One, two "));
        assert_eq!(broken(&words, second / 10), Some(0));
        assert_eq!(
            broken(&[&words[..], &[word("four", 1_600)]].concat(), 2 * second),
            behind("One, two three four.")
        );
        assert_eq!(broken(&[], second * 49 / 100), Some(0));
        assert_eq!(broken(&[], second / 2), None);
    }

    #[test]
    fn what_is_said_anew_is_in_the_text_once_and_counted_twice() {
        let second = SAMPLE_RATE as usize;
        let mut progress = Progress::default();
        progress.sentences.push(Sentence::new("One, two three four.".to_owned()));
        progress.synthesised(second);
        progress.resumed("One, two ".len());
        progress.synthesised(second);
        progress.sentence_whole();
        progress.captured = 2 * second;
        let said = progress.said(0);
        assert_eq!((said.text.as_str(), said.whole), ("One, two three four.", true));
        assert_eq!((said.synthesised_characters, said.synthesised_seconds), (20 + 11, 2.0));
        assert_eq!(progress.said(second).text, "One, two");
        let mut progress = Progress::default();
        progress.sentences.push(Sentence::new("One two.".to_owned()));
        progress.synthesised(second / 4);
        progress.resumed(0);
        progress.synthesised(second);
        progress.sentence_whole();
        progress.captured = second * 5 / 4;
        assert_eq!(progress.said(0).text, "One two.");
        assert_eq!(progress.said(second).text, "");
    }

    /// What was played of the sentences behind it says nothing of one that broke off.
    #[test]
    fn of_a_sentence_that_broke_off_no_more_was_heard_than_was_made() {
        let second = SAMPLE_RATE as usize;
        let broken =
            Sentence { samples: second, ..Sentence::new("One two three four five six seven.".to_owned()) };
        let whole = Sentence { samples: 2 * second, whole: true, ..Sentence::new("Eight nine.".to_owned()) };
        let progress =
            Progress { sentences: vec![broken, whole], captured: 3 * second, ..Progress::default() };
        assert_eq!(progress.said(0).text, "One two three Eight nine.");
    }

    #[test]
    fn what_was_played_is_counted_over_sentences() {
        let sentence =
            |text: &str, samples, whole| Sentence { samples, whole, ..Sentence::new(text.to_owned()) };
        let second = SAMPLE_RATE as usize;
        let progress = Progress {
            sentences: vec![
                sentence("One two three four.", second, true),
                sentence("Five six seven eight.", 2 * second, true),
                sentence("Nine ten.", 0, false),
            ],
            captured: 2 * second,
            ..Progress::default()
        };
        assert_eq!(progress.said(0).text, "One two three four. Five six");
        assert_eq!(progress.said(second / 2).text, "One two three four. Five");
        assert_eq!(progress.said(3 * second / 2).text, "One two");
        let said = progress.said(2 * second);
        assert_eq!((said.text.as_str(), said.whole, said.synthesised_seconds), ("", false, 3.0));
    }
}
