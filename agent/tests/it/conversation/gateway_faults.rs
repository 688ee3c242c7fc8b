//! The gateway refuses, forgets, expires and falls silent; a caller who is muted, and one who interrupts.

use std::thread::sleep;
use std::time::Duration;

use schemas::Role;
use serde_json::{Value, json};

use super::call::LONG;
use super::stage::{PERSONA, Stage};
use crate::providers::SpokenTo;
use crate::servers::{AGENT_NAME, wait_for};

const NEXT_QUESTION: &str = "How many documents do you send in a month?";

/// Nobody asks whether the caller is still there.
fn never_away() -> Stage {
    let persona = format!("{PERSONA}\n[turn_taking]\nuser_away_timeout = 300\n");
    Stage::speaking_as(SpokenTo::Gateway, &persona, &[])
}

#[test]
fn credits_that_are_used_up_are_apologised_for_and_named() {
    let mut stage = Stage::on_the_gateway(&[]);
    let simulator = stage.simulator();
    simulator.inject_one("stt", json!({"kind": "quota", "times": 2}));
    let mut call = stage.call("credits");
    call.waits();
    call.speaks("we are twelve people");
    call.hears_apology(1);
    simulator.has_struck("stt");
    call.waits();
    call.speaks("we are twelve people");
    call.hears(NEXT_QUESTION);
    assert_eq!(call.apologies(), 1);
    let session = stage.hang_up("credits");
    assert_eq!(session.discovered_signals["team_size"], 12);
    // When the call began, and when somebody spoke: neither was tried again.
    assert_eq!(session.metrics_summary.provider_errors, 2);
    let log = stage.agent.log();
    assert!(log.contains("credits at LiveKit Inference are used up; see its billing page"), "{log}");
    assert!(!log.contains("speech to text is connected again"), "{log}");
}

#[test]
fn too_many_at_a_time_is_tried_again() {
    let mut stage = Stage::on_the_gateway(&[("PROVIDER_TIME_LIMIT", "10s")]);
    let simulator = stage.simulator();
    let quota = json!({"kind": "quota", "text": "MaxConcurrentGatewaySTT", "times": 2});
    simulator.inject_one("stt", quota);
    let mut call = stage.call("busy");
    call.speaks("we are twelve people");
    call.hears(NEXT_QUESTION);
    simulator.has_struck("stt");
    assert_eq!(call.apologies(), 0);
    let session = stage.hang_up("busy");
    assert_eq!(session.discovered_signals["team_size"], 12);
    assert_eq!(session.metrics_summary.provider_errors, 0);
}

#[test]
fn an_error_that_stays_is_apologised_for_and_the_next_words_are_heard() {
    let mut stage = Stage::on_the_gateway(&[]);
    let simulator = stage.simulator();
    let mut call = stage.call("refused");
    call.waits();
    simulator.inject_one("stt", json!({"kind": "error", "status": 400, "utterance": true, "times": 100}));
    call.speaks("we are twelve people");
    call.hears_apology(1);
    simulator.inject(&json!([]));
    call.waits();
    call.speaks("we are twelve people");
    call.hears(NEXT_QUESTION);
    let session = stage.hang_up("refused");
    assert_eq!(session.discovered_signals["team_size"], 12);
    assert!(session.metrics_summary.provider_errors >= 1);
}

#[test]
fn tokens_that_expire_in_a_call_are_not_noticed() {
    let mut stage = never_away();
    let simulator = stage.simulator();
    simulator.set(&json!({"token_lifetime_ms": 12_000}));
    let mut call = stage.call("expiring");
    for (said, question) in [
        ("we are twelve people", NEXT_QUESTION),
        ("about forty documents a month", "Where do you keep"),
        ("we use hub spot", "What kind of documents"),
    ] {
        // Sockets of both kinds end before each turn.
        let closed = |kind: &str| simulator.sockets()[kind]["closed"].as_u64();
        for (kind, before) in ["stt", "tts"].map(|kind| (kind, closed(kind))) {
            wait_for(&format!("the end of a socket for {kind}"), || (closed(kind) > before).then_some(()));
        }
        call.waits();
        call.speaks(said);
        call.hears(question);
    }
    assert_eq!(call.apologies(), 0);
    let session = stage.hang_up("expiring");
    assert_eq!(session.metrics_summary.user_turns, 3);
    assert_eq!(session.metrics_summary.provider_errors, 0);
}

