//! Packet loss concealment (PLC) for speech: its last pitch period is repeated and fades (waveform substitution, as in
//! appendix I of ITU-T G.711).
//!
//! The codec has a concealment of its own, but for speech its translation to Rust (unsafe-libopus 0.2.0) answers samples
//! at full scale: `silk_PLC_conceal` and `silk_CNG` compare with 0x8000, which is -32,768 in C and 32,768 there.

/// Hz of the voices that are looked for.
const HIGHEST_PITCH: usize = 400;
const LOWEST_PITCH: usize = 66;
/// Parts of a second: how much two periods are compared by, at how many samples a second, and what a seam is blended over.
const COMPARED: usize = 100;
const COMPARED_RATE: usize = 8_000;
const SEAM: usize = 400;
/// Milliseconds: the repetition fades from here on, and is silent at the end.
const FADE_START: usize = 40;
const FADE_END: usize = 120;

/// The end of what was heard, and how it goes on.
pub(super) struct Repetition {
    sample_rate: usize,
    channels: usize,
    /// Interleaved; enough for the lowest pitch.
    heard: Vec<i16>,
    /// The period that is repeated; none while nothing is.
    period: Vec<f32>,
    /// What the first samples are moved by, so that they join those heard.
    step: Vec<f32>,
    /// Samples per channel made up so far.
    made: usize,
}

impl Repetition {
    pub(super) fn new(sample_rate: u32, channels: usize) -> Self {
        Self {
            sample_rate: sample_rate as usize,
            channels,
            heard: Vec::new(),
            period: Vec::new(),
            step: Vec::new(),
            made: 0,
        }
    }

    /// Replaces the first 5 ms of sound that follows speech and is not coded as such: there the codec may lead over by
    /// concealing.
    pub(super) fn replace_begin(&mut self, samples: &mut [i16]) {
        let replaced = (2 * self.sample_rate / SEAM * self.channels).min(samples.len());
        let mut begin = Vec::new();
        self.go_on(replaced / self.channels, &mut begin);
        samples[..replaced].copy_from_slice(&begin);
        self.lead_over(&mut samples[replaced..]);
    }

    /// Takes sound that was decoded. What was made up before it leads over to its begin.
    pub(super) fn hear(&mut self, samples: &mut [i16]) {
        self.lead_over(samples);
        let kept = self.longest() * self.channels;
        if samples.len() >= kept {
            self.heard.clear();
            self.heard.extend_from_slice(&samples[samples.len() - kept..]);
        } else {
            let excess = (self.heard.len() + samples.len()).saturating_sub(kept);
            self.heard.drain(..excess);
            self.heard.extend_from_slice(samples);
        }
    }

    /// Blends what was made up into the sound that follows it.
    fn lead_over(&mut self, samples: &mut [i16]) {
        if self.period.is_empty() {
            return;
        }
        let seam = (self.sample_rate / SEAM).min(samples.len() / self.channels);
        let mut old = Vec::new();
        self.go_on(seam, &mut old);
        for (index, (new, old)) in samples.iter_mut().zip(old).enumerate() {
            let share = (index / self.channels) as f32 / seam as f32;
            *new = (f32::from(*new) * share + f32::from(old) * (1.0 - share)) as i16;
        }
        self.period.clear();
    }

    /// Appends `frames` samples per channel.
    pub(super) fn go_on(&mut self, frames: usize, samples: &mut Vec<i16>) {
        if self.period.is_empty() {
            self.start();
        }
        let length = self.period.len() / self.channels;
        let seam = self.sample_rate / SEAM;
        for frame in self.made..self.made + frames {
            let gain = self.gain(frame);
            let joint = 1.0 - (frame as f32 / seam as f32).min(1.0);
            for channel in 0..self.channels {
                let repeated = match length {
                    0 => 0.0,
                    _ => self.period[frame % length * self.channels + channel] + self.step[channel] * joint,
                };
                samples.push((repeated * gain) as i16);
            }
        }
        self.made += frames;
    }

    fn gain(&self, frame: usize) -> f32 {
        let [start, end] = [FADE_START, FADE_END].map(|time| time * self.sample_rate / 1000);
        (end.saturating_sub(frame) as f32 / (end - start) as f32).min(1.0)
    }

    /// Two of the longest periods and what they are compared by.
    fn longest(&self) -> usize {
        self.sample_rate / LOWEST_PITCH * 2 + self.sample_rate / COMPARED
    }

