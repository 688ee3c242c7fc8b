//! One spoken call: what the caller said has to arrive as words, and what the agent said has to be understood.

use schemas::{Role, TranscriptEntry};
use serde_json::json;

use super::servers::Models;
use super::words::arrived;
use crate::conversation::sound::{Sound, Voice};
use crate::conversation::stage::{PERSONA, Stage};

/// What the caller says, and a part of what the agent says next.
const TURNS: [(&str, &str); 6] = [
    ("Hello.", "How many people on your team"),
    ("We are twelve people.", "How many documents do you send"),
    ("About forty documents a month.", "Where do you keep your customers and deals"),
    ("We use Salesforce.", "What kind of documents"),
    ("We want to send proposals.", "When would you like to be up and running"),
    ("We want to start this month.", "Goodbye"),
];
/// Seconds by which what is said is heard later.
const AROUND: f64 = 0.5;

#[test]
#[ignore = "needs what «make test-models» installs"]
fn a_call_is_understood_on_both_sides() {
    let models = Models::start();
    let environment = models.environment();
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut stage = Stage::with_speech_services(PERSONA, &environment);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (microphone, recording) = (folder.path().join("said.wav"), folder.path().join("heard.wav"));

    let (mut call, began) = stage.recorded_call("models");
    for (said, next) in TURNS {
        call.waits();
        Voice::Flite("slt").says(&[said], &[]).write(&microphone);
        call.utters(&microphone);
        call.hears(next);
    }
    call.is_gone();
    call.write_recording(&recording);
    let session = stage.exported("models");

    let signals = json!({
        "team_size": 12, "documents_per_month": 40, "crm": "salesforce", "use_case": "proposals",
        "timeline": "this_month", "qualification_tier": "hot",
    });
    assert_eq!(serde_json::Value::from(session.discovered_signals), signals);
    let transcript = session.transcript.expect("a transcript");
    let of = |role: Role| transcript.iter().filter(move |entry| entry.role == role);
    let heard: Vec<&str> = of(Role::User).map(|entry| entry.text.as_str()).collect();
    assert_eq!(heard.len(), TURNS.len(), "{heard:?}");
    let shares: Vec<f64> = TURNS.iter().zip(&heard).map(|((said, _), heard)| arrived(said, heard)).collect();
    assert!(mean(&shares) > 0.85, "of the caller: {shares:?} {heard:?}");

    let recording = Sound::read(&recording);
    let understood = |entry: &TranscriptEntry| {
        let second = |time: chrono::DateTime<chrono::Utc>| time.timestamp_millis() as f64 / 1_000.0 - began;
        let part = recording.part(second(entry.start_time) - AROUND, second(entry.end_time) + AROUND);
        let heard = models.transcribe(&part);
        (arrived(&entry.text, &heard), heard)
    };
    let replies: Vec<(f64, String)> = of(Role::Agent).map(understood).collect();
    assert!(replies.len() > TURNS.len(), "a greeting and replies: {replies:?}");
    let shares: Vec<f64> = replies.iter().map(|(share, _)| *share).collect();
    assert!(mean(&shares) > 0.85 && shares.iter().all(|share| *share > 0.5), "of the agent: {replies:?}");
}

fn mean(shares: &[f64]) -> f64 {
    shares.iter().sum::<f64>() / shares.len() as f64
}
