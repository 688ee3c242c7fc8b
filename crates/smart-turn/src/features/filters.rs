//! The mel scale after Slaney: linear up to 1 kHz, logarithmic above; triangles of equal area.

use crate::SAMPLE_RATE;

const HERTZ_PER_MEL: f64 = 200.0 / 3.0;
/// Where the scale turns logarithmic, in hertz and in mel.
const BEND: (f64, f64) = (1000.0, 15.0);
/// 27 mel are a factor of 6.4.
const MEL_PER_FACTOR: (f64, f64) = (27.0, 6.4);

/// One triangle over the bins of a spectrum; only the bins that it weighs.
pub(super) struct Filter {
    first: usize,
    weights: Vec<f64>,
}

impl Filter {
    pub(super) fn energy(&self, power: &[f64]) -> f64 {
        power[self.first..].iter().zip(&self.weights).map(|(power, weight)| power * weight).sum()
    }
}

/// So many triangles from 0 Hz to half the sample rate, over so many bins.
pub(super) fn mel(bands: usize, bins: usize) -> Vec<Filter> {
    let nyquist = f64::from(SAMPLE_RATE) / 2.0;
    let step = to_mel(nyquist) / (bands + 1) as f64;
    let corners: Vec<f64> = (0..bands + 2).map(|n| to_hertz(step * n as f64)).collect();
    let bin = |n: usize| nyquist * n as f64 / (bins - 1) as f64;
    corners
        .windows(3)
        .map(|corners| triangle([corners[0], corners[1], corners[2]], (0..bins).map(bin)))
        .collect()
}

fn triangle([low, middle, high]: [f64; 3], bins: impl Iterator<Item = f64>) -> Filter {
    let height = 2.0 / (high - low);
    let weight =
        |hertz: f64| ((hertz - low) / (middle - low)).min((high - hertz) / (high - middle)).max(0.0) * height;
    let weights: Vec<f64> = bins.map(weight).collect();
    let first = weights.iter().position(|&weight| weight > 0.0).unwrap_or(weights.len());
    let weights = weights[first..].iter().copied().take_while(|&weight| weight > 0.0).collect();
    Filter { first, weights }
}

fn to_mel(hertz: f64) -> f64 {
    let ((bend, mel), (per, factor)) = (BEND, MEL_PER_FACTOR);
    if hertz < bend { hertz / HERTZ_PER_MEL } else { mel + (hertz / bend).ln() * per / factor.ln() }
}

fn to_hertz(mel: f64) -> f64 {
    let ((bend, at), (per, factor)) = (BEND, MEL_PER_FACTOR);
    if mel < at { mel * HERTZ_PER_MEL } else { bend * ((mel - at) * factor.ln() / per).exp() }
}
