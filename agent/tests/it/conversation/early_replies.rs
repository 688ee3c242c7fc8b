//! Replies that begin before a turn is certainly over: they are used where it was, and leave no trace where it was not.

use serde_json::{Value, json};

use super::call::said_by_the_caller;
use super::stage::{PERSONA, Simulator, Stage};
use crate::providers::SpokenTo;
use crate::servers::wait_for;

const PARTS: [&str; 2] = ["we are twelve people", "and we use hub spot"];
const WHOLE: &str = "we are twelve people and we use hub spot";

/// A stage on which a turn is over no sooner than after some seconds of silence.
fn patient() -> Stage {
    let persona =
        format!("{PERSONA}\n[turn_taking]\nmin_endpointing_delay = 9.0\nmax_endpointing_delay = 9.5\n");
    Stage::speaking_as(SpokenTo::Gateway, &persona, &[])
}

/// Says a sentence with a pause, in which a reply begins that answers like this.
fn goes_on_in_a_pause(stage: &mut Stage, room: &str, early: &Value) {
    let simulator = stage.simulator();
    let mut call = stage.call(room);
    call.waits();
    let heard = PARTS.map(|text| json!({"endpoint": "stt", "kind": "say", "text": text}));
    simulator.forget();
    simulator.inject(&json!([heard[0], heard[1], early]));
    call.speaks_with_pauses(&PARTS, 4.0);
    call.hears("How many documents do you send in a month?");
    call.waits();
}

/// No later request knows anything of it, and each of them knows what the caller has said once.
fn is_unknown_to_the_model(simulator: Simulator, trace: &str) {
    let prompts = simulator.prompts();
    assert!(prompts.len() >= 2, "{prompts:?}");
    for prompt in &prompts {
        assert!(!prompt.to_string().contains(trace), "{prompt}");
    }
    let said = |prompt: &Value| {
        let messages = prompt.as_array().cloned().unwrap_or_default().into_iter();
        messages.filter(|message| message["role"] == "user").count()
    };
    assert!(prompts.iter().all(|prompt| said(prompt) == 1), "{prompts:?}");
}

#[test]
fn a_tool_of_a_reply_that_is_thrown_away_is_not_called() {
    let mut stage = patient();
    let simulator = stage.simulator();
    let record = json!({"record_signals": {"team_size": 4321}}).to_string();
    let early = json!({"endpoint": "chat", "kind": "call", "text": record});
    goes_on_in_a_pause(&mut stage, "tool", &early);
    simulator.has_struck("chat");
    is_unknown_to_the_model(simulator, "4321");
    let session = stage.hang_up("tool");
    let signals = json!({"team_size": 12, "crm": "hubspot", "qualification_tier": "warm"});
    assert_eq!(Value::from(session.discovered_signals.clone()), signals);
    assert!(
        session.tool_calls.iter().all(|call| call.arguments["team_size"] != 4321),
        "{:?}",
        session.tool_calls
    );
    assert_eq!(said_by_the_caller(&session), [WHOLE]);
    let usage = &session.metrics_summary;
    assert_eq!(usage.user_turns, 1);
    assert!(usage.early_replies > usage.early_replies_used, "{usage:?}");
    assert!(usage.llm_discarded_prompt_tokens > 0, "{usage:?}");
}

#[test]
fn what_a_reply_says_that_is_thrown_away_is_not_heard() {
    const THROWN_AWAY: &str = "Nobody is to hear this.";
    let mut stage = patient();
    let simulator = stage.simulator();
    let early = json!({"endpoint": "chat", "kind": "say", "text": THROWN_AWAY});
    goes_on_in_a_pause(&mut stage, "words", &early);
    simulator.has_struck("chat");
    is_unknown_to_the_model(simulator, "Nobody");
    let session = stage.hang_up("words");
    let transcript = session.transcript.as_deref().unwrap_or_default();
    assert!(transcript.iter().all(|entry| !entry.text.contains("Nobody")), "{transcript:?}");
    assert_eq!(said_by_the_caller(&session), [WHOLE]);
    let usage = &session.metrics_summary;
    assert!(usage.early_replies > usage.early_replies_used, "{usage:?}");
    // It was spoken, into a void; that is paid for.
    assert!(usage.tts_audio_duration > usage.audio_published_seconds, "{usage:?}");
}

#[test]
fn replies_that_began_early_are_used_and_asked_for_once() {
    const TURNS: [(&str, &str); 3] = [
        ("we are twelve people", "How many documents do you send in a month?"),
        ("about forty documents a month", "Where do you keep"),
        ("we use hub spot", "What kind of documents"),
    ];
    let mut stage = Stage::on_the_gateway(&[]);
    let simulator = stage.simulator();
    let mut call = stage.call("early");
    call.waits();
    simulator.forget();
    for (said, question) in TURNS {
        call.waits();
        call.speaks(said);
        call.hears(question);
    }
    call.waits();
    let session = stage.hang_up("early");
    let usage = &session.metrics_summary;
    assert_eq!(usage.early_replies_used, 3, "{usage:?}");
    assert_eq!(said_by_the_caller(&session), TURNS.map(|(said, _)| said));
    // Each of the three calls a tool, and answers when it has; what was thrown away was asked for besides.
    let requests = simulator.requests()["chat"].as_u64().expect("a count");
    let thrown_away = usage.early_replies - usage.early_replies_used;
    assert!((6..=6 + thrown_away).contains(&requests), "{requests} of {usage:?}");
    let prompts = simulator.prompts();
    let last = prompts.first().and_then(|prompt| prompt.as_array().cloned()).expect("messages");
    let said: Vec<_> = last.iter().filter(|message| message["role"] == "user").collect();
    assert_eq!(
        said.iter().map(|message| &message["content"]).collect::<Vec<_>>(),
        TURNS.map(|(said, _)| said)
    );
}

#[test]
fn a_caller_who_hangs_up_in_the_pause_leaves_no_reply_behind() {
    let mut stage = patient();
    let simulator = stage.simulator();
    let mut call = stage.call("gone");
    call.waits();
    simulator.forget();
    call.speaks("we are twelve people");
    wait_for("a reply that begins early", || {
        (simulator.requests()["chat"].as_u64() >= Some(1)).then_some(())
    });
    let session = stage.hang_up("gone");
    assert_eq!(said_by_the_caller(&session), ["we are twelve people"]);
    assert!(session.tool_calls.is_empty() && session.discovered_signals.is_empty(), "{session:?}");
    assert_eq!(session.metrics_summary.early_replies_used, 0);
    wait_for("the end of the sockets", || {
        let sockets = simulator.sockets();
        (sockets["stt"]["open"] == 0).then_some(())
    });
}
