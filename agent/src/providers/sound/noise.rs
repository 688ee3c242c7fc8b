//! Tells sound from bytes that are none.

/// Root mean square from which noise would hurt; full scale is 1.
const LOUD: f32 = 0.25;
/// How alike neighbouring samples of speech are at least where it is loud: a voice is, a hiss is never as loud.
const ALIKE: f32 = 0.25;

/// Whether samples, full scale is 1, are what compressed bytes, or bytes in the wrong order, become when they are taken
/// for samples: as loud as can be, and each sample without regard to the one before.
pub(super) fn is_noise(samples: &[f32]) -> bool {
    if samples.len() < 2 {
        return false;
    }
    let energy: f32 = samples.iter().map(|sample| sample * sample).sum();
    let together: f32 = samples.windows(2).map(|pair| pair[0] * pair[1]).sum();
    energy > LOUD * LOUD * samples.len() as f32 && together < ALIKE * energy
}

/// How far it is from one sample to the next, all in all; the right order of bytes makes less of it.
pub(super) fn roughness(samples: impl Iterator<Item = i16>) -> u64 {
    let mut before = 0;
    samples
        .map(|sample| {
            u64::from(i32::from(sample).abs_diff(std::mem::replace(&mut before, i32::from(sample))))
        })
        .sum()
}
