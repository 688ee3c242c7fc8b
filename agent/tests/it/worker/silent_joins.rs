//! Who only joins holds no place.

use std::time::{Duration, Instant};

use schemas::EndReason;
use serde_json::json;

use crate::callers::Callers;
use crate::servers::{AGENT_NAME, Agent, start_livekit, wait_for};

#[test]
fn joins_without_media_give_their_places_back() {
    const PLACES: usize = 6;
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &["--agent-capacity", &PLACES.to_string()]);
    let mut callers = Callers::start(&livekit.url());
    for index in 0..PLACES + 2 {
        callers.run("knock", json!({"room": format!("silent-{index}"), "agent": AGENT_NAME}));
    }
    wait_for("all places held", || (agent.worker()["active_jobs"] == PLACES).then_some(()));
    let held = Instant::now();
    agent.wait_idle();
    println!("{PLACES} places back after {:.1} s", held.elapsed().as_secs_f64());
    assert!(held.elapsed() < Duration::from_secs(25), "{:?}", held.elapsed());
    callers.run("join", json!({"room": "visitor", "agent": AGENT_NAME}));
    callers.run("see_agent", json!({"room": "visitor"}));
    for session in agent.outbox() {
        assert_eq!(session.end_reason, Some(EndReason::ParticipantAbsent), "{}", session.session_id.as_str());
    }
}

#[test]
fn who_is_connected_and_silent_gives_way_when_places_are_scarce() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &["--agent-capacity", "3", "--agent-sign-wait", "4s"]);
    let mut callers = Callers::start(&livekit.url());
    let reader = |room: &str| json!({"room": room, "agent": AGENT_NAME, "tracks": 0});
    callers.run("join", reader("reads"));
    callers.run("see_agent", json!({"room": "reads"}));
    std::thread::sleep(Duration::from_secs(6));
    // Most places are free: whoever reads first may type later.
    assert_eq!(agent.worker()["active_jobs"], 1);
    callers.run("ask", json!({"room": "reads", "text": "hello"}));
    for room in ["silent-1", "silent-2"] {
        callers.run("join", reader(room));
        callers.run("see_agent", json!({"room": room}));
    }
    wait_for("places given back", || (agent.worker()["active_jobs"].as_u64() <= Some(2)).then_some(()));
    let ended = agent.outbox();
    assert!(ended.iter().all(|session| session.end_reason == Some(EndReason::ParticipantAbsent)));
    assert!(ended.iter().all(|session| session.session_id.as_str() != "reads"), "who typed stays");
}

#[test]
fn a_caller_who_is_gone_before_the_agent_came_leaves_the_address_and_holds_no_place() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &["--agent-participant-wait", "60s"]);
    let mut callers = Callers::start(&livekit.url());
    let metadata = r#"{"user_email":"test@company.com","session_start":"2025-10-29T12:00:00Z"}"#;
    // The agent is kept from answering until the caller has gone.
    agent.signal("STOP");
    let arguments = json!({"room": "gone", "agent": AGENT_NAME, "metadata": metadata});
    callers.run("knock", arguments);
    callers.run("go_away", json!({"room": "gone"}));
    agent.signal("CONT");
    let started = Instant::now();
    let session = agent.exported("gone");
    println!(
        "over after {:.1} s, a call of {:.1} s",
        started.elapsed().as_secs_f64(),
        session.duration_seconds
    );
    assert_eq!(session.user_email, "test@company.com");
    assert_eq!(session.user_metadata["session_start"], "2025-10-29T12:00:00Z");
    assert_eq!(session.end_reason, Some(EndReason::ParticipantLeft));
    assert_eq!(session.participant_identity, None);
    assert!(session.duration_seconds < 15.0, "{}", session.duration_seconds);
    agent.wait_idle();
    assert!(!agent.log().contains("test@company.com"));
}

#[test]
fn who_comes_back_just_before_the_look_has_time_to_connect() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &["--agent-sign-wait", "8s"]);
    let mut callers = Callers::start(&livekit.url());
    callers.run("join", json!({"room": "comes-back", "agent": AGENT_NAME, "tracks": 0}));
    callers.run("see_agent", json!({"room": "comes-back"}));
    let seen = Instant::now();
    callers.run("ask", json!({"room": "comes-back", "text": "hello"}));
    std::thread::sleep(Duration::from_secs(7).saturating_sub(seen.elapsed()));
    // The same token again, and media only a while later.
    callers.run("knock", json!({"room": "comes-back", "agent": null}));
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(agent.worker()["active_jobs"], 1, "{}", agent.log());
    assert!(agent.log().contains("the participant is back"));
    callers.run("join", json!({"room": "comes-back", "tracks": 0}));
    callers.run("ask", json!({"room": "comes-back", "text": "are you there"}));
    callers.run("leave", json!({"room": "comes-back"}));
    assert_eq!(agent.exported("comes-back").end_reason, Some(EndReason::ParticipantLeft));
}
