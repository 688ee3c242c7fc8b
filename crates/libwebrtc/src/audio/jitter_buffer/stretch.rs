//! Time-scale modification, as in NetEQ's accelerate and preemptive expand: sound is made shorter or longer by a period of
//! its pitch (waveform similarity overlap-add, WSOLA), or by a piece of silence.

use super::concealment::is_quiet;

/// What is looked at, in ms: no more than this from the start of the samples.
const WINDOW_MS: usize = 30;
/// Periods that are looked for, in tenths of a ms: 80 to 400 Hz.
const SHORTEST: usize = 25;
const LONGEST: usize = 125;
/// Of silence, so much is taken out or put in at a time.
const SILENCE_MS: usize = 10;
/// Hz at which the period is looked for before it is told exactly.
const COARSE_RATE: usize = 4_000;

/// Interleaved samples to change, and how alike two periods must be, from -1 to 1.
pub(super) struct Stretch<'a> {
    pub(super) samples: &'a mut Vec<i16>,
    pub(super) sample_rate: usize,
    pub(super) channels: usize,
    pub(super) least_likeness: f32,
}

/// A change that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretched {
    /// In samples per channel.
    pub(super) frames: usize,
    /// It was done in silence, where it is not heard.
    pub(super) quiet: bool,
}

impl Stretch<'_> {
    /// Accelerate: takes a period out, and cross-fades what is before it into what is after it.
    pub(super) fn compress(self) -> Option<Stretched> {
        let (middle, period, quiet) = self.find()?;
        let (channels, samples) = (self.channels, self.samples);
        for index in 0..period * channels {
            let (before, after) = ((middle - period) * channels + index, middle * channels + index);
            samples[before] = mix(samples[before], samples[after], index, period * channels);
        }
        samples.drain(middle * channels..(middle + period) * channels);
        Some(Stretched { frames: period, quiet })
    }

    /// Preemptive expand: puts a period in, by repeating the one before it.
    pub(super) fn expand(self) -> Option<Stretched> {
        let (middle, period, quiet) = self.find()?;
        let (channels, samples) = (self.channels, self.samples);
        let (inserted, middle) = (period * channels, middle * channels);
        let length = samples.len();
        samples.resize(length + inserted, 0);
        samples.copy_within(middle..length, middle + inserted);
        for index in 0..inserted {
            let after = samples[middle + inserted + index];
            samples[middle + index] = mix(after, samples[middle - inserted + index], index, inserted);
        }
        Some(Stretched { frames: period, quiet })
    }

    /// Two pieces of sound on either side of a place that are alike, or that are silence: the place, the length of the
    /// pieces in samples per channel, and whether it is silence.
    fn find(&self) -> Option<(usize, usize, bool)> {
        let frames = (self.samples.len() / self.channels).min(self.sample_rate * WINDOW_MS / 1000);
        let window = &self.samples[..frames * self.channels];
        let middle = frames / 2;
        if is_quiet(window) {
            let length = (self.sample_rate * SILENCE_MS / 1000).min(middle);
            return (length > 0).then_some((middle, length, true));
        }
        let roughly = self.coarse_period(window)?;
        let step = self.sample_rate / COARSE_RATE;
        let periods = (roughly * step).saturating_sub(step).max(1)..=(roughly * step + step).min(middle);
        let (period, likeness) = periods
            .map(|period| {
                let (left, right) = window.split_at(middle * self.channels);
                let left = &left[left.len() - period * self.channels..];
                (period, likeness(left.iter().zip(right).map(|(a, b)| (f32::from(*a), f32::from(*b)))))
            })
            .max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        (likeness >= self.least_likeness).then_some((middle, period, false))
    }

    /// The period at which the window repeats itself best, at the coarse rate.
    fn coarse_period(&self, window: &[i16]) -> Option<usize> {
        let mut coarse = [0.0; WINDOW_MS * COARSE_RATE / 1000];
        let step = self.sample_rate / COARSE_RATE * self.channels;
        let mut length = 0;
        for (value, piece) in coarse.iter_mut().zip(window.chunks_exact(step)) {
            *value = piece.iter().map(|sample| f32::from(*sample)).sum();
            length += 1;
        }
        let middle = length / 2;
        let longest = (LONGEST * COARSE_RATE / 10_000).min(middle);
        (SHORTEST * COARSE_RATE / 10_000..=longest)
            .map(|period| {
                let earlier = &coarse[middle - period..length - period];
                let pairs = coarse[middle..length].iter().zip(earlier).map(|(a, b)| (*a, *b));
                (period, likeness(pairs))
            })
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
            .map(|(period, _)| period)
    }
}