    fn start(&mut self) {
        self.made = 0;
        let count = self.heard.len() / self.channels;
        if count < self.longest() {
            // Too little was heard to find a pitch in.
            self.period.resize(self.channels, 0.0);
            self.step = vec![0.0; self.channels];
            return;
        }
        let length = self.pitch(count);
        let at = |frame: usize, channel: usize| f32::from(self.heard[frame * self.channels + channel]);
        let seam = length / 4;
        let mut period = Vec::with_capacity(length * self.channels);
        for index in 0..length {
            // The end of the period leads over to what was before its begin.
            let share = (index + seam).saturating_sub(length - 1) as f32 / seam as f32;
            for channel in 0..self.channels {
                let last = at(count - length + index, channel);
                let before = at(count - 2 * length + index, channel);
                period.push(last * (1.0 - share) + before * share);
            }
        }
        self.step = (0..self.channels)
            .map(|channel| at(count - 1, channel) - at(count - length - 1, channel))
            .collect();
        self.period = period;
    }

    /// The period, in samples, after which the last 10 ms are most like themselves.
    fn pitch(&self, count: usize) -> usize {
        let mono: Vec<f32> = self
            .heard
            .chunks_exact(self.channels)
            .map(|frame| frame.iter().map(|sample| f32::from(*sample)).sum())
            .collect();
        let start = count - self.sample_rate / COMPARED;
        let step = (self.sample_rate / COMPARED_RATE).max(1);
        let likeness = |length: usize| {
            let (mut product, mut energy) = (0.0, 1.0);
            for index in (start..count).step_by(step) {
                product += mono[index] * mono[index - length];
                energy += mono[index - length].powi(2);
            }
            product / energy.sqrt()
        };
        let (shortest, longest) = (self.sample_rate / HIGHEST_PITCH, self.sample_rate / LOWEST_PITCH);
        let lengths = (shortest..longest).map(|length| (length, likeness(length)));
        lengths.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(shortest, |(length, _)| length)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn buzz(sample_rate: u32, from: usize, to: usize) -> Vec<i16> {
        let sample = |index: usize| {
            let time = index as f64 / f64::from(sample_rate);
            let sum: f64 = (1..8).map(|n| (time * 150.0 * TAU * f64::from(n)).sin()).sum();
            (sum * 3_000.0) as i16
        };
        (from..to).map(sample).collect()
    }

    #[test]
    fn a_buzz_goes_on_and_fades() {
        for sample_rate in [8_000, 16_000, 48_000] {
            let frame = sample_rate as usize / 50;
            let mut repetition = Repetition::new(sample_rate, 1);
            repetition.hear(&mut buzz(sample_rate, 0, 5 * frame));
            let mut made = Vec::new();
            repetition.go_on(frame, &mut made);
            let error: f64 = buzz(sample_rate, 5 * frame, 6 * frame)
                .iter()
                .zip(&made)
                .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
                .sum();
            let energy: f64 = made.iter().map(|sample| f64::from(*sample).powi(2)).sum();
            assert!(error < energy / 10.0, "{error} of {energy} at {sample_rate} Hz");
            repetition.go_on(5 * frame, &mut made);
            made.clear();
            repetition.go_on(frame, &mut made);
            assert!(made.iter().all(|sample| *sample == 0));
        }
    }

    #[test]
    fn the_way_back_has_no_step() {
        let mut repetition = Repetition::new(16_000, 2);
        let both =
            |samples: Vec<i16>| samples.into_iter().flat_map(|sample| [sample, sample]).collect::<Vec<_>>();
        repetition.hear(&mut both(buzz(16_000, 0, 1_600)));
        let mut made = Vec::new();
        repetition.go_on(320, &mut made);
        let mut next = vec![0; 640];
        repetition.hear(&mut next);
        let steps = made.iter().chain(&next).step_by(2).collect::<Vec<_>>();
        let largest = |samples: &[&i16]| samples.windows(2).map(|pair| (pair[0] - pair[1]).abs()).max();
        assert!(largest(&steps) < Some(9_000), "{:?}", largest(&steps));
        assert_eq!(next[80..], [0; 560]);
    }

    #[test]
    fn nothing_heard_goes_on_as_silence() {
        let mut repetition = Repetition::new(48_000, 2);
        let mut made = Vec::new();
        repetition.go_on(480, &mut made);
        assert_eq!(made, [0; 960]);
        repetition.hear(&mut [5; 100]);
        made.clear();
        repetition.go_on(480, &mut made);
        assert_eq!(made, [0; 960]);
    }
}
