//! What is said with pauses is sent to be transcribed once.

use serde_json::Value;

use super::stage::Stage;
use crate::servers::wait_for;

const PARTS: [&str; 5] = [
    "we are twelve people",
    "about forty documents a month",
    "we use hub spot",
    "we are twelve people",
    "we use hub spot",
];
/// Long enough to be noticed, and too short to be the end of a turn.
const PAUSE_SECONDS: f64 = 0.42;

#[test]
fn a_turn_with_pauses_is_sent_once_and_counted() {
    let mut stage = Stage::new(&[]);
    let simulator = stage.simulator();
    let mut call = stage.call("pauses");
    call.waits();
    simulator.forget();
    let spoken = call.speaks_with_pauses(&PARTS, PAUSE_SECONDS);
    let voice = spoken - PAUSE_SECONDS * PARTS.len() as f64;
    let sent = || seconds(&simulator.requests()).iter().sum::<f64>();
    wait_for("all of it is sent", || (sent() > 0.8 * voice).then_some(()));
    let session = stage.hang_up("pauses");
    let (sent, counted) = (sent(), session.metrics_summary.stt_audio_duration);
    // Around each part a little silence is kept.
    let once = 1.3 * spoken + 1.0;
    assert!(sent < once, "{sent} s of {spoken} s");
    assert!(sent - 0.1 < counted && counted < once, "{counted} s of {sent} s");
}

/// Lengths of what was sent to be transcribed.
fn seconds(requests: &Value) -> Vec<f64> {
    let last = requests["last"].as_array().expect("requests").iter();
    let transcriptions = last.filter(|kept| kept["endpoint"] == "transcriptions");
    transcriptions.map(|kept| kept["request"]["seconds"].as_f64().expect("seconds")).collect()
}