/// The normalized correlation of pairs, -1 to 1.
fn likeness(pairs: impl Iterator<Item = (f32, f32)>) -> f32 {
    let (mut product, mut left, mut right) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        product += a * b;
        left += a * a;
        right += b * b;
    }
    product / (left * right).sqrt().max(1.0)
}

/// Goes over from one sample to another, `index` of `length` steps.
fn mix(from: i16, to: i16, index: usize, length: usize) -> i16 {
    let part = (index as f32 + 0.5) / length as f32;
    (f32::from(from) * (1.0 - part) + f32::from(to) * part).round() as i16
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// Two channels, the second half as loud.
    fn tone(hertz: f64, rate: usize, milliseconds: usize) -> Vec<i16> {
        let sample = |n: usize| 10_000.0 * (n as f64 * hertz * TAU / rate as f64).sin();
        (0..rate * milliseconds / 1000).flat_map(|n| [sample(n) as i16, (sample(n) / 2.0) as i16]).collect()
    }

    fn stretch(samples: &mut Vec<i16>, sample_rate: usize) -> Stretch<'_> {
        Stretch { samples, sample_rate, channels: 2, least_likeness: 0.9 }
    }

    /// The largest step between samples of a channel.
    fn largest_step(samples: &[i16]) -> u16 {
        samples.iter().zip(&samples[2..]).map(|(a, b)| a.abs_diff(*b)).max().expect("samples")
    }

    #[test]
    fn a_tone_loses_or_gains_whole_periods_and_stays_smooth() {
        for (hertz, rate, milliseconds) in
            [(100.0, 48_000, 30), (220.0, 16_000, 20), (440.0, 16_000, 30), (150.0, 8_000, 20)]
        {
            let original = tone(hertz, rate, milliseconds);
            let mut samples = original.clone();
            let taken = stretch(&mut samples, rate).compress().expect("a period");
            assert_eq!(samples.len(), original.len() - taken.frames * 2);
            let periods = taken.frames as f64 * hertz / rate as f64;
            assert!((periods - periods.round()).abs() < 0.1, "{periods} periods of {hertz} Hz");
            assert!(largest_step(&samples) <= largest_step(&original) + 500);

            let mut samples = original.clone();
            let added = stretch(&mut samples, rate).expand().expect("a period");
            assert_eq!(samples.len(), original.len() + added.frames * 2);
            assert!(largest_step(&samples) <= largest_step(&original) + 500);
        }
    }

    #[test]
    fn silence_is_cut_and_noise_is_left_alone() {
        let mut silence = vec![3; 960];
        let cut = stretch(&mut silence, 16_000).compress();
        assert_eq!(cut, Some(Stretched { frames: 160, quiet: true }));
        assert_eq!(silence.len(), 640);
        let mut state = 1u32;
        let mut noise: Vec<i16> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 18) as i16
        })
        .map(|value| value - 8_192)
        .take(960)
        .collect();
        assert_eq!(stretch(&mut noise, 16_000).compress(), None);
        for length in [0, 2, 10, 40] {
            stretch(&mut tone(440.0, 48_000, 30)[..length].to_vec(), 48_000).expand();
        }
    }
}
