//! What a recording sounds like.

use std::f64::consts::{PI, TAU};
use std::fmt::{self, Display};

/// Windows that are measured alone, in a second: a glitch spoils one of them.
const WINDOWS: u32 = 20;

/// Samples of one channel.
pub(crate) struct Recording {
    pub(crate) samples: Vec<i16>,
    /// In Hz, of the one channel.
    pub(crate) sample_rate: u32,
}

/// The tone in a recording: the median of its windows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sound {
    pub(crate) hertz: f64,
    /// dB of the tone over everything else.
    pub(crate) signal_to_noise: f64,
}

impl Display for Sound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} Hz at {:.1} dB", self.hertz, self.signal_to_noise)
    }
}

impl Recording {
    /// The strongest tone from 100 to 4,000 Hz.
    pub(crate) fn sound(&self) -> Sound {
        let measured = self.windows().map(|window| {
            let faded = fade(window);
            let coarse = strongest(&faded, self.sample_rate, (5..=200).map(|step| f64::from(step) * 20.0));
            let near = (-400..=400).map(|step| coarse + f64::from(step) / 20.0);
            let hertz = strongest(&faded, self.sample_rate, near);
            (hertz, window_signal_to_noise(window, hertz, self.sample_rate))
        });
        let (frequencies, ratios) = measured.unzip();
        Sound { hertz: median(frequencies), signal_to_noise: median(ratios) }
    }

    /// How many dB the tone of this frequency, a multiple of 20 Hz, stands above everything else.
    pub(crate) fn signal_to_noise(&self, hertz: f64) -> f64 {
        median(self.windows().map(|window| window_signal_to_noise(window, hertz, self.sample_rate)).collect())
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.samples.iter().all(|sample| sample.unsigned_abs() < 100)
    }

    fn windows(&self) -> impl Iterator<Item = &[i16]> {
        self.samples.chunks_exact((self.sample_rate / WINDOWS) as usize)
    }
}

/// Hann's window: without it a tone's negative frequency shifts its maximum.
fn fade(window: &[i16]) -> Vec<f64> {
    let weight = |n: usize| (n as f64 * PI / window.len() as f64).sin().powi(2);
    window.iter().enumerate().map(|(n, sample)| f64::from(*sample) * weight(n)).collect()
}

fn strongest(samples: &[f64], sample_rate: u32, candidates: impl Iterator<Item = f64>) -> f64 {
    let powers = candidates.map(|hertz| (hertz, power(samples, hertz, sample_rate)));
    powers.max_by(|one, other| one.1.total_cmp(&other.1)).map_or(0.0, |(hertz, _)| hertz)
}

/// Of one frequency, by Goertzel's recurrence.
fn power(samples: &[f64], hertz: f64, sample_rate: u32) -> f64 {
    let factor = 2.0 * (hertz * TAU / f64::from(sample_rate)).cos();
    let (last, before) =
        samples.iter().fold((0.0, 0.0), |(last, before), sample| (sample + factor * last - before, last));
    last * last + before * before - factor * last * before
}

fn window_signal_to_noise(window: &[i16], hertz: f64, sample_rate: u32) -> f64 {
    let phase = |n: usize| n as f64 * hertz * TAU / f64::from(sample_rate);
    let project = |part: fn(f64) -> f64| {
        let sum: f64 = window.iter().enumerate().map(|(n, sample)| f64::from(*sample) * part(phase(n))).sum();
        2.0 * sum / window.len() as f64
    };
    let (sine, cosine) = (project(f64::sin), project(f64::cos));
    let rest = |(n, sample): (usize, &i16)| {
        (f64::from(*sample) - sine * phase(n).sin() - cosine * phase(n).cos()).powi(2)
    };
    let noise: f64 = window.iter().enumerate().map(rest).sum();
    let signal = (sine.powi(2) + cosine.powi(2)) / 2.0 * window.len() as f64;
    10.0 * (signal / noise.max(1e-9)).log10()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[test]
fn a_tone_is_measured_and_noise_is_not_one() {
    let mut samples = crate::tone::sine(440.0, 48_000, 48_000);
    let mut recording = Recording { samples: samples.clone(), sample_rate: 48_000 };
    let sound = recording.sound();
    assert!((sound.hertz - 440.0).abs() < 0.1 && sound.signal_to_noise > 60.0, "{sound}");
    assert!(recording.signal_to_noise(460.0) < 0.0);

    // A hundredth of the tone, and a jump in one place.
    samples.drain(20_000..20_030);
    for (sample, noise) in samples.iter_mut().zip(crate::tone::sine(3_000.0, 48_000, 48_000)) {
        *sample += noise / 100;
    }
    recording.samples = samples;
    let sound = recording.sound();
    assert!((sound.hertz - 440.0).abs() < 0.1, "{sound}");
    assert!((39.0..41.0).contains(&sound.signal_to_noise), "{sound}");
}
