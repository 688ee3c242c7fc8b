//! The loudness that goes with each packet: a LiveKit server finds the active speaker by it.

/// Quieter than this many dB below full scale is not marked as voice.
const VOICE_THRESHOLD: i8 = -50;

/// The level of a frame as RFC 6464 carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AudioLevel {
    /// dB relative to full scale, -127 (silence) to 0.
    pub(crate) decibels: i8,
    pub(crate) voice: bool,
}

/// The root mean square of the samples, in dB.
pub(crate) fn measure(samples: &[i16]) -> AudioLevel {
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let mean = energy / samples.len().max(1) as f64;
    let decibels = 10.0 * (mean / f64::from(i16::MAX).powi(2)).max(f64::MIN_POSITIVE).log10();
    let decibels = decibels.round().clamp(-127.0, 0.0) as i8;
    AudioLevel { decibels, voice: decibels > VOICE_THRESHOLD }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_known_signals() {
        assert_eq!(measure(&[0; 480]), AudioLevel { decibels: -127, voice: false });
        assert_eq!(measure(&[i16::MAX; 480]), AudioLevel { decibels: 0, voice: true });
        assert_eq!(measure(&[327; 480]), AudioLevel { decibels: -40, voice: true });
        assert_eq!(measure(&[]), AudioLevel { decibels: -127, voice: false });
    }
}
