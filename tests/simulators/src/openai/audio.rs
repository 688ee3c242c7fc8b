//! Samples: other rates, and what makes speech fit to be recognised.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction,
};

/// What the recogniser hears at, Hz.
pub(crate) const RECOGNISER_RATE: u32 = 16_000;
/// Samples that are converted at once.
const CHUNK: usize = 256;

/// Converts one channel from a sample rate to another.
pub(crate) struct Resampler {
    inner: Async<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
}

impl Resampler {
    /// Rates in Hz.
    pub(crate) fn new(from: u32, to: u32) -> anyhow::Result<Self> {
        let parameters = SincInterpolationParameters::new(64, WindowFunction::BlackmanHarris2)
            .oversampling_factor(128)
            .interpolation(SincInterpolationType::Linear);
        let ratio = f64::from(to) / f64::from(from);
        let inner = Async::new_sinc(ratio, 1.0, &parameters, CHUNK, 1, FixedAsync::Input)?;
        let output = vec![0.0; inner.output_frames_max()];
        Ok(Self { inner, input: Vec::new(), output })
    }

    /// What can be converted by now; a little stays behind for the next call.
    pub(crate) fn convert(&mut self, samples: &[i16]) -> anyhow::Result<Vec<i16>> {
        self.input.extend(samples.iter().map(|sample| f32::from(*sample)));
        let mut converted = Vec::new();
        let mut used = 0;
        while let Some(chunk) = self.input.get(used..used + CHUNK) {
            let capacity = self.output.len();
            let input = InterleavedSlice::new(chunk, 1, CHUNK)?;
            let mut output = InterleavedSlice::new_mut(&mut self.output, 1, capacity)?;
            let (_, written) = self.inner.process_into_buffer(&input, &mut output, None)?;
            converted.extend(self.output[..written].iter().map(|sample| sample.round() as i16));
            used += CHUNK;
        }
        self.input.drain(..used);
        Ok(converted)
    }

    /// What stayed behind, and a few samples of silence.
    pub(crate) fn finish(mut self) -> anyhow::Result<Vec<i16>> {
        self.convert(&[0; 2 * CHUNK])
    }
}

/// A whole clip at the recogniser's rate.
pub(crate) fn at_recogniser_rate(samples: Vec<i16>, rate: u32) -> anyhow::Result<Vec<i16>> {
    if rate == RECOGNISER_RATE {
        return Ok(samples);
    }
    let mut resampler = Resampler::new(rate, RECOGNISER_RATE)?;
    let mut converted = resampler.convert(&samples)?;
    converted.extend(resampler.finish()?);
    Ok(converted)
}

/// Samples of a frame that is looked at for voice: 32 ms.
const FRAME: usize = 512;
/// Root mean square below which a frame is silent: 44 dB below full scale.
const SILENCE: f32 = 200.0;
/// Pitch of a voice, as a distance in samples at 16 kHz: 400 to 70 Hz.
const PITCHES: std::ops::Range<usize> = 40..229;
/// How alike a voiced frame is to itself a period later; noise stays below 0.4.
const PERIODIC: f32 = 0.7;
/// Frames that must be voiced: about a tenth of a second.
const VOICED_FRAMES: usize = 3;

/// Whether somebody speaks in `samples` (16 kHz): voices are periodic, noise and silence are not.
pub(crate) fn has_voice(samples: &[i16]) -> bool {
    let frames = samples.windows(FRAME + PITCHES.end).step_by(FRAME);
    frames.filter(|frame| is_voiced(frame)).nth(VOICED_FRAMES - 1).is_some()
}

fn is_voiced(samples: &[i16]) -> bool {
    let samples: Vec<f32> = samples.iter().map(|sample| f32::from(*sample)).collect();
    let energy = |from: usize| samples[from..from + FRAME].iter().map(|sample| sample * sample).sum::<f32>();
    let here = energy(0);
    if here < SILENCE * SILENCE * FRAME as f32 {
        return false;
    }
    PITCHES.step_by(2).any(|distance| {
        let pairs = samples[..FRAME].iter().zip(&samples[distance..distance + FRAME]);
        let product: f32 = pairs.map(|(now, later)| now * later).sum();
        product > PERIODIC * (here * energy(distance)).sqrt()
    })
}

/// Loudest sample that the recogniser gets: half of full scale.
const PEAK: f32 = 16_384.0;
/// Most that quiet speech is amplified.
const MOST_GAIN: f32 = 16.0;
/// Amplitude of the noise that is added. The recogniser's model was made from recordings, where silence is never quite
/// silent; of synthetic speech without it a third is not understood.
const NOISE: f32 = 26.0;

/// Speech at one level, over a floor of noise that is the same for the same samples.
pub(crate) fn for_recognition(samples: &[i16]) -> Vec<i16> {
    let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or_default();
    let gain = (PEAK / f32::from(peak.max(1))).min(MOST_GAIN);
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 16) as f32 / 32_768.0 - 1.0) * NOISE
    };
    samples.iter().map(|sample| (f32::from(*sample) * gain + noise()).round() as i16).collect()
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// A second of a sum of harmonics, which is what a vowel is.
    fn vowel(amplitude: f32) -> Vec<i16> {
        let sample = |n: u16| {
            let phase = f32::from(n) * 120.0 * TAU / 16_000.0;
            (1..12_u8).map(|k| (phase * f32::from(k)).sin() / f32::from(k)).sum::<f32>() * amplitude
        };
        (0..16_000).map(|n| sample(n) as i16).collect()
    }

    fn noise(amplitude: i16) -> Vec<i16> {
        let mut random = StdRng::seed_from_u64(7);
        (0..16_000).map(|_| random.random_range(-amplitude..=amplitude)).collect()
    }

    #[test]
    fn a_voice_is_heard_and_noise_is_not() {
        assert!(has_voice(&vowel(4_000.0)));
        assert!(!has_voice(&vowel(60.0)), "too quiet");
        assert!(!has_voice(&vec![0; 16_000]));
        for amplitude in [30, 1_000, 20_000] {
            assert!(!has_voice(&noise(amplitude)), "noise of {amplitude}");
        }
        assert!(!has_voice(&vowel(4_000.0)[..1_000]), "a click");
        assert!(!has_voice(&[]));
    }

    #[test]
    fn a_second_stays_a_second_at_another_rate() {
        for rate in [8_000, 22_050, 24_000, 44_100, 48_000] {
            let clip = vec![1_000; rate as usize];
            let converted = at_recogniser_rate(clip, rate).expect("convert");
            let heard = converted.iter().filter(|sample| **sample > 500).count();
            assert!(heard.abs_diff(16_000) < 200, "{heard} samples from {rate} Hz");
        }
    }

    #[test]
    fn speech_is_made_as_loud_as_the_recogniser_likes_it() {
        let peak = |samples: Vec<i16>| samples.into_iter().map(i16::unsigned_abs).max().expect("samples");
        assert!(peak(for_recognition(&vowel(1_500.0))).abs_diff(16_384) < 50);
        assert!(peak(for_recognition(&[i16::MIN, i16::MAX])).abs_diff(16_384) < 50);
        let silence = for_recognition(&[0; 1_000]);
        assert!(silence.iter().any(|sample| *sample != 0) && peak(silence) <= 26);
    }
}
