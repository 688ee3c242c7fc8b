//! How long callers wait for an answer, part by part.

use prometheus::{Histogram, Result};

use super::make::Make;
use crate::conversation::Waits;

/// Seconds; an answer is wanted within one.
const SECONDS: &[f64] = &[0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0];

#[derive(Clone)]
pub(super) struct TurnMetrics {
    turn_end: Histogram,
    transcript: Histogram,
    first_token: Histogram,
    first_sound: Histogram,
    answer: Histogram,
}

impl TurnMetrics {
    pub(super) fn new(make: &Make) -> Result<Self> {
        let histogram = |name, help| make.histogram(name, help, SECONDS);
        Ok(Self {
            turn_end: histogram(
                "turn_end_seconds",
                "Seconds from the end of a caller's speech until the turn was taken to be over",
            )?,
            transcript: histogram(
                "transcript_seconds",
                "Seconds from the end of a caller's speech to its words",
            )?,
            first_token: histogram(
                "first_token_seconds",
                "Seconds from a question to the language model to the first word of its reply",
            )?,
            first_sound: histogram(
                "first_sound_seconds",
                "Seconds from the first sentence of a reply to its first sound",
            )?,
            answer: histogram(
                "answer_seconds",
                "Seconds from the end of a caller's speech to the first sound of the answer",
            )?,
        })
    }

    pub(super) fn waited(&self, waits: &Waits) {
        for (histogram, seconds) in [
            (&self.turn_end, waits.end_of_utterance),
            (&self.transcript, waits.transcription),
            (&self.first_token, waits.first_token),
            (&self.first_sound, waits.first_byte),
            (&self.answer, waits.end_to_end),
        ] {
            seconds.into_iter().for_each(|seconds| histogram.observe(seconds));
        }
    }
}
