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
                VadEvent::Murmured => noticed.push(("murmured", now)),
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
fn the_end_of_a_turn_is_kept_as_it_sounded() {
    let speech = recording("twelve_people");
    let mut detector = SpeechDetector::default();
    listen(&mut detector, &[silence(5_000), speech.clone(), silence(1_000)].concat());
    let kept = detector.heard();
    // From a little before its first sound to now.
    let silences = kept.len() as i64 / 16 - speech.len() as i64 / 16;
    assert!((800..1_700).contains(&silences), "{silences}");
    let energy = |samples: &[i16]| samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
    assert!(energy(&kept) > 0.99 * energy(&speech));
    // Long silences say no more than short ones.
    listen(&mut detector, &[silence(20_000), speech.clone(), silence(300)].concat());
    let (twice, silences) = (2 * speech.len(), detector.heard().len() - 2 * speech.len());
    assert!((300..2_500).contains(&(silences / 16)), "{} beside {twice}", silences / 16);
    assert!(energy(&detector.heard()) > 0.98 * 2.0 * energy(&speech));
    listen(&mut detector, &[&speech[..]; 5].concat());
    assert_eq!(detector.heard().len(), HEARD);
    detector.forget();
    listen(&mut detector, &silence(1_000));
    assert!(detector.heard().is_empty());
    // Where nobody asks how a turn sounded, nothing is kept, and the same is noticed.
    let said = [silence(500), speech, silence(500)].concat();
    let mut without = SpeechDetector::without_sound();
    assert_eq!(listen(&mut without, &said), listen(&mut SpeechDetector::default(), &said));
    assert!(without.heard().is_empty());
}

#[test]
fn a_pause_ends_speech_and_it_begins_again() {
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
    assert!(detector.heard().is_empty());
}

#[test]
fn the_size_of_the_frames_does_not_matter() {
    let samples = [silence(500), recording("stop"), silence(500)].concat();
    let (mut one, mut other) = (SpeechDetector::default(), SpeechDetector::default());
    one.detect(&samples);
    for frame in samples.chunks(37) {
        other.detect(frame);
    }
    assert_eq!(one.heard(), other.heard());
}

/// So many decibels below the caller, seven who talk all the time, for so many milliseconds.
fn talk_around(caller: &[i16], decibels: f64, milliseconds: usize) -> Vec<i16> {
    let names = ["twelve_people", "stop", "twelve_people", "stop", "yes", "twelve_people", "stop"];
    let voices = names.map(recording);
    let mixed = |index: usize| -> f64 {
        voices.iter().enumerate().map(|(voice, of)| f64::from(of[(index + 7_000 * voice) % of.len()])).sum()
    };
    let samples: Vec<f64> = (0..16 * milliseconds).map(mixed).collect();
    let power =
        |samples: &[f64]| samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len() as f64;
    let wanted = power(&caller.iter().map(|sample| f64::from(*sample)).collect::<Vec<_>>());
    let factor = (wanted / power(&samples)).sqrt() * 10_f64.powf(-decibels / 20.0);
    samples.iter().map(|sample| (sample * factor) as i16).collect()
}

fn over(voice: &[i16], around: &[i16]) -> Vec<i16> {
    voice.iter().zip(around).map(|(one, other)| one.saturating_add(*other)).collect()
}

#[test]
fn who_is_louder_than_the_talk_around_them_has_pauses() {
    let speech = recording("twelve_people");
    let around = talk_around(&speech, 17.0, 24_000);
    let mut samples = around.clone();
    // Twice, in talk that has begun before, and goes on.
    for start in [7_000 * 16, 14_000 * 16] {
        samples[start..start + speech.len()].copy_from_slice(&over(&speech, &around[start..]));
    }
    let noticed = listen(&mut SpeechDetector::default(), &samples);
    let length = speech.len() as i64 / 16;
    let ended = |from: i64, to: i64| {
        noticed.iter().any(|(what, at)| *what == "ended" && (from - 300..to).contains(at))
    };
    for start in [7_000, 14_000] {
        assert!(ended(start + length, start + length + 700), "{start}: {noticed:?}");
    }
    assert_eq!(noticed.last().map(|(what, _)| *what), Some("ended"), "{noticed:?}");
}

