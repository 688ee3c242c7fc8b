//! A language model that does what it should not.

use schemas::{SessionEnded, ToolCallOutcome};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::servers::wait_for;

const QUESTION: &str = "How many people on your team send documents?";

#[test]
fn arguments_that_do_not_fit_are_not_recorded() {
    let (session, told) = misled("bad_arguments");
    assert_eq!(Value::from(session.discovered_signals), json!({}));
    let error = error_of(&session.tool_calls[0]);
    for signal in ["team_size", "documents_per_month", "crm", "use_case", "timeline"] {
        assert!(error.contains(signal), "{error}");
    }
    assert_eq!(told, [json!({ "error": error }).to_string()]);
}

#[test]
fn a_tool_that_nobody_listed_is_not_called() {
    let (session, told) = misled("unknown_tool");
    assert_eq!(session.tool_calls[0].name, "transfer_money");
    assert_eq!(Value::from(session.discovered_signals), json!({}));
    let error = error_of(&session.tool_calls[0]);
    assert!(error.contains("no such tool"), "{error}");
    assert_eq!(told, [json!({ "error": error }).to_string()]);
}

#[test]
fn a_model_does_not_set_the_tier() {
    let (session, told) = misled("set_tier");
    // A team of one is cold, whatever the model wants.
    assert_eq!(
        Value::from(session.discovered_signals),
        json!({"team_size": 1, "qualification_tier": "cold"})
    );
    assert_eq!(session.tool_calls[0].arguments["qualification_tier"], "hot");
    assert!(told[0].contains("qualification_tier") && !told[0].contains("cold"), "{told:?}");
    let sources: Vec<_> = session.signal_sources.into_keys().collect();
    assert_eq!(sources, ["team_size"]);
}

#[test]
fn a_model_that_only_calls_tools_is_stopped() {
    let mut stage = Stage::new(&[]);
    let simulator = stage.simulator();
    // With 3 it answers when it has no tools any more, and so no questions, with 4 it calls what it was not given.
    for (room, times) in [("obeys", 3), ("does-not", 4)] {
        let before = simulator.requests()["chat"].as_u64().expect("a count");
        simulator.inject_one("chat", json!({"kind": "loop", "times": times}));
        let mut call = stage.call(room);
        if times == 3 {
            let answer = call.asks("hello there");
            assert!(answer.contains("That is all I wanted to know."), "{answer}");
        } else {
            call.types("hello there");
        }
        let requests = wait_for("four requests", || {
            let requests = simulator.requests();
            (requests["chat"].as_u64() >= Some(before + 4)).then_some(requests)
        });
        let had_tools = chat_requests(&requests).take(4).map(|request| request["tools"] != json!([]));
        assert_eq!(had_tools.collect::<Vec<_>>(), [false, true, true, true], "{room}");
        let answer = call.asks("we use HubSpot");
        assert!(answer.contains("How many documents"), "{room}: {answer}");
        assert_eq!(simulator.requests()["chat"], before + 6, "{room}");
        // Without a word of the model the caller hears the persona's.
        assert_eq!(call.apologies(), usize::from(times > 3), "{room}");
        let session = stage.hang_up(room);
        assert_eq!(session.tool_calls.len(), 4, "{room}");
        let signals = json!({"team_size": 1, "crm": "hubspot", "qualification_tier": "cold"});
        assert_eq!(Value::from(session.discovered_signals), signals, "{room}");
    }
}

#[test]
fn what_a_model_thinks_is_neither_said_nor_shown_nor_recorded() {
    let mut stage = Stage::new(&[]);
    let simulator = stage.simulator();
    let text = "<think>They say hello. I should ask.</think>Good morning to you.";
    simulator.inject_one("chat", json!({"kind": "say", "text": text}));
    let mut call = stage.call("thinks");
    assert_eq!(call.asks("hello there"), "Good morning to you.");
    call.asks("we use HubSpot");
    let shown = call.captions_whole();
    let told = simulator.requests();
    let session = stage.hang_up("thinks");
    let recorded = serde_json::to_string(&session).expect("a payload");
    for place in [format!("{shown:?}"), told.to_string(), recorded] {
        assert!(place.contains("Good morning") && !place.contains("I should ask"), "{place}");
    }
}

#[test]
fn a_call_that_is_written_as_text_is_called_and_what_was_said_before_it_is_known() {
    let mut stage = Stage::new(&[]);
    let simulator = stage.simulator();
    let call = r#"<tool_call>{"name": "record_signals", "arguments": {"crm": "hubspot"}}</tool_call>"#;
    let text = format!("So it is HubSpot for you. {call}");
    simulator.inject_one("chat", json!({"kind": "say", "text": text}));
    let mut call = stage.call("as-text");
    let answer = call.asks("hello there");
    assert!(answer.starts_with("So it is HubSpot for you.") && !answer.contains("record"), "{answer}");
    let requests = simulator.requests();
    let messages = chat_requests(&requests).next().expect("a request")["messages"].clone();
    let called = messages.as_array().into_iter().flatten().find(|message| message["tool_calls"].is_array());
    let called = called.expect("the call");
    assert_eq!(called["content"].as_str().map(str::trim), Some("So it is HubSpot for you."));
    let session = stage.hang_up("as-text");
    assert_eq!(session.discovered_signals["crm"], "hubspot");
    assert!(stage.agent.log().contains("wrote a call as text"));
}

/// A call in which the model's first answer is a fault, and the second one is not; and what the model was told of it.
fn misled(kind: &str) -> (SessionEnded, Vec<String>) {
    let mut stage = Stage::new(&[]);
    let simulator = stage.simulator();
    simulator.inject_one("chat", json!({ "kind": kind }));
    let mut call = stage.call(kind);
    let answer = call.asks("hello there");
    let recorded = kind == "set_tier";
    assert_eq!(answer.contains(QUESTION), !recorded, "{answer}");
    assert_eq!(call.apologies(), 0);
    let told = told(&simulator.requests());
    let session = stage.hang_up(kind);
    assert_eq!(session.tool_calls.len(), 1);
    (session, told)
}

/// What the model was told of its calls.
pub(crate) fn told(requests: &Value) -> Vec<String> {
    let Some(last) = chat_requests(requests).next() else { return Vec::new() };
    let messages = last["messages"].as_array().expect("messages").iter();
    let results = messages.filter(|message| message["role"] == "tool");
    results.filter_map(|message| message["content"].as_str().map(str::to_owned)).collect()
}

/// Requests to the language model, the newest first.
fn chat_requests(requests: &Value) -> impl Iterator<Item = &Value> {
    let last = requests["last"].as_array().into_iter().flatten();
    last.filter(|kept| kept["endpoint"] == "chat").map(|kept| &kept["request"])
}

fn error_of(call: &schemas::ToolCall) -> String {
    assert_eq!(call.outcome, ToolCallOutcome::Error);
    call.error.clone().expect("an error")
}
