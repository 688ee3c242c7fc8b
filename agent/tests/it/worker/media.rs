//! The sound of both sides.

use std::thread::sleep;
use std::time::Duration;

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
