//! Who speaks to the agent is louder than those who talk around them. No detector of voice tells one from the other, and talk
//! around a caller has no pauses: with it nobody would ever have finished. So where voice goes on without a pause, only that
//! counts which is nearly as loud as the loudest of the last minute.
//!
//! Before the caller has said anything nobody is louder. But of one voice the syllables stand out of what is between them, and
//! where several talk at once one fills the gaps of another: that is a murmur, and what counts is what is louder than it.
//!
//! Where two voices are equally loud, both count, as all do where there are pauses.

use std::collections::VecDeque;

use super::{FRAME, SILENCE_FRAMES, VAD_SAMPLE_RATE};

const FRAMES_A_SECOND: usize = VAD_SAMPLE_RATE as usize / FRAME;
/// Frames of voice without a pause that are more than a sentence: 5 s.
pub(super) const UNBROKEN: usize = 5 * FRAMES_A_SECOND;
/// Frames whose loudness is taken together: 256 ms, so that the soft sounds of a word are as loud as the word.
const WINDOW: usize = 16;
/// Frames from one window to the next, which overlap: a short word fills several.
const STEP: usize = WINDOW / 2;
/// Windows that are remembered: a minute.
const REMEMBERED: usize = 60 * FRAMES_A_SECOND / STEP;
/// The loudest windows but these: a knock.
const OUTLIERS: usize = 2;
/// The share of the power of the loudest voice from which on a voice is in the foreground: 12 dB below it.
const FOREGROUND: f32 = 0.063;
/// Between the loud frames and the soft ones of one voice there is more than this, as a ratio of powers: 11 dB. Measured: 15 to
/// 30 of one voice, 12 to 17 with a noise 10 dB below it or in a room that echoes for half a second; 6 to 11 of four at once.
const MURMUR: f32 = 12.6;
/// The loud frames and the soft ones: a tenth of all are louder, or softer.
const TENTH: usize = 10;
/// What is louder than a murmur by this ratio of powers is in front of it: 6 dB. Its own windows differ by up to 5.
const IN_FRONT: f32 = 4.0;
/// Frames without voice after which a murmur is over: 1 s.
const MURMUR_OVER: usize = FRAMES_A_SECOND;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sound {
    Voice,
    /// No voice, or none in the foreground.
    Other,
    /// From now on it is known that the voices of the last 5 s are no more than a murmur.
    Murmur,
}

/// Tells the voice in the foreground from talk around it.
#[derive(Default)]
pub(super) struct Foreground {
    /// Mean squares of the last 5 s.
    frames: VecDeque<f32>,
    /// Mean squares of the last windows in which there was voice, and that of the loudest of them.
    windows: VecDeque<f32>,
    loudest: f32,
    /// Frames since the last window was remembered.
    new: usize,
    /// Frames since the last pause, and those of the present one.
    unbroken: usize,
    pause: usize,
    /// The mean square of the loudest window since speech began.
    peak: f32,
    /// The mean square of a murmur.
    murmur: Option<f32>,
}

impl Foreground {
    /// What a frame with a voice, or without one, counts as; each is to be shown.
    pub(super) fn hears(&mut self, frame: &[i16], voice: bool) -> Sound {
        let squares: f32 = frame.iter().map(|sample| f32::from(*sample).powi(2)).sum();
        push(&mut self.frames, squares / frame.len() as f32, UNBROKEN);
        self.pause = if voice { 0 } else { self.pause + 1 };
        self.unbroken = if self.pause < SILENCE_FRAMES { self.unbroken + 1 } else { 0 };
        if self.pause >= MURMUR_OVER {
            self.murmur = None;
        }
        self.new += 1;
        if !voice {
            return Sound::Other;
        }
        let loudness =
            self.frames.iter().rev().take(WINDOW).sum::<f32>() / self.frames.len().min(WINDOW) as f32;
        if self.new >= STEP {
            self.new = 0;
            push(&mut self.windows, loudness, REMEMBERED);
            self.peak = self.peak.max(loudness);
            self.loudest = sorted(&self.windows).into_iter().rev().nth(OUTLIERS).unwrap_or_default();
            if let Some(murmur) = self.murmurs() {
                self.murmur = Some(murmur);
                return Sound::Murmur;
            }
        }
        let is_softer = self.unbroken >= UNBROKEN && loudness < FOREGROUND * self.loudest;
        let is_murmur = self.murmur.is_some_and(|murmur| loudness < IN_FRONT * murmur);
        if is_softer || is_murmur { Sound::Other } else { Sound::Voice }
    }

    pub(super) fn speech_begins(&mut self) {
        self.peak = 0.0;
    }

    /// Whether somebody has spoken in front of the murmur since speech began.
    pub(super) fn has_heard_somebody(&self) -> bool {
        self.peak >= IN_FRONT * self.murmur.unwrap_or_default()
    }

    /// The mean square of half of the last 5 s, where they are a murmur of which nobody stands out.
    fn murmurs(&self) -> Option<f32> {
        if self.unbroken < UNBROKEN || self.frames.len() < UNBROKEN {
            return None;
        }
        let (frames, windows) =
            (sorted(&self.frames), sorted(self.windows.iter().rev().take(UNBROKEN / STEP)));
        let tenth = frames.len() / TENTH;
        let is_even = frames[frames.len() - tenth - 1] < MURMUR * frames[tenth - 1];
        let (murmur, loudest) = (windows[windows.len() / 2], *windows.last()?);
        (is_even && loudest < IN_FRONT * murmur).then_some(murmur)
    }
}

fn push(values: &mut VecDeque<f32>, value: f32, most: usize) {
    if values.len() == most {
        values.pop_front();
    }
    values.push_back(value);
}

fn sorted<'values>(values: impl IntoIterator<Item = &'values f32>) -> Vec<f32> {
    let mut values: Vec<f32> = values.into_iter().copied().collect();
    values.sort_unstable_by(f32::total_cmp);
    values
}
