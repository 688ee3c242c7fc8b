//! When a call is over, and when it ended.

use std::thread::sleep;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use schemas::EndReason;
use serde_json::json;

use crate::callers::Callers;
use crate::servers::{AGENT_NAME, Agent, start_again, start_livekit, wait_for};

fn call(callers: &mut Callers, room: &str) {
    callers.run("join", json!({"room": room, "agent": AGENT_NAME}));
    callers.run("see_agent", json!({"room": room}));
}

/// Far less than the grace of a lost connection, and more than a busy machine takes.
const NO_GRACE: Duration = Duration::from_secs(5);

#[test]
fn hanging_up_is_exported_at_once() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    call(&mut callers, "short");
    let began_at = Utc::now();
    sleep(Duration::from_secs(3));
    let left = callers.begin("leave", json!({"room": "short"}));
    let session = agent.exported("short");
    let exported_at = Utc::now();
    let left = callers.finish(left).expect("leave")["at"].as_f64().expect("a time");
    let left_at = DateTime::UNIX_EPOCH + TimeDelta::microseconds((left * 1e6) as i64);
    let took = exported_at - left_at;
    assert!(took.to_std().is_ok_and(|took| took < NO_GRACE), "{took}");
    assert_eq!(session.end_reason, Some(EndReason::ParticipantLeft));
    assert!(
        (session.end_time - left_at).abs().to_std().unwrap() < NO_GRACE,
        "{} {left_at}",
        session.end_time
    );
    let difference = session.duration_seconds - (left_at - began_at).as_seconds_f64();
    assert!(difference.abs() < NO_GRACE.as_secs_f64(), "{difference}");
    println!("hang-up to outbox: {} ms", took.num_milliseconds());
}

#[test]
fn a_removed_participant_and_a_deleted_room_end_at_once() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    for (room, command, reason) in [
        ("removed", "remove", EndReason::ParticipantRemoved),
        ("deleted", "delete_room", EndReason::RoomClosed),
    ] {
        call(&mut callers, room);
        let started = Instant::now();
        callers.run(command, json!({"room": room}));
        assert_eq!(agent.exported(room).end_reason, Some(reason));
        assert!(started.elapsed() < NO_GRACE, "{:?}", started.elapsed());
    }
    agent.wait_idle();
}

#[test]
fn a_vanished_participant_has_the_grace_and_the_call_ends_at_the_loss() {
    const GRACE: Duration = Duration::from_secs(3);
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &["--agent-reconnect-grace", "3s"]);
    let mut callers = Callers::start(&livekit.url());
    call(&mut callers, "vanished");
    callers.kill();
    let lost = wait_for("the loss", || agent.log().contains("connection is lost").then(Instant::now));
    let lost_at = Utc::now();
    assert!(agent.outbox().is_empty());
    let session = agent.exported("vanished");
    assert!(lost.elapsed() + Duration::from_millis(200) > GRACE, "{:?}", lost.elapsed());
    assert_eq!(session.end_reason, Some(EndReason::ConnectionLost));
    assert!((session.end_time - lost_at).num_milliseconds().abs() < 2_000, "{} {lost_at}", session.end_time);
    agent.wait_idle();
}

#[test]
fn a_vanished_participant_that_comes_back_goes_on() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &["--agent-reconnect-grace", "60s"]);
    let mut callers = Callers::start(&livekit.url());
    call(&mut callers, "back");
    callers.kill();
    wait_for("the loss", || agent.log().contains("connection is lost").then_some(()));
    let mut callers = Callers::start(&livekit.url());
    callers.run("join", json!({"room": "back"}));
    wait_for("the return", || agent.log().contains("the participant is back").then_some(()));
    callers.run("leave", json!({"room": "back"}));
    assert_eq!(agent.exported("back").end_reason, Some(EndReason::ParticipantLeft));
    assert_eq!(agent.outbox().len(), 1);
}

#[test]
fn nobody_comes() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &["--agent-participant-wait", "1s"]);
    let mut callers = Callers::start(&livekit.url());
    callers.run("dispatch", json!({"room": "empty", "agent": AGENT_NAME}));
    let session = agent.exported("empty");
    assert_eq!(session.end_reason, Some(EndReason::ParticipantAbsent));
    assert!((1.0..3.0).contains(&session.duration_seconds), "{}", session.duration_seconds);
    agent.wait_idle();
}

#[test]
fn a_server_that_starts_again_gets_its_worker_back() {
    let mut livekit = start_livekit();
    let agent = Agent::start(&livekit, &["--agent-reconnect-grace", "2s"]);
    let mut callers = Callers::start(&livekit.url());
    call(&mut callers, "before");
    callers.kill();
    livekit.kill();
    wait_for("the loss of the server", || (agent.status("/readyz") == Some(503)).then_some(()));
    start_again(&mut livekit);
    agent.wait_connected();
    let mut callers = Callers::start(&livekit.url());
    call(&mut callers, "after");
    callers.run("leave", json!({"room": "after"}));
    assert_eq!(agent.exported("after").end_reason, Some(EndReason::ParticipantLeft));
    assert_eq!(agent.exported("before").end_reason, Some(EndReason::ConnectionLost));
    agent.wait_idle();
}

#[test]
fn a_call_goes_on_through_a_restart_of_the_server() {
    let mut livekit = start_livekit();
    let agent = Agent::start(&livekit, &["--agent-reconnect-grace", "30s"]);
    let mut callers = Callers::start(&livekit.url());
    call(&mut callers, "through");
    livekit.kill();
    start_again(&mut livekit);
    wait_for("the return", || agent.log().contains("the participant is back").then_some(()));
    // The room was made anew, and its dispatch with it; the session that serves it goes on alone.
    let mut agents = || callers.run("agents", json!({"room": "through"}))["agents"].as_array().map(Vec::len);
    wait_for("the agent", || (agents() == Some(1)).then_some(()));
    sleep(Duration::from_secs(1));
    assert_eq!((agents(), agent.worker()["active_jobs"].as_u64()), (Some(1), Some(1)));
    callers.run("leave", json!({"room": "through"}));
    assert_eq!(agent.exported("through").end_reason, Some(EndReason::ParticipantLeft));
    assert_eq!(agent.outbox().len(), 1);
}
