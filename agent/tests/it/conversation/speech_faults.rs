//! Services of speech that fail: those that speak, and those that hear.

use schemas::EndReason;
use serde_json::json;

use super::stage::Stage;

const QUESTION: &str = "How many people on your team send documents?";
const NEXT_QUESTION: &str = "How many documents do you send in a month?";

#[test]
fn a_voice_that_comes_back_is_not_missed() {
    let mut stage = Stage::new(&[]);
    let simulator = stage.simulator();
    for (room, fault) in [
        ("slow", json!({"kind": "slow", "delay_ms": 1000})),
        ("too-slow", json!({"kind": "slow", "delay_ms": 3000})),
        ("busy", json!({"kind": "status", "status": 429, "retry_after": 1, "times": 2})),
        ("failed", json!({"kind": "status", "status": 500, "times": 2})),
        // Half a second is hardly heard, and said again.
        ("cut", json!({"kind": "cut", "after": 3})),
    ] {
        let mut call = stage.call(room);
        call.waits();
        simulator.inject_one("speech", fault);
        let answer = call.asks("hello there");
        assert!(answer.contains(QUESTION), "{room}: {answer}");
        assert_eq!(call.apologies(), 0, "{room}");
        assert_eq!(simulator.faults_left(), json!([]), "{room}");
        assert_eq!(stage.hang_up(room).metrics_summary.provider_errors, 0, "{room}");
    }
}

#[test]
fn a_voice_that_fails_is_apologised_for_and_the_next_turn_works() {
    let mut stage = Stage::new(&[]);
    let simulator = stage.simulator();
    for (room, fault) in [
        ("failed", json!({"kind": "status", "status": 500, "times": 4})),
        ("refused", json!({"kind": "status", "status": 400})),
        ("cut", json!({"kind": "cut", "after": 2, "times": 2})),
        ("malformed", json!({"kind": "malformed_json"})),
    ] {
        let mut call = stage.call(room);
        call.waits();
        simulator.inject_one("speech", fault);
        call.is_not_understood("hello there");
        assert_eq!(simulator.faults_left(), json!([]), "{room}");
        call.waits();
        assert!(call.asks("we are twelve people").contains(NEXT_QUESTION), "{room}");
        assert_eq!(call.apologies(), 1, "{room}");
        let session = stage.hang_up(room);
        assert_eq!(session.metrics_summary.provider_errors, 1, "{room}");
        assert_eq!(session.discovered_signals["team_size"], 12, "{room}");
    }
}

#[test]
fn an_agent_without_a_voice_apologises_and_ends_the_call_at_the_third_time() {
    let mut stage = Stage::new(&[]);
    let simulator = stage.simulator();
    let mut call = stage.call("mute");
    call.waits();
    simulator.inject_one("speech", json!({"kind": "status", "status": 400, "times": 100}));
    // The apology is known from before, or recorded: it needs no service.
    call.is_not_understood("hello there");
    call.is_not_understood("hello there");
    call.types("hello there");
    assert_eq!(call.is_gone(), "ROOM_DELETED");
    let session = stage.exported("mute");
    assert_eq!(session.end_reason, Some(EndReason::ProviderFailed));
    assert_eq!(session.metrics_summary.provider_errors, 3);
}

#[test]
fn hearing_that_fails_is_asked_again_or_apologised_for() {
    let mut stage = Stage::new(&[]);
    let simulator = stage.simulator();
    for (room, fault, fails) in [
        ("slow", json!({"kind": "slow", "delay_ms": 1000}), false),
        ("busy", json!({"kind": "status", "status": 429, "retry_after": 1}), false),
        ("failed-once", json!({"kind": "status", "status": 500}), false),
        ("cut", json!({"kind": "cut"}), false),
        ("failed", json!({"kind": "status", "status": 500, "times": 4}), true),
        ("malformed", json!({"kind": "malformed_json"}), true),
    ] {
        let mut call = stage.call(room);
        call.waits();
        simulator.inject_one("transcriptions", fault);
        call.speaks("we are twelve people");
        if fails {
            call.hears_apology(1);
            assert_eq!(simulator.faults_left(), json!([]), "{room}");
            call.waits();
            call.speaks("we are twelve people");
        }
        // Nothing was asked yet, but who tells something besides is understood.
        call.hears(NEXT_QUESTION);
        assert_eq!(simulator.faults_left(), json!([]), "{room}");
        assert_eq!(call.apologies(), usize::from(fails), "{room}");
        let session = stage.hang_up(room);
        assert_eq!(session.metrics_summary.provider_errors, u64::from(fails), "{room}");
        assert_eq!(session.discovered_signals["team_size"], 12, "{room}");
    }
}