#[test]
fn a_caller_who_is_muted_for_half_a_minute_is_heard_afterwards_on_the_same_socket() {
    let mut stage = never_away();
    let simulator = stage.simulator();
    let mut call = stage.call("muted");
    call.waits();
    call.speaks("we are twelve people");
    call.hears(NEXT_QUESTION);
    call.waits();
    call.mutes(true);
    let before = simulator.sockets();
    sleep(Duration::from_secs(30));
    let after = simulator.sockets();
    assert_eq!(before["stt"]["opened"], after["stt"]["opened"]);
    // A service that hears nothing for long takes the call for dead.
    let sound = |sockets: &Value| sockets["stt"]["sound_ms"].as_f64().expect("a number");
    assert!(sound(&after) - sound(&before) > 15_000.0, "{before} {after}");
    call.mutes(false);
    call.speaks("about forty documents a month");
    call.hears("Where do you keep");
    assert_eq!(simulator.sockets()["stt"]["opened"], after["stt"]["opened"]);
    let session = stage.hang_up("muted");
    assert_eq!(session.discovered_signals["documents_per_month"], 40);
    assert_eq!(session.metrics_summary.user_turns, 2);
}

#[test]
fn a_caller_without_a_microphone_needs_no_socket_of_the_few() {
    let mut stage = Stage::on_the_gateway(&[]);
    let simulator = stage.simulator();
    simulator.forget();
    let mut call = stage.call_with("typing", json!({"agent": AGENT_NAME, "tracks": 0}));
    assert!(call.asks("we are twelve people").contains(NEXT_QUESTION));
    stage.hang_up("typing");
    assert_eq!(simulator.sockets()["stt"]["opened"], 0);
}

#[test]
fn a_voice_that_falls_silent_is_asked_again_and_then_apologised_for() {
    let mut stage = Stage::on_the_gateway(&[("PROVIDER_TIME_LIMIT", "5s")]);
    let simulator = stage.simulator();
    let mut call = stage.call("voiceless");
    let silent = |times| json!({"kind": "silent", "delay_ms": 10_000, "utterance": true, "times": times});
    call.waits();
    simulator.inject_one("tts", silent(1));
    assert!(call.asks("hello there").contains("How many people"));
    assert_eq!(call.apologies(), 0);
    simulator.has_struck("tts");
    call.waits();
    let texts = || simulator.sockets()["tts"]["taken"]["input_transcript"].as_u64().expect("a count");
    let before = texts();
    simulator.inject_one("tts", silent(100));
    call.is_not_understood("we are twelve people");
    // Nobody waits for a third try.
    assert!(texts() - before <= 2, "{}", texts() - before);
    simulator.inject(&json!([]));
    call.waits();
    assert!(call.asks("about forty documents a month").contains("Where do you keep"));
    let session = stage.hang_up("voiceless");
    assert_eq!(session.metrics_summary.provider_errors, 1);
}

#[test]
fn what_was_interrupted_is_never_heard_and_the_next_reply_has_a_socket_that_waits() {
    let mut stage = Stage::on_the_gateway(&[]);
    let simulator = stage.simulator();
    let mut call = stage.call("interrupted");
    call.waits();
    simulator.inject(&json!([
        {"endpoint": "chat", "kind": "say", "text": LONG},
        {"endpoint": "chat", "kind": "say", "text": "I am listening.", "times": 10},
        {"endpoint": "stt", "kind": "say", "text": "wait, stop"},
    ]));
    call.types("tell me about it");
    call.hears("PandaDoc has templates");
    let before = simulator.sockets();
    call.speaks("wait stop");
    wait_for("the end of the answer", || (!call.chat().is_empty()).then_some(()));
    call.hears("I am listening.");
    call.waits();
    // The socket of the old answer is closed, and one was made in its place, on which the new one was spoken.
    let after = simulator.sockets();
    let count = |sockets: &Value, name: &str| sockets["tts"][name].as_u64().expect("a count");
    let closed = count(&after, "closed") - count(&before, "closed");
    let opened = count(&after, "opened") - count(&before, "opened");
    assert!(closed >= 1 && opened <= closed, "{before} {after}");
    let heard = call.heard_seconds();
    let session = stage.hang_up("interrupted");
    let spoken: Vec<_> =
        session.transcript.iter().flatten().filter(|entry| entry.role == Role::Agent).collect();
    let [_, long, last] = spoken[..] else { panic!("{spoken:?}") };
    assert!(long.interrupted && !long.text.contains("a colleague"), "{long:?}");
    assert!(!last.interrupted && last.text == "I am listening.", "{last:?}");
    let published = session.metrics_summary.audio_published_seconds;
    // Where samples are late, some are made up.
    assert!(heard < published + 1.5, "{heard} s were heard of {published} s");
}