#[test]
fn talk_around_nobody_is_soon_known_to_be_no_speech() {
    let speech = recording("twelve_people");
    for decibels in [17.0, 30.0, 0.0] {
        let noticed = listen(&mut SpeechDetector::default(), &talk_around(&speech, decibels, 30_000));
        let [("began", _), ("murmured", at)] = noticed[..] else { panic!("{decibels} dB: {noticed:?}") };
        assert!((5_000..8_000).contains(&at), "{decibels} dB: {noticed:?}");
    }
}

#[test]
fn who_speaks_in_front_of_a_murmur_is_heard_however_short() {
    let loud = recording("twelve_people");
    let around = talk_around(&loud, 12.0, 30_000);
    for said in ["yes", "stop", "twelve_people"] {
        let (said, mut samples) = (recording(said), around.clone());
        let (start, length) = (15_000 * 16, said.len() as i64 / 16);
        samples[start..start + said.len()].copy_from_slice(&over(&said, &around[start..]));
        let noticed = listen(&mut SpeechDetector::default(), &samples);
        let [("began", _), ("murmured", _), ("began", began), .., ("ended", ended)] = noticed[..] else {
            panic!("{noticed:?}")
        };
        assert!((14_900..15_300).contains(&began), "{noticed:?}");
        assert!((14_900 + length / 2..15_700 + length).contains(&ended), "{noticed:?}");
    }
}

#[test]
fn who_has_spoken_before_a_murmur_is_known_as_one_has_ended_by_then() {
    let speech = recording("twelve_people");
    // In the first seconds of it, and only 9 dB louder: the detector takes all of it for one voice.
    let mut samples = talk_around(&speech, 9.0, 30_000);
    let around = samples.clone();
    samples[32_000..32_000 + speech.len()].copy_from_slice(&over(&speech, &around[32_000..]));
    let noticed = listen(&mut SpeechDetector::default(), &samples);
    let [("began", began), ("ended", ended), ref rest @ ..] = noticed[..] else { panic!("{noticed:?}") };
    assert!(began < 1_000 && (3_000..8_000).contains(&ended), "{noticed:?}");
    assert!(rest.iter().all(|(_, at)| *at < 12_000), "{noticed:?}");
}

#[test]
fn a_murmur_is_over_when_it_is_quiet() {
    let speech = recording("twelve_people");
    let softer: Vec<i16> = speech.iter().map(|sample| sample / 4).collect();
    let samples = [talk_around(&speech, 6.0, 10_000), silence(1_500), softer, silence(500)].concat();
    let noticed = listen(&mut SpeechDetector::default(), &samples);
    let what: Vec<&str> = noticed.iter().map(|(what, _)| *what).collect();
    assert_eq!(what, ["began", "murmured", "began", "ended"], "{noticed:?}");
}

#[test]
fn two_voices_that_are_equally_loud_both_count() {
    // Both without a pause.
    let speech = &recording("twelve_people")[2_000..20_000];
    let other = speech.iter().copied().cycle().skip(7_000);
    let samples: Vec<i16> = speech
        .iter()
        .cycle()
        .zip(other)
        .map(|(one, other)| one.saturating_add(other))
        .take(20 * 16_000)
        .collect();
    let noticed = listen(&mut SpeechDetector::default(), &samples);
    assert!(matches!(noticed[..], [("began", _)]), "{noticed:?}");
}

#[test]
fn a_sentence_is_whole_although_it_becomes_softer() {
    // Without a pause for long: 8 s, 8 dB softer at the end.
    let speech = recording("twelve_people");
    let sentence: Vec<i16> = speech[2_000..20_000].iter().copied().cycle().take(8 * 16_000).collect();
    let softer = |(index, sample): (usize, &i16)| {
        (f64::from(*sample) * 10_f64.powf(-0.4 * index as f64 / 128_000.0)) as i16
    };
    let sentence: Vec<i16> = sentence.iter().enumerate().map(softer).collect();
    let noticed = listen(&mut SpeechDetector::default(), &[silence(500), sentence, silence(1_000)].concat());
    assert!(matches!(noticed[..], [("began", _), ("ended", 8_000..)]), "{noticed:?}");
}
