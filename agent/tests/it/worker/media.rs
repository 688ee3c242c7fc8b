//! The sound of both sides.

use std::thread::sleep;
use std::time::{Duration, Instant};

use schemas::Role;
use serde_json::json;

use crate::callers::Callers;
use crate::servers::{AGENT_NAME, Agent, start_livekit, wait_for};

#[test]
fn the_greeting_is_heard_and_the_caller_is() {
    const TALK: f64 = 7.0;
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    // The canned answers hear words in any sound.
    callers.run("join", json!({"room": "talk", "agent": AGENT_NAME, "tone": false}));
    callers.run("see_agent", json!({"room": "talk"}));
    callers.run("hear", json!({"room": "talk"}));
    let state = |callers: &mut Callers| {
        callers.run("agents", json!({"room": "talk"}))["agents"][0]["attributes"]["lk.agent.state"].clone()
    };
    wait_for("speaking", || (state(&mut callers) == "speaking").then_some(()));
    sleep(Duration::from_secs_f64(TALK));
    assert_eq!(state(&mut callers), "listening");
    callers.run("leave", json!({"room": "talk"}));

    let session = agent.exported("talk");
    let usage = &session.metrics_summary;
    let (received, duration) = (usage.audio_received_seconds, session.duration_seconds);
    assert!((duration - received).abs() < 1.5, "received {received} s of {duration} s");
    assert!((2.0..8.0).contains(&usage.audio_published_seconds), "{}", usage.audio_published_seconds);
    assert!((usage.tts_audio_duration - usage.audio_published_seconds).abs() < f64::EPSILON);
    let transcript = session.transcript.expect("a transcript");
    assert_eq!(transcript.len(), 1);
    assert_eq!((transcript[0].role, transcript[0].interrupted), (Role::Agent, false));
    assert_eq!(usage.tts_characters_count, transcript[0].text.chars().count() as u64);
}

/// Received of a call that stays for a while; nothing of one whose microphone the agent is not subscribed to.
const HEARD_SECONDS: f64 = 1.0;
/// How long it stays.
const STAY: Duration = Duration::from_secs(5);
/// More would be a test of load.
const AT_ONCE: usize = 5;

/// The agent takes its time to publish its own track: a microphone that comes meanwhile is seen both as one that is there and
/// as one that is published.
#[test]
fn a_microphone_is_heard_whenever_it_comes() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    let rooms: Vec<_> = (0..20).map(|step| (format!("step-{step}"), f64::from(step) * 0.025)).collect();
    for at_once in rooms.chunks(AT_ONCE) {
        for (room, after) in at_once {
            callers.run("join", json!({"room": room, "agent": AGENT_NAME, "tracks": 0}));
            callers.run("publish", json!({"room": room, "after": after}));
        }
        sleep(STAY);
        let leaving: Vec<_> =
            at_once.iter().map(|(room, _)| callers.begin("leave", json!({"room": room}))).collect();
        for leave in leaving {
            callers.finish(leave).expect("it left");
        }
    }
    let received = |room: &str| agent.exported(room).metrics_summary.audio_received_seconds;
    let deaf: Vec<_> = rooms.iter().filter(|(room, _)| received(room) < HEARD_SECONDS).collect();
    assert!(deaf.is_empty(), "not heard: {deaf:?}");
}

/// What a busy agent sees at once is what was meant one after the other.
#[test]
fn a_busy_agent_hears_who_comes_back_and_who_takes_a_microphone_back() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    let started = Instant::now();
    for room in ["back", "first"] {
        callers.run("join", json!({"room": room, "agent": AGENT_NAME}));
        callers.run("hear", json!({"room": room}));
    }
    let before = started.elapsed().as_secs_f64();
    agent.signal("STOP");
    // The server lets an identity in once: the earlier one is gone, without a good-bye.
    callers.run("join", json!({"room": "back"}));
    callers.run("publish", json!({"room": "first"}));
    callers.run("unpublish", json!({"room": "first"}));
    agent.signal("CONT");
    sleep(STAY);
    for room in ["back", "first"] {
        callers.run("leave", json!({"room": room}));
        let received = agent.exported(room).metrics_summary.audio_received_seconds;
        assert!(received > before + HEARD_SECONDS, "{room}: {received} s of sound, {before} s of it before");
    }
}
