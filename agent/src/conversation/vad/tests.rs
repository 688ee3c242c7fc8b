//! The detector on recordings.

use super::*;

/// 16 kHz, mono, 16 bit; made with espeak-ng and sox as `recordings/README.md` says.
pub(in crate::conversation) fn recording(name: &str) -> Vec<i16> {
    let path = format!("{}/src/conversation/recordings/{name}.wav", env!("CARGO_MANIFEST_DIR"));
    let reader = hound::WavReader::open(path).unwrap();
    assert_eq!((reader.spec().sample_rate, reader.spec().channels), (VAD_SAMPLE_RATE, 1));
    reader.into_samples().map(Result::unwrap).collect()
}

pub(in crate::conversation) fn silence(milliseconds: usize) -> Vec<i16> {
    // Not quite: a microphone is never without its noise.
    (0..16 * milliseconds).map(|index| (index * 7919 % 5) as i16 - 2).collect()
}

/// What is noticed in samples that come in frames of 10 ms, and when, in milliseconds.
fn listen(detector: &mut SpeechDetector, samples: &[i16]) -> Vec<(&'static str, i64)> {
    let mut noticed = Vec::new();
    for (index, frame) in samples.chunks(160).enumerate() {
        let now = (index as i64 + 1) * 10;
        for event in detector.detect(frame) {
            match event {
                VadEvent::SpeechBegan { ago } => noticed.push(("began", now - ago.as_millis() as i64)),
                VadEvent::SpeechEnded { ago } => noticed.push(("ended", now - ago.as_millis() as i64)),
                VadEvent::StillSpeaking { .. } => {}
            }
        }
    }
    noticed
}

#[test]
fn speech_has_a_beginning_and_an_end() {
    let speech = recording("twelve_people");
    let length = speech.len() as i64 / 16;
    let mut detector = SpeechDetector::default();
    let noticed = listen(&mut detector, &[silence(1_000), speech, silence(1_000)].concat());
    let [("began", began), ("ended", ended)] = noticed[..] else { panic!("{noticed:?}") };
    assert!((1_000..1_250).contains(&began), "{began}");
    assert!((650 + length..1_150 + length).contains(&ended), "{ended} of {length}");
}

#[test]
fn a_turn_is_kept_with_a_little_silence_around_it() {
    let speech = recording("twelve_people");
    let mut detector = SpeechDetector::default();
    listen(&mut detector, &[silence(5_000), speech.clone(), silence(5_000)].concat());
    let kept = detector.turn().len() as f64 / speech.len() as f64;
    assert!((0.8..1.5).contains(&kept), "{kept}");
    // All of its sound is in it.
    let energy = |samples: &[i16]| samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
    assert!(energy(detector.turn()) > 0.99 * energy(&speech));
    detector.forget();
    assert!(detector.turn().is_empty());
}

#[test]
fn a_turn_with_a_pause_is_one_turn_without_the_pause() {
    let speech = recording("twelve_people");
    let mut detector = SpeechDetector::default();
    let noticed = listen(
        &mut detector,
        &[silence(500), speech.clone(), silence(2_000), speech.clone(), silence(500)].concat(),
    );
    assert_eq!(
        noticed.iter().map(|(what, _)| *what).collect::<Vec<_>>(),
        ["began", "ended", "began", "ended"]
    );
    assert!(detector.turn().len() < 2 * speech.len() + 16 * 1_200, "{}", detector.turn().len());
}

#[test]
fn a_short_word_is_speech() {
    let noticed =
        listen(&mut SpeechDetector::default(), &[silence(500), recording("yes"), silence(500)].concat());
    assert_eq!(noticed.len(), 2, "{noticed:?}");
}

#[test]
fn noise_and_clicks_are_no_speech() {
    let mut detector = SpeechDetector::default();
    assert_eq!(
        listen(&mut detector, &[silence(500), recording("noise"), recording("click"), silence(500)].concat()),
        []
    );
    assert!(detector.turn().is_empty());
}

#[test]
fn the_size_of_the_frames_does_not_matter() {
    let samples = [silence(500), recording("stop"), silence(500)].concat();
    let (mut one, mut other) = (SpeechDetector::default(), SpeechDetector::default());
    one.detect(&samples);
    for frame in samples.chunks(37) {
        other.detect(frame);
    }
    assert_eq!(one.turn(), other.turn());
}
