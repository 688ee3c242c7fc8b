//! A typed conversation to its end.

use schemas::{EndReason, Role, ToolCallOutcome};

use super::call::GREETING;
use super::stage::Stage;

const TURNS: [(&str, &str); 6] = [
    ("hello there", "How many people on your team send documents?"),
    ("we are twelve people", "How many documents do you send in a month?"),
    ("about forty documents a month", "Where do you keep your customers and deals"),
    ("we use HubSpot", "What kind of documents would you like to send"),
    ("we want to send proposals", "When would you like to be up and running?"),
    ("we want to start this month", "That is all I wanted to know. Goodbye!"),
];

#[test]
fn every_answer_is_recorded_and_nothing_of_it_is_logged() {
    let mut stage = Stage::new(&[("RUST_LOG", "debug")]);
    let mut call = stage.call("typed");
    call.waits();
    for (said, question) in TURNS {
        let answer = call.asks(said);
        assert!(answer.contains(question), "«{said}»: {answer}");
    }
    assert_eq!(call.is_gone(), "ROOM_DELETED");
    let packets = call.captions().packets;
    let last = packets.iter().rfind(|packet| packet.of.starts_with("agent-")).expect("a packet");
    assert!(last.is_final && last.text.ends_with("Goodbye!"), "{last:?}");

    let session = stage.exported("typed");
    assert_eq!(session.end_reason, Some(EndReason::AgentEnded));
    let signals = &session.discovered_signals;
    let expected = serde_json::json!({
        "team_size": 12, "documents_per_month": 40, "crm": "hubspot", "use_case": "proposals",
        "timeline": "this_month", "qualification_tier": "hot",
    });
    assert_eq!(serde_json::Value::from(signals.clone()), expected);
    let turns = ["team_size", "documents_per_month", "crm", "use_case", "timeline"]
        .map(|signal| session.signal_sources[signal].turn);
    assert_eq!(turns, [2, 3, 4, 5, 6]);
    let calls: Vec<_> = session.tool_calls.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(calls, [&["record_signals"; 5][..], &["end_call"]].concat());
    assert!(session.tool_calls.iter().all(|call| call.outcome == ToolCallOutcome::Success));

    let usage = &session.metrics_summary;
    assert_eq!(usage.user_turns, 6);
    assert_eq!(usage.provider_errors, 0);
    assert!(usage.llm_prompt_tokens > 0 && usage.llm_completion_tokens > 0, "{usage:?}");
    assert!(usage.tts_characters_count > 0 && usage.tts_audio_duration > 0.0, "{usage:?}");
    assert!(usage.audio_published_seconds > 0.0, "{usage:?}");
    assert_eq!(usage.latencies.llm_ttft.count, 6);

    let transcript = session.transcript.expect("a transcript");
    let by =
        |role| transcript.iter().filter(move |entry| entry.role == role).map(|entry| entry.text.as_str());
    let said: Vec<_> = TURNS.iter().map(|(said, _)| *said).collect();
    assert_eq!(by(Role::User).collect::<Vec<_>>(), said);
    assert_eq!(by(Role::Agent).next(), Some(GREETING));
    for (_, question) in TURNS {
        assert!(by(Role::Agent).any(|text| text.contains(question)), "{question}");
    }

    let log = stage.agent.log();
    assert!(log.contains("DEBUG"));
    let spoken = transcript.iter().map(|entry| entry.text.as_str());
    for text in spoken.chain(TURNS.map(|(_, question)| question)) {
        assert!(!log.contains(text), "«{text}» is in the log");
    }
    for value in ["hubspot", "proposals", "this_month"] {
        assert!(!log.contains(value), "«{value}» is in the log");
    }
}
