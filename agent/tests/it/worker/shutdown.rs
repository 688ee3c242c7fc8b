//! Stopping: calls end, and nothing is lost.

use std::io::Write as _;
use std::time::{Duration, Instant};

use schemas::EndReason;
use serde_json::json;

use crate::callers::Callers;
use crate::servers::{AGENT_NAME, Agent, start_livekit, wait_for};

#[test]
fn a_drained_worker_takes_no_call_lets_its_call_end_and_exits() {
    let livekit = start_livekit();
    let mut agent = Agent::start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    callers.run("join", json!({"room": "last", "agent": AGENT_NAME}));
    callers.run("see_agent", json!({"room": "last"}));
    agent.signal("TERM");
    wait_for("not ready", || (agent.status("/readyz") == Some(503)).then_some(()));
    assert_eq!(agent.status("/healthz"), Some(200));
    assert_eq!(agent.worker()["draining"], true);
    callers.run("join", json!({"room": "too-late", "agent": AGENT_NAME}));
    assert!(callers.attempt("see_agent", json!({"room": "too-late", "limit": 2})).is_err());
    callers.run("leave", json!({"room": "last"}));
    assert!(agent.wait_exit().success());
    assert_eq!(agent.exported("last").end_reason, Some(EndReason::ParticipantLeft));
    assert_eq!(agent.outbox().len(), 1);
}

#[test]
fn a_half_request_does_not_hold_up_the_end() {
    let livekit = start_livekit();
    let mut agent = Agent::start(&livekit, &[]);
    let mut half = agent.connect();
    half.write_all(b"GET /readyz HTTP/1.1\r\nHos").expect("send half a request");
    // Time for the agent to begin with it.
    std::thread::sleep(Duration::from_millis(200));
    agent.signal("TERM");
    assert!(agent.wait_exit().success());
}

#[test]
fn the_drain_limit_ends_calls_with_a_reason() {
    let livekit = start_livekit();
    let mut agent = Agent::start(&livekit, &["--agent-drain-limit", "1s"]);
    let mut callers = Callers::start(&livekit.url());
    callers.run("join", json!({"room": "cut", "agent": AGENT_NAME}));
    callers.run("see_agent", json!({"room": "cut"}));
    let started = Instant::now();
    agent.signal("INT");
    assert!(agent.wait_exit().success());
    assert!((1..10).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    assert_eq!(agent.exported("cut").end_reason, Some(EndReason::AgentShutdown));
}

#[test]
fn an_idle_worker_stops_at_once_and_a_second_signal_does_not_wait() {
    let livekit = start_livekit();
    let mut idle = Agent::start(&livekit, &[]);
    let mut busy = Agent::start(&livekit, &["--agent-name", "busy"]);
    let mut callers = Callers::start(&livekit.url());
    let started = Instant::now();
    idle.signal("TERM");
    assert!(idle.wait_exit().success());
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());

    callers.run("join", json!({"room": "open", "agent": "busy"}));
    callers.run("see_agent", json!({"room": "open"}));
    busy.signal("TERM");
    wait_for("draining", || (busy.status("/readyz") == Some(503)).then_some(()));
    busy.signal("TERM");
    assert_eq!(busy.wait_exit().code(), Some(1));
    assert!(busy.outbox().is_empty());
}

#[test]
fn a_half_request_does_not_keep_it_from_ending() {
    let livekit = start_livekit();
    let mut agent = Agent::start(&livekit, &[]);
    let mut half = agent.connect();
    half.write_all(b"GET /readyz HTTP/1.1\r\nHos").expect("write half a request");
    agent.signal("TERM");
    assert!(agent.wait_exit().success());
    drop(half);
}
