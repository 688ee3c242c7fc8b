//! Dispatching: who gets an agent, and how many.

use schemas::EndReason;
use serde_json::json;

use crate::callers::Callers;
use crate::servers::{AGENT_NAME, Agent, start_livekit, wait_for};

#[test]
fn a_call_by_agent_name_gets_its_agent_and_is_exported() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    let metadata = r#"{"user_email":"test@company.com","session_start":"2025-10-29T12:00:00Z"}"#;
    callers.run("join", json!({"room": "trial", "agent": AGENT_NAME, "metadata": metadata}));
    let seen = callers.run("see_agent", json!({"room": "trial"}));
    assert_eq!(seen["agents"][0]["attributes"]["lk.agent_name"], AGENT_NAME);
    assert_eq!(seen["agents"][0]["attributes"]["lk.agent.name"], AGENT_NAME);
    wait_for("the agent's track", || {
        let agents = callers.run("agents", json!({"room": "trial"}));
        (agents["agents"][0]["tracks"] == 1).then_some(())
    });
    assert_eq!(agent.worker()["active_jobs"], 1);
    assert_eq!(agent.status("/readyz"), Some(200));

    callers.run("leave", json!({"room": "trial"}));
    let session = agent.exported("trial");
    assert_eq!(session.user_email, "test@company.com");
    assert_eq!(session.user_metadata["session_start"], "2025-10-29T12:00:00Z");
    assert_eq!(session.end_reason, Some(EndReason::ParticipantLeft));
    assert_eq!(session.participant_identity.as_deref(), Some("ann"));
    assert_eq!(session.agent_name.as_deref(), Some(AGENT_NAME));
    assert!(session.room_sid.is_some_and(|sid| sid.starts_with("RM_")));
    agent.wait_idle();

    let log = agent.log();
    assert!(log.contains(
        "Participant metadata: {'user_email': 't***@company.com', 'session_start': '2025-10-29T12:00:00.000Z'}"
    ));
    assert!(log.contains("Session started for email: t***@company.com"));
    assert!(log.contains("Session data ready for export: trial"));
    assert!(log.contains("  - User email: t***@company.com"));
    assert!(log.contains(&format!("  - Duration: {:.1}s", session.duration_seconds)));
    assert!(!log.contains("test@company.com"));
    let metrics = agent.metrics();
    assert!(
        metrics.contains("postcall_agent_sessions_total{end_reason=\"participant_left\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("postcall_agent_sessions_active 0"));
    assert!(metrics.contains("postcall_agent_outbox_waiting 1"));
    assert!(metrics.contains("postcall_agent_join_seconds_count 1"));
}

#[test]
fn a_room_gets_one_agent_however_often_it_is_dispatched() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    callers.run("join", json!({"room": "once", "agent": AGENT_NAME}));
    callers.run("see_agent", json!({"room": "once"}));
    callers.run("dispatch", json!({"room": "once", "agent": AGENT_NAME}));
    wait_for("the refusal", || agent.log().contains("RefuseForGood").then_some(()));
    assert_eq!(agent.worker()["active_jobs"], 1);
    assert_eq!(callers.run("agents", json!({"room": "once"}))["agents"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_full_worker_refuses_and_takes_calls_again_when_a_place_is_free() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &["--agent-capacity", "1", "--agent-redispatch-after", "0s"]);
    let mut callers = Callers::start(&livekit.url());
    callers.run("join", json!({"room": "first", "agent": AGENT_NAME}));
    callers.run("see_agent", json!({"room": "first"}));
    callers.run("join", json!({"room": "second", "agent": AGENT_NAME}));
    assert!(callers.attempt("see_agent", json!({"room": "second", "limit": 2})).is_err());
    assert_eq!(agent.worker()["worker_load"], 1.0);
    callers.run("leave", json!({"room": "first"}));
    agent.wait_idle();
    callers.run("join", json!({"room": "third", "agent": AGENT_NAME}));
    callers.run("see_agent", json!({"room": "third"}));
}

#[test]
fn a_worker_is_offered_calls_up_to_its_last_place() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &["--agent-capacity", "4"]);
    let mut callers = Callers::start(&livekit.url());
    for room in ["one", "two", "three", "four"] {
        callers.run("join", json!({"room": room, "agent": AGENT_NAME}));
        callers.run("see_agent", json!({"room": room}));
    }
    assert_eq!(agent.worker()["active_jobs"], 4);
    assert_eq!(agent.worker()["worker_load"], 1.0);
}

#[test]
fn metadata_that_cannot_be_used_costs_only_itself() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    let long = format!(r#"{{"user_email":"a@b.org","note":"{}"}}"#, "x".repeat(60_000));
    let cases = [
        ("missing", None, "", Some("No participant metadata available")),
        ("null", Some("null"), "", Some("it is not a JSON object")),
        ("list", Some("[]"), "", Some("it is not a JSON object")),
        ("text", Some("test@company.com"), "", Some("it is not JSON")),
        ("number", Some(r#"{"user_email":7}"#), "", Some("it is not a text")),
        ("long", Some(long.as_str()), "a@b.org", None),
    ];
    for (room, metadata, email, warning) in cases {
        callers.run("join", json!({"room": room, "agent": AGENT_NAME, "metadata": metadata}));
        callers.run("see_agent", json!({"room": room}));
        let session_log = || -> String {
            let of_session = format!("session.id={room}");
            agent
                .log()
                .lines()
                .filter(|line| line.contains(&of_session))
                .map(|line| format!("{line}\n"))
                .collect()
        };
        wait_for("the metadata was read", || session_log().contains("metadata").then_some(()));
        callers.run("leave", json!({"room": room}));
        let session = agent.exported(room);
        assert_eq!(session.user_email, email, "{room}");
        assert_eq!(session.end_reason, Some(EndReason::ParticipantLeft), "{room}");
        let log = session_log();
        let warnings: Vec<_> =
            log.lines().filter(|line| line.contains("WARN") && line.contains(" agent::")).collect();
        assert_eq!(warnings.len(), usize::from(warning.is_some()), "{room}: {warnings:?}");
        assert!(warning.is_none_or(|warning| warnings[0].contains(warning)), "{room}: {warnings:?}");
    }
}

#[test]
fn a_call_that_ended_is_a_success_for_the_server() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    callers.run("join", json!({"room": "done", "agent": AGENT_NAME}));
    callers.run("see_agent", json!({"room": "done"}));
    callers.run("leave", json!({"room": "done"}));
    let job_id = agent.exported("done").job_id.expect("a job id");
    agent.wait_idle();
    let ended = wait_for("the job's end", || {
        let log = livekit.log();
        log.lines().find(|line| line.contains("job ended") && line.contains(&job_id)).map(str::to_owned)
    });
    assert!(ended.contains("JS_SUCCESS"), "{ended}");
}

#[test]
fn a_deleted_dispatch_ends_the_session() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    callers.run("join", json!({"room": "ended"}));
    callers.run("dispatch", json!({"room": "ended", "agent": AGENT_NAME}));
    callers.run("see_agent", json!({"room": "ended"}));
    callers.run("delete_dispatches", json!({"room": "ended"}));
    assert_eq!(agent.exported("ended").end_reason, Some(EndReason::JobTerminated));
    agent.wait_idle();
}
