//! Another sample rate, for the rates Opus does not have.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, ResampleError, Resampler as _, ResamplerConstructionError,
    SincInterpolationParameters, SincInterpolationType, WindowFunction,
};

/// Samples per channel that are converted at once, in ms.
const CHUNK_MS: u32 = 10;

/// Converts interleaved 16-bit samples.
pub(super) struct Resampler {
    inner: Async<f32>,
    channels: usize,
    input: Vec<f32>,
    output: Vec<f32>,
}

impl Resampler {
    /// Converts `from` Hz to `to` Hz.
    pub(super) fn new(from: u32, to: u32, channels: u32) -> Result<Self, ResamplerConstructionError> {
        let parameters = SincInterpolationParameters::new(64, WindowFunction::BlackmanHarris2)
            .oversampling_factor(128)
            .interpolation(SincInterpolationType::Linear);
        let ratio = f64::from(to) / f64::from(from);
        let chunk = (from * CHUNK_MS / 1000) as usize;
        let channels = channels as usize;
        let inner = Async::new_sinc(ratio, 1.0, &parameters, chunk, channels, FixedAsync::Input)?;
        let output = vec![0.0; inner.output_frames_max() * channels];
        Ok(Self { inner, channels, input: Vec::with_capacity(chunk * channels * 2), output })
    }

    /// Appends the converted samples; up to 10 ms of input stay behind for the next call.
    pub(super) fn convert(&mut self, samples: &[i16], converted: &mut Vec<i16>) -> Result<(), ResampleError> {
        self.input.extend(samples.iter().map(|sample| f32::from(*sample)));
        let mut used = 0;
        loop {
            let frames = self.inner.input_frames_next();
            let needed = frames * self.channels;
            let Some(chunk) = self.input.get(used..used + needed) else { break };
            let capacity = self.output.len() / self.channels;
            let (Ok(input), Ok(mut output)) = (
                InterleavedSlice::new(chunk, self.channels, frames),
                InterleavedSlice::new_mut(&mut self.output, self.channels, capacity),
            ) else {
                break;
            };
            let (_, written) = self.inner.process_into_buffer(&input, &mut output, None)?;
            let written = &self.output[..written * self.channels];
            converted.extend(written.iter().map(|sample| sample.round() as i16));
            used += needed;
        }
        self.input.drain(..used);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// How many dB a tone stands above everything else.
    fn signal_to_noise(samples: &[i16], hertz: f64, rate: f64) -> f64 {
        let values = || {
            samples.iter().zip(0..).map(|(sample, n)| (f64::from(n) * hertz * TAU / rate, f64::from(*sample)))
        };
        let part = |wave: fn(f64) -> f64| {
            values().map(|(phase, value)| value * wave(phase)).sum::<f64>() * 2.0 / samples.len() as f64
        };
        let (sine, cosine) = (part(f64::sin), part(f64::cos));
        let noise: f64 =
            values().map(|(phase, value)| (value - sine * phase.sin() - cosine * phase.cos()).powi(2)).sum();
        10.0 * ((sine.powi(2) + cosine.powi(2)) / 2.0 * samples.len() as f64 / noise).log10()
    }

    #[test]
    fn tones_are_kept_clean_and_come_soon() {
        for (from, to) in [(48_000, 44_100), (48_000, 11_025), (22_050, 48_000), (48_000, 192_000)] {
            for hertz in [440.0, 3_000.0, 0.4 * f64::from(from.min(to))] {
                let mut resampler = Resampler::new(from, to, 1).expect("make resampler");
                let tone =
                    |n: u32| (20_000.0 * (f64::from(n) * hertz * TAU / f64::from(from)).sin()).round() as i16;
                let samples: Vec<i16> = (0..from / 2).map(tone).collect();
                let mut converted = Vec::new();
                for chunk in samples.chunks(from as usize / 50) {
                    resampler.convert(chunk, &mut converted).expect("convert");
                }
                let ratio =
                    signal_to_noise(&converted[to as usize / 10..][..to as usize / 5], hertz, to.into());
                assert!(ratio > 65.0, "{hertz} Hz from {from} to {to} Hz: {ratio} dB");
                let begins = converted.iter().position(|sample| sample.abs() > 4_000).expect("the tone");
                let milliseconds = begins as f64 * 1000.0 / f64::from(to);
                assert!(milliseconds < 2.0, "{milliseconds} ms late");
            }
        }
    }

    #[test]
    fn a_second_stays_a_second_and_a_tone_keeps_its_level() {
        let mut resampler = Resampler::new(48_000, 44_100, 1).expect("make resampler");
        let tone = |n: usize| (10_000.0 * (n as f64 * 440.0 * std::f64::consts::TAU / 48_000.0).sin()) as i16;
        let samples: Vec<i16> = (0..48_000).map(tone).collect();
        let mut converted = Vec::new();
        for chunk in samples.chunks(960) {
            resampler.convert(chunk, &mut converted).expect("convert");
        }
        assert!(converted.len().abs_diff(44_100) < 500, "{} samples", converted.len());
        let level = super::super::level::measure(&converted[4410..]).decibels;
        assert_eq!(level, super::super::level::measure(&samples).decibels);
    }
}
