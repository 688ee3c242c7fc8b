//! Who speaks to the agent is louder than those who talk around them. No detector of voice tells one from the other, and talk
//! around a caller has no pauses: with it nobody would ever have finished. So where voice goes on without a pause, only that
//! counts which is nearly as loud as the loudest of the last minute.
//!
//! Where all voices are equally loud, everything counts, as it does where there are pauses.

use std::collections::VecDeque;

use super::{FRAME, SILENCE_FRAMES, VAD_SAMPLE_RATE};

/// Frames of voice without a pause that are more than a sentence: 5 s.
const UNBROKEN: usize = 5 * VAD_SAMPLE_RATE as usize / FRAME;
/// Frames whose loudness is taken together: 256 ms, so that the soft sounds of a word are as loud as the word.
const WINDOW: usize = 16;
/// Windows that are remembered: a minute.
const REMEMBERED: usize = 60 * VAD_SAMPLE_RATE as usize / FRAME / WINDOW;
/// The loudest windows but these: a knock, a cough.
const OUTLIERS: usize = 2;
/// The share of the power of the loudest voice from which on a voice is in the foreground: 12 dB below it.
const FOREGROUND: f64 = 0.063;

/// Tells the voice in the foreground from talk around it.
#[derive(Default)]
pub(super) struct Foreground {
    /// Mean squares of the last frames.
    window: VecDeque<f64>,
    /// Mean squares of the last windows in which there was voice.
    loudness: VecDeque<f64>,
    /// Frames since the last window was remembered.
    new: usize,
    /// Frames since the last pause, and those of the present one.
    unbroken: usize,
    pause: usize,
}

impl Foreground {
    /// Whether a frame of voice counts as such; each frame is to be shown, also where it has none.
    pub(super) fn counts(&mut self, frame: &[i16], voice: bool) -> bool {
        let squares: f64 = frame.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        push(&mut self.window, squares / frame.len() as f64, WINDOW);
        let loudness = self.window.iter().sum::<f64>() / self.window.len() as f64;
        self.pause = if voice { 0 } else { self.pause + 1 };
        self.unbroken = if self.pause < SILENCE_FRAMES { self.unbroken + 1 } else { 0 };
        self.new += 1;
        if voice && self.new >= WINDOW {
            push(&mut self.loudness, loudness, REMEMBERED);
            self.new = 0;
        }
        voice && (self.unbroken < UNBROKEN || loudness >= FOREGROUND * self.loudest())
    }

    fn loudest(&self) -> f64 {
        let mut loudness: Vec<f64> = self.loudness.iter().copied().collect();
        loudness.sort_by(|one, other| other.total_cmp(one));
        loudness.get(OUTLIERS).copied().unwrap_or_default()
    }
}

fn push(values: &mut VecDeque<f64>, value: f64, most: usize) {
    if values.len() == most {
        values.pop_front();
    }
    values.push_back(value);
}
