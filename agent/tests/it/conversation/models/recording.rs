//! What a caller hears of the agent: when, and what.

use std::ops::Range;

use crate::conversation::sound::Sound;

/// Length of the pieces whose loudness is looked at, seconds, and what is audible in them, of 1.
const PIECE: f64 = 0.02;
const AUDIBLE: f64 = 0.005;
/// A shorter silence is one within speech.
const GAP: f64 = 0.35;
/// A shorter sound is none of speech.
const SPEECH: f64 = 0.06;

/// When the agent spoke, in seconds of the recording.
pub(super) fn spoken(sound: &Sound) -> Vec<Range<f64>> {
    let mut spoken: Vec<Range<f64>> = Vec::new();
    let length = (PIECE * f64::from(sound.rate)) as usize;
    for (index, piece) in sound.samples.chunks(length).enumerate() {
        let squares: f64 = piece.iter().map(|sample| (f64::from(*sample) / 32_768.0).powi(2)).sum();
        if (squares / piece.len() as f64).sqrt() < AUDIBLE {
            continue;
        }
        let begin = index as f64 * PIECE;
        match spoken.last_mut().filter(|last| begin - last.end < GAP) {
            Some(last) => last.end = begin + PIECE,
            None => spoken.push(begin..begin + PIECE),
        }
    }
    spoken.retain(|range| range.end - range.start >= SPEECH);
    spoken
}

/// When the agent began to speak while the caller did, who had begun in silence: seconds after their first sound.
pub(super) fn talked_over(spoken: &[Range<f64>], (began, ended): (f64, f64)) -> Vec<f64> {
    if spoken.iter().any(|range| range.contains(&began)) {
        return Vec::new();
    }
    let over = spoken.iter().filter(|range| began < range.start && range.start < ended);
    over.map(|range| range.start - began).collect()
}

/// Seconds from a moment at which the agent spoke to its silence.
pub(super) fn silent_after(spoken: &[Range<f64>], moment: f64) -> Option<f64> {
    spoken.iter().find(|range| range.contains(&moment)).map(|range| range.end - moment)
}

/// Seconds of silence between what was spoken at a time and what came next; none where it went on beyond that.
pub(super) fn silence(spoken: &[Range<f64>], (began, ended): (f64, f64)) -> Option<f64> {
    let at = spoken.iter().position(|range| range.contains(&began) && range.end <= ended)?;
    spoken.get(at + 1).map(|next| next.start - spoken[at].end)
}

#[test]
fn speech_is_found_in_a_recording() {
    let rate = 1_000;
    let of = |seconds: f64, height: i16| vec![height; (seconds * f64::from(rate)) as usize];
    let parts = [of(1.0, 0), of(0.5, 900), of(0.2, 0), of(0.5, -900), of(1.0, 0), of(0.02, 900), of(0.5, 0)];
    let sound = Sound { rate, samples: parts.concat() };
    let found = spoken(&sound);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!((found[0].start - 1.0).abs() < 0.03 && (found[0].end - 2.2).abs() < 0.03, "{found:?}");
    assert!(talked_over(&found, (0.5, 3.0)).iter().all(|seconds| (seconds - 0.5).abs() < 0.03));
    assert_eq!(talked_over(&found, (0.5, 3.0)).len(), 1);
    assert!(talked_over(&found, (1.5, 3.0)).is_empty(), "the caller interrupted");
    assert!(silent_after(&found, 1.5).is_some_and(|seconds| (seconds - 0.7).abs() < 0.05));
    assert_eq!(silent_after(&found, 2.9), None);
    let twice = [1.0..2.2, 3.0..4.0];
    assert!(silence(&twice, (2.0, 2.5)).is_some_and(|seconds| (seconds - 0.8).abs() < 1e-9));
    assert_eq!(silence(&twice, (1.5, 2.0)), None, "it went on");
    assert_eq!(silence(&twice, (3.5, 4.5)), None, "nothing came");
}
