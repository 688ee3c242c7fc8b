//! What a call may use has an end, and the caller is told.

use std::time::Duration;

use schemas::{EndReason, Role};
use serde_json::json;

use crate::callers::Callers;
use crate::servers::{AGENT_NAME, Agent, start_livekit};

const TIME_IS_UP: &str = "our time is up";

fn last_words(session: &schemas::SessionEnded) -> &str {
    let said = session.transcript.as_ref().and_then(|entries| entries.last()).expect("something was said");
    assert_eq!(said.role, Role::Agent);
    &said.text
}

#[test]
fn a_call_ends_with_its_time() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &["--agent-max-call", "5s"]);
    let mut callers = Callers::start(&livekit.url());
    callers.run("join", json!({"room": "long", "agent": AGENT_NAME, "tone": false}));
    let gone = callers.run("gone", json!({"room": "long"}));
    assert_eq!((&gone["reason"], &gone["end_reason"]), (&json!("ROOM_DELETED"), &json!("time_limit")));
    let session = agent.exported("long");
    assert_eq!(session.end_reason, Some(EndReason::TimeLimit));
    assert!(session.duration_seconds > 5.0, "{}", session.duration_seconds);
    assert!(last_words(&session).contains(TIME_IS_UP), "{}", last_words(&session));
}

#[test]
fn each_budget_that_is_used_up_ends_its_call_with_a_sentence() {
    let livekit = start_livekit();
    let mut callers = Callers::start(&livekit.url());
    for (setting, value, budget) in [
        ("--agent-max-turns", "2", "turns"),
        ("--agent-max-llm-requests", "2", "llm_requests"),
        ("--agent-max-prompt-bytes", "12000", "prompt_bytes"),
        ("--agent-max-speech-characters", "250", "speech_characters"),
    ] {
        let agent = Agent::start(&livekit, &[setting, value]);
        callers.run("join", json!({"room": budget, "agent": AGENT_NAME, "tone": false}));
        callers.run("see_agent", json!({"room": budget}));
        // The caller never stops.
        for _ in 0..30 {
            if callers.attempt("say", json!({"room": budget, "text": "and what else?"})).is_err() {
                break;
            }
            if !agent.outbox().is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1_100));
        }
        let session = agent.exported(budget);
        assert_eq!(session.end_reason, Some(EndReason::BudgetSpent), "{budget}");
        assert!(last_words(&session).contains(TIME_IS_UP), "{budget}: {}", last_words(&session));
        assert_eq!(agent.metric(&format!("budget_spent_total{{budget=\"{budget}\"}}")), 1.0);
        assert!(agent.metric(&format!("budget_used_total{{budget=\"{budget}\"}}")) > 0.0);
        agent.wait_idle();
    }
}

#[test]
fn a_callers_words_fill_no_payload() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &["--agent-max-transcript-bytes", "8000"]);
    let mut callers = Callers::start(&livekit.url());
    callers.run("join", json!({"room": "wordy", "agent": AGENT_NAME, "tone": false}));
    callers.run("see_agent", json!({"room": "wordy"}));
    for _ in 0..6 {
        callers.run("ask", json!({"room": "wordy", "text": "word ".repeat(3_000)}));
        std::thread::sleep(Duration::from_millis(1_100));
    }
    callers.run("leave", json!({"room": "wordy"}));
    let session = agent.exported("wordy");
    assert_eq!(session.truncated, ["transcript"]);
    let transcript = session.transcript.expect("a transcript");
    assert!(transcript.iter().all(|entry| entry.text.len() <= 2_000));
    assert!(serde_json::to_vec(&transcript).expect("JSON").len() <= 8_200);
    assert_eq!(session.metrics_summary.user_turns, 6);
    assert!(agent.metric("cut_total{what=\"transcript\"}") >= 3.0);
}
