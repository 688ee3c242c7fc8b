//! What the model hears: the logarithmic mel spectrogram of the last 8 s, as Whisper's feature extractor makes it.

mod filters;

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

use crate::WINDOW;
use filters::Filter;

/// Mel bands.
pub(crate) const BANDS: usize = 80;
/// Columns of the spectrogram, 10 ms each.
pub(crate) const FRAMES: usize = WINDOW / HOP;

const FRAME: usize = 400;
const HOP: usize = 160;
/// What is added to the variance, so that silence stays silence.
const EPSILON: f64 = 1e-7;
/// The least energy of a band.
const FLOOR: f64 = 1e-10;
/// How many decades below the loudest band everything else is cut off.
const DECADES: f64 = 8.0;

/// Tables that serve every spectrogram. All is computed in `f64`: the quietest bands that count have a hundred-millionth of
/// the energy of the loudest one.
pub(crate) struct Features {
    fft: Arc<dyn RealToComplex<f64>>,
    hann: Vec<f64>,
    filters: Vec<Filter>,
}

impl Features {
    pub(crate) fn new() -> Self {
        let angle = |n: usize| std::f64::consts::TAU * n as f64 / FRAME as f64;
        Self {
            fft: RealFftPlanner::new().plan_fft_forward(FRAME),
            hann: (0..FRAME).map(|n| 0.5 - 0.5 * angle(n).cos()).collect(),
            filters: filters::mel(BANDS, FRAME / 2 + 1),
        }
    }

    /// The spectrogram, band after band, [`FRAMES`] values each.
    pub(crate) fn log_mel(&self, samples: &[i16]) -> Vec<f32> {
        let padded = reflected(&normalised(samples));
        let mut frame = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut power = vec![0.0; spectrum.len()];
        let mut mel = vec![0.0; BANDS * FRAMES];
        for (column, samples) in padded.windows(FRAME).step_by(HOP).take(FRAMES).enumerate() {
            for ((windowed, sample), weight) in frame.iter_mut().zip(samples).zip(&self.hann) {
                *windowed = sample * weight;
            }
            self.fft
                .process_with_scratch(&mut frame, &mut spectrum, &mut scratch)
                .expect("the transform made its buffers itself");
            for (power, bin) in power.iter_mut().zip(&spectrum) {
                *power = bin.norm_sqr();
            }
            for (band, filter) in self.filters.iter().enumerate() {
                mel[band * FRAMES + column] = filter.energy(&power);
            }
        }
        logarithmic(&mel)
    }
}

/// The last [`WINDOW`] samples, zeros before them where they are fewer; their mean is then 0 and their variance 1.
fn normalised(samples: &[i16]) -> Vec<f64> {
    let last = &samples[samples.len().saturating_sub(WINDOW)..];
    let mut window = vec![0.0; WINDOW - last.len()];
    window.extend(last.iter().map(|&sample| f64::from(sample) / 32_768.0));
    let count = WINDOW as f64;
    let mean = window.iter().sum::<f64>() / count;
    let variance = window.iter().map(|sample| (sample - mean).powi(2)).sum::<f64>() / count;
    let deviation = (variance + EPSILON).sqrt();
    window.iter_mut().for_each(|sample| *sample = (*sample - mean) / deviation);
    window
}

/// Half a frame more on both sides, mirrored at the first and the last sample, so that a frame's middle is at its time.
fn reflected(window: &[f64]) -> Vec<f64> {
    let half = FRAME / 2;
    let before = window[1..=half].iter().rev();
    let after = window[window.len() - half - 1..window.len() - 1].iter().rev();
    before.chain(window).chain(after).copied().collect()
}

fn logarithmic(mel: &[f64]) -> Vec<f32> {
    let logarithms: Vec<f64> = mel.iter().map(|energy| energy.max(FLOOR).log10()).collect();
    let loudest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let scaled = |logarithm: &f64| (logarithm.max(loudest - DECADES) + 4.0) / 4.0;
    logarithms.iter().map(|logarithm| scaled(logarithm) as f32).collect()
}

#[cfg(test)]
mod tests;
