//! A language model that fails.

use schemas::EndReason;
use serde_json::json;

use super::stage::Stage;
use crate::servers::wait_for;

const ONE_MOMENT: &str = "One moment, please.";
const QUESTION: &str = "How many people on your team send documents?";

#[test]
fn what_passes_is_not_noticed() {
    let mut stage = Stage::new(&[]);
    let simulator = stage.simulator();
    for (room, fault) in [
        ("slow", json!({"kind": "slow", "delay_ms": 1000})),
        ("too-slow", json!({"kind": "slow", "delay_ms": 3000})),
        ("slow-stream", json!({"kind": "slow_stream", "delay_ms": 50})),
        ("busy", json!({"kind": "status", "status": 429, "retry_after": 1, "times": 2})),
        ("failed", json!({"kind": "status", "status": 500, "times": 2})),
        ("cut", json!({"kind": "cut"})),
    ] {
        simulator.inject_one("chat", fault);
        let mut call = stage.call(room);
        let answer = call.asks("hello there");
        assert!(answer.contains(QUESTION), "{room}: {answer}");
        assert_eq!(call.apologies(), 0, "{room}");
        assert_eq!(simulator.faults_left(), json!([]), "{room}");
        let session = stage.hang_up(room);
        assert_eq!(session.metrics_summary.provider_errors, 0, "{room}");
    }
}

#[test]
fn a_reply_that_takes_long_is_announced() {
    let mut stage = Stage::new(&[("PROVIDER_TIME_LIMIT", "30s")]);
    stage.simulator().inject_one("chat", json!({"kind": "slow", "delay_ms": 7_000}));
    let mut call = stage.call("long");
    call.waits();
    call.types("hello there");
    call.hears(ONE_MOMENT);
    call.hears(QUESTION);
    call.waits();
    assert_eq!(call.apologies(), 0);
    let session = stage.hang_up("long");
    let said = session.transcript.expect("a transcript").pop().expect("the answer").text;
    assert!(said.starts_with(ONE_MOMENT) && said.ends_with(QUESTION), "{said}");
}

#[test]
fn a_model_that_does_not_end_is_ended() {
    let mut stage = Stage::new(&[]);
    let sentence = "A colleague of ours can show you that. ";
    stage.simulator().inject_one("chat", json!({"kind": "say", "text": sentence.repeat(100)}));
    let mut call = stage.call("endless");
    call.waits();
    call.types("hello there");
    // It may say two minutes of speech, of which nobody waits for the end.
    wait_for("what it writes is cut", || (stage.metric("cut_total{what=\"replies\"}") == 1.0).then_some(()));
    let session = stage.hang_up("endless");
    let said = session.transcript.expect("a transcript").pop().expect("an answer");
    assert!(said.interrupted && said.text.starts_with(sentence.trim()), "{}", said.text);
}

#[test]
fn what_fails_for_good_is_apologised_for_and_the_next_turn_works() {
    let mut stage = Stage::new(&[]);
    let simulator = stage.simulator();
    for (room, fault) in [
        ("silent", json!({"kind": "slow", "delay_ms": 60_000, "times": 2})),
        ("busy", json!({"kind": "status", "status": 429, "times": 4})),
        ("too-busy", json!({"kind": "status", "status": 429, "retry_after": 60})),
        ("failed", json!({"kind": "status", "status": 500, "times": 4})),
        ("refused", json!({"kind": "status", "status": 400})),
        ("cut", json!({"kind": "cut", "after": 2})),
        ("malformed", json!({"kind": "malformed_json"})),
    ] {
        simulator.inject_one("chat", fault);
        let mut call = stage.call(room);
        call.is_not_understood("hello there");
        call.waits();
        let answer = call.asks("hello again");
        assert!(answer.contains(QUESTION), "{room}: {answer}");
        assert_eq!(call.apologies(), 1, "{room}");
        assert_eq!(simulator.faults_left(), json!([]), "{room}");
        let session = stage.hang_up(room);
        assert_eq!(session.metrics_summary.provider_errors, 1, "{room}");
        assert_eq!(session.end_reason, Some(EndReason::ParticipantLeft), "{room}");
    }
}

#[test]
fn three_failures_in_a_row_end_the_call() {
    let mut stage = Stage::new(&[]);
    let simulator = stage.simulator();
    simulator.inject_one("chat", json!({"kind": "malformed_json", "times": 2}));
    let mut call = stage.call("third");
    call.is_not_understood("hello there");
    call.is_not_understood("hello there");
    // An answer between them starts the count anew.
    assert!(call.asks("hello there").contains(QUESTION));
    simulator.inject_one("chat", json!({"kind": "malformed_json", "times": 3}));
    for _ in 0..3 {
        call.is_not_understood("we are twelve people");
    }
    assert_eq!(call.is_gone(), "ROOM_DELETED");
    let session = stage.exported("third");
    assert_eq!(session.end_reason, Some(EndReason::ProviderFailed));
    assert_eq!(session.metrics_summary.provider_errors, 5);
    assert_eq!(session.metrics_summary.user_turns, 6);
    assert!(session.discovered_signals.is_empty(), "{:?}", session.discovered_signals);
}
