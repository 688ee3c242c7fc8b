//! How much of a reply was played, in samples and in words.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::conversation::call_io::SAMPLE_RATE;

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
}

pub(super) struct Sentence {
    text: String,
    /// Samples synthesised so far, and whether that is all.
    samples: usize,
    whole: bool,
}

impl Sentence {
    pub(super) fn new(text: String) -> Self {
        Self { text, samples: 0, whole: false }
    }

    /// The whole words of it that were played in so many samples.
    fn played_in(&self, samples: usize) -> &str {
        if self.whole && samples >= self.samples {
            return &self.text;
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
            sentence.samples += samples;
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
            let text = sentence.played_in(rest);
            rest = rest.saturating_sub(sentence.samples);
            if !text.is_empty() {
                parts.push(text);
            }
        }
        let synthesised: usize = self.sentences.iter().map(|sentence| sentence.samples).sum();
        Said {
            text: parts.join(" "),
            whole: !self.failed && unplayed == 0,
            start_time: self.start_time,
            seconds: seconds(played),
            synthesised_characters: self
                .sentences
                .iter()
                .map(|sentence| sentence.text.chars().count() as u64)
                .sum(),
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
    fn what_was_played_is_counted_over_sentences() {
        let sentence = |text: &str, samples, whole| Sentence { text: text.to_owned(), samples, whole };
        let second = SAMPLE_RATE as usize;
        let progress = Progress {
            sentences: vec![
                sentence("One two three four.", second, true),
                sentence("Five six seven eight.", 2 * second, true),
                sentence("Nine ten.", 0, false),
            ],
            captured: 2 * second,
            start_time: None,
            failed: false,
        };
        assert_eq!(progress.said(0).text, "One two three four. Five six");
        assert_eq!(progress.said(second / 2).text, "One two three four. Five");
        assert_eq!(progress.said(3 * second / 2).text, "One two");
        let said = progress.said(2 * second);
        assert_eq!((said.text.as_str(), said.whole, said.synthesised_seconds), ("", false, 3.0));
    }
}
