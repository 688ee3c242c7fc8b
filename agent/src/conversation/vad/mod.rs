//! Voice activity detection (VAD): tells from samples when the caller's speech begins and ends, and keeps how a turn sounded at
//! its end. It has no IO and no clock: time is counted in samples.
//!
//! The model of the `earshot` crate scores each frame of 16 ms. The thresholds and durations below make speech of the scores;
//! whether a turn is over is for turn detection to say (`turn_taking`).

mod foreground;

use std::collections::VecDeque;
use std::time::Duration;

use earshot::Detector;
use foreground::{Foreground, Sound, UNBROKEN};

/// Samples a second of what a [`SpeechDetector`] takes: 16 bit, mono.
pub(crate) const VAD_SAMPLE_RATE: u32 = 16_000;
/// Samples that the detector judges at a time: 16 ms.
const FRAME: usize = 256;
/// A frame is voice from this score on, and while somebody speaks also from the lower one.
const VOICE: f32 = 0.5;
const STILL_VOICE: f32 = 0.35;
/// Frames of voice that make it speech: 64 ms, longer than a click.
const SPEECH_FRAMES: usize = 4;
/// Frames without voice that end it: 192 ms. Whether the turn is over is decided later; this begins a transcription.
const SILENCE_FRAMES: usize = 12;
/// What is kept from before the speech was noticed: its first sound may be too soft to be noticed.
const PRE_ROLL: usize = VAD_SAMPLE_RATE as usize * 3 / 10;
/// What is kept of a turn for who judges how it was said: 8 s.
const HEARD: usize = VAD_SAMPLE_RATE as usize * 8;
/// What is kept of a silence in it: of a longer one no more can be learnt.
const LONGEST_SILENCE: usize = VAD_SAMPLE_RATE as usize;

/// What a [`SpeechDetector`] notices, and how long before the last sample it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VadEvent {
    SpeechBegan {
        ago: Duration,
    },
    /// A frame of voice, while somebody speaks.
    StillSpeaking {
        ago: Duration,
    },
    SpeechEnded {
        ago: Duration,
    },
    /// What began as speech was talk of several, of whom nobody speaks to the agent.
    Murmured,
}

/// Detects the speech of one caller.
pub(crate) struct SpeechDetector {
    detector: Box<Detector>,
    foreground: Foreground,
    frame: Vec<i16>,
    speaking: bool,
    /// Frames in a row that speak against the present state.
    contrary: usize,
    pre_roll: VecDeque<i16>,
    /// The end of the turn so far with its silences; empty before it begins.
    heard: VecDeque<i16>,
    most_heard: usize,
    /// Samples since speech ended.
    silence: usize,
}

impl Default for SpeechDetector {
    fn default() -> Self {
        Self {
            detector: Box::default(),
            foreground: Foreground::default(),
            frame: Vec::with_capacity(FRAME),
            speaking: false,
            contrary: 0,
            pre_roll: VecDeque::with_capacity(PRE_ROLL),
            heard: VecDeque::new(),
            most_heard: HEARD,
            silence: 0,
        }
    }
}

impl SpeechDetector {
    /// One that keeps nothing of how a turn sounded, for where nobody asks.
    pub(crate) fn without_sound() -> Self {
        Self { most_heard: 0, ..Self::default() }
    }

    /// Takes the next samples, of any number.
    pub(crate) fn detect(&mut self, samples: &[i16]) -> Vec<VadEvent> {
        let mut events = Vec::new();
        let mut rest = samples;
        while !rest.is_empty() {
            let (now, later) = rest.split_at((FRAME - self.frame.len()).min(rest.len()));
            self.frame.extend_from_slice(now);
            rest = later;
            if self.frame.len() == FRAME {
                events.extend(self.judge(rest.len()));
                self.keep();
                self.frame.clear();
            }
        }
        events
    }

    pub(crate) fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// The last seconds of the turn, as they sounded.
    pub(crate) fn heard(&self) -> Vec<i16> {
        self.heard.iter().copied().collect()
    }

    pub(crate) fn forget(&mut self) {
        self.heard = VecDeque::new();
        self.pre_roll.clear();
    }

    /// `later` samples are there already beyond the frame.
    fn judge(&mut self, later: usize) -> Option<VadEvent> {
        let score = self.detector.predict_i16(&self.frame);
        let voice = score >= if self.speaking { STILL_VOICE } else { VOICE };
        let sound = self.foreground.hears(&self.frame, voice);
        if sound == Sound::Murmur {
            return self.murmured(later);
        }
        let voice = sound == Sound::Voice;
        self.contrary = if voice == self.speaking { 0 } else { self.contrary + 1 };
        let needed = if self.speaking { SILENCE_FRAMES } else { SPEECH_FRAMES };
        let ago = |frames: usize| lasts(frames * FRAME + later);
        if self.contrary < needed {
            return (self.speaking && voice).then(|| VadEvent::StillSpeaking { ago: ago(0) });
        }
        self.speaking = !self.speaking;
        self.contrary = 0;
        if self.speaking {
            self.foreground.speech_begins();
            if self.most_heard > 0 && (self.heard.is_empty() || self.silence > LONGEST_SILENCE) {
                self.heard.extend(self.pre_roll.drain(..));
            }
            return Some(VadEvent::SpeechBegan { ago: ago(needed) });
        }
        Some(VadEvent::SpeechEnded { ago: ago(needed) })
    }

    /// Somebody may have spoken in front of those who murmur now.
    fn murmured(&mut self, later: usize) -> Option<VadEvent> {
        self.contrary = 0;
        let spoke = std::mem::take(&mut self.speaking);
        let ago = lasts(UNBROKEN * FRAME + later);
        let event = if self.foreground.has_heard_somebody() {
            VadEvent::SpeechEnded { ago }
        } else {
            VadEvent::Murmured
        };
        spoke.then_some(event)
    }

    fn keep(&mut self) {
        self.silence = if self.speaking { 0 } else { self.silence + FRAME };
        let is_turn = self.speaking || (!self.heard.is_empty() && self.silence <= LONGEST_SILENCE);
        if self.most_heard > 0 && is_turn {
            let surplus = (self.heard.len() + FRAME).saturating_sub(self.most_heard);
            self.heard.drain(..surplus);
            self.heard.extend(&self.frame);
        }
        let surplus = (self.pre_roll.len() + FRAME).saturating_sub(PRE_ROLL);
        self.pre_roll.drain(..surplus);
        self.pre_roll.extend(&self.frame);
    }
}

fn lasts(samples: usize) -> Duration {
    Duration::from_secs(samples as u64) / VAD_SAMPLE_RATE
}

#[cfg(test)]
pub(super) mod tests;
