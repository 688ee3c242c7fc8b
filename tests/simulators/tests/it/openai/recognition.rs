//! What is heard of speech: word for word, at several rates and behind Opus.

use std::collections::BTreeSet;

use serde_json::Value;
use simulators::openai::grammar::{FAREWELLS, NO, SMALL_TALK, YES};
use simulators::openai::persona::Persona;

use super::caller::{Voice, say, through_opus, wav};
use super::simulator::Simulator;

const NUMBERS: [&str; 24] = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "fifteen",
    "twenty",
    "twenty five",
    "thirty",
    "forty seven",
    "fifty",
    "ninety nine",
    "one hundred",
    "one hundred and twenty",
    "five hundred",
    "nine hundred ninety nine",
    "two thousand",
];

/// How the sound came.
#[derive(Debug, Clone, Copy)]
enum Way {
    Rate(u32),
    Opus,
}

const WAYS: [Way; 4] = [Way::Opus, Way::Rate(16_000), Way::Rate(24_000), Way::Rate(48_000)];

/// Everything that is expected of a caller.
fn answers() -> Vec<String> {
    let persona = Persona::parse(include_str!("persona.toml")).unwrap();
    let examples =
        persona.signals.iter().flat_map(|signal| signal.examples.iter().map(|example| example.says.clone()));
    let values =
        persona.signals.iter().flat_map(|signal| signal.values.iter().map(|value| value.replace('_', " ")));
    let always = [&YES[..], &NO, &FAREWELLS, &SMALL_TALK, &NUMBERS].concat().into_iter().map(str::to_owned);
    examples.chain(values).chain(always).collect::<BTreeSet<_>>().into_iter().collect()
}

async fn heard(simulator: &Simulator, answer: &str, voice: Voice, way: Way) -> String {
    match way {
        Way::Rate(rate) => simulator.hear(&say(answer, voice, rate), rate).await,
        Way::Opus => simulator.hear(&through_opus(&say(answer, voice, 48_000)), 48_000).await,
    }
}

/// Each way has a quarter of the answers; `every_answer_in_every_way` has all of them.
#[tokio::test]
async fn expected_answers_are_heard_word_for_word() {
    let simulator = Simulator::with_persona();
    let mut wrong = Vec::new();
    for (answer, way) in answers().iter().zip(WAYS.iter().cycle()) {
        let heard = heard(&simulator, answer, Voice::Flite, *way).await;
        if heard != *answer {
            wrong.push(format!("{answer}, {way:?}: {heard}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
#[ignore = "takes minutes; a measurement"]
async fn every_answer_in_every_way() {
    let simulator = Simulator::with_persona();
    let answers = answers();
    for voice in [Voice::Flite, Voice::Espeak(140)] {
        for way in WAYS {
            let mut wrong = Vec::new();
            for answer in &answers {
                let heard = heard(&simulator, answer, voice, way).await;
                if heard != *answer {
                    wrong.push((answer, heard));
                }
            }
            let right = answers.len() - wrong.len();
            eprintln!("{voice:?} {way:?}: {right} of {} {wrong:?}", answers.len());
            assert!(voice != Voice::Flite || right * 100 >= answers.len() * 95, "{wrong:?}");
        }
    }
}

#[tokio::test]
async fn noise_silence_and_what_is_no_sound_are_told_apart() {
    let simulator = Simulator::with_persona();
    let mut state = 1_u32;
    let mut noise = |loudness: i32| -> Vec<i16> {
        let mut sample = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (((state >> 16).cast_signed() - 32_768) * loudness / 32_768) as i16
        };
        (0..32_000).map(|_| sample()).collect()
    };
    for samples in [vec![0; 16_000], vec![], noise(20), noise(2_000), noise(20_000)] {
        assert_eq!(simulator.hear(&samples, 16_000).await, "");
    }
    for (file, reason) in [
        (b"no sound".to_vec(), "no WAV"),
        (wav(&[0; 100], 96_000), "48,000 Hz"),
        (wav(&[0; 100], 16_000)[..100].to_vec(), "shorter"),
    ] {
        let answer = simulator.transcribe(file, "json").await;
        assert_eq!(answer.status(), 400);
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["error"]["param"], "file");
        assert!(error["error"]["message"].as_str().unwrap().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn the_answer_has_the_format_that_was_asked_for() {
    let simulator = Simulator::with_persona();
    let samples = say("we are forty two people", Voice::Flite, 24_000);
    let file = wav(&samples, 24_000);
    let text = simulator.transcribe(file.clone(), "text").await.text().await.unwrap();
    assert_eq!(text, "we are forty two people\n");
    let verbose: Value = simulator.transcribe(file.clone(), "verbose_json").await.json().await.unwrap();
    assert_eq!(verbose["text"], "we are forty two people");
    assert_eq!(verbose["duration"], samples.len() as f64 / 24_000.0);
    assert_eq!(simulator.transcribe(file, "srt").await.status(), 400);
}
