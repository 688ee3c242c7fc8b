use std::collections::BTreeMap;

use super::*;

/// Values of the model's own feature code for some columns of each sound; `tests/reference` says how they were made.
const REFERENCE: &str = include_str!("reference.json");

fn sawtooth() -> Vec<i16> {
    (0..16_000).map(|at| at % 100 * 300 - 15_000).collect()
}

/// Longer than the window.
fn noise() -> Vec<i16> {
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let states = std::iter::successors(next(&1), next);
    states.take(WINDOW + 5000).map(|state| (state >> 18) as i16 - (1 << 13)).collect()
}

fn click() -> Vec<i16> {
    let mut samples = vec![0; 30_000];
    samples[15_000] = 20_000;
    samples
}

#[test]
fn columns_are_those_of_the_models_own_code() {
    let reference: BTreeMap<String, BTreeMap<usize, Vec<f32>>> = serde_json::from_str(REFERENCE).unwrap();
    let sounds =
        [("sawtooth", sawtooth()), ("noise", noise()), ("click", click()), ("silence", vec![0; 400])];
    assert_eq!(reference.len(), sounds.len());
    let features = Features::new();
    for (name, samples) in sounds {
        let spectrogram = features.log_mel(&samples);
        assert_eq!(spectrogram.len(), BANDS * FRAMES);
        for (&column, expected) in &reference[name] {
            let ours: Vec<f32> = spectrogram.iter().skip(column).step_by(FRAMES).copied().collect();
            assert_eq!(ours.len(), expected.len());
            for (band, (ours, expected)) in ours.iter().zip(expected).enumerate() {
                assert!(
                    (ours - expected).abs() < 1e-4,
                    "{name}, column {column}, band {band}: {ours}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn the_last_8_s_count() {
    let long = noise();
    let features = Features::new();
    assert_eq!(features.log_mel(&long), features.log_mel(&long[long.len() - WINDOW..]));
    assert_ne!(features.log_mel(&long), features.log_mel(&long[..WINDOW]));
}

#[test]
fn what_is_shorter_has_silence_before_it() {
    let features = Features::new();
    for length in [0, 1, 159, 399, 16_000] {
        let samples = &noise()[..length];
        let mut padded = vec![0; WINDOW - length];
        padded.extend(samples);
        assert_eq!(features.log_mel(samples), features.log_mel(&padded), "{length} samples");
    }
}

#[test]
fn silence_is_the_floor() {
    // ((log10 of 1e-10) + 4) / 4
    assert!(Features::new().log_mel(&[0; WINDOW]).iter().all(|&value| value == -1.5));
}

#[test]
fn loudness_does_not_matter() {
    let loud = sawtooth();
    let soft: Vec<i16> = loud.iter().map(|sample| sample / 100).collect();
    let features = Features::new();
    let pairs = features.log_mel(&loud).into_iter().zip(features.log_mel(&soft));
    for (loud, soft) in pairs {
        assert!((loud - soft).abs() < 0.1, "{loud} {soft}");
    }
}

#[test]
fn full_scale_and_direct_current_are_finite() {
    let square: Vec<i16> = (0..WINDOW).map(|at| if at % 200 < 100 { i16::MIN } else { i16::MAX }).collect();
    let features = Features::new();
    for samples in [square, vec![i16::MIN; WINDOW], vec![i16::MAX; 2 * WINDOW]] {
        let spectrogram = features.log_mel(&samples);
        assert!(spectrogram.iter().all(|value| value.is_finite()));
        let most = spectrogram.iter().copied().fold(f32::MIN, f32::max);
        // At most 8 decades, four to a unit.
        assert!(spectrogram.iter().all(|value| most - value <= 2.0 + 1e-6));
    }
}
