//! `AGENT_REDACT`: nothing that a caller or a model says leaves with an address or a number in it, but the caller's own address.

use serde_json::json;

use super::stage::{PERSONA, Stage};
use crate::servers::AGENT_NAME;

const SECRETS: [&str; 4] = ["bob.lee@secret.example", "171 2345678", "4111 1111 1111 1111", "secret"];
const WORDS: &str = "write to bob.lee@secret.example, +49 171 2345678, 4111 1111 1111 1111";

#[test]
fn the_payload_has_no_address_but_the_callers() {
    let signal = "[[signals]]\nname = \"note\"\ntype = \"string\"\nquestion = \"What else?\"\n\n";
    let place = PERSONA.find("[[signals]]").expect("signals");
    let persona = format!("{}{signal}{}", &PERSONA[..place], &PERSONA[place..]);
    let mut stage = Stage::with_persona(&persona, &[("AGENT_REDACT", "true")]);
    let simulator = stage.simulator();
    let metadata = json!({"user_email": "ann@company.example", "callback": WORDS, "session_start": "2025-10-29T12:03:00Z"});
    let mut call = stage
        .call_with("redacted", json!({"agent": AGENT_NAME, "tone": false, "metadata": metadata.to_string()}));
    call.waits();
    let record = json!({"record_signals": {"note": WORDS}}).to_string();
    simulator.inject(&json!([
        {"endpoint": "chat", "kind": "call", "text": record},
        {"endpoint": "chat", "kind": "say", "text": format!("So I {WORDS}.")},
    ]));
    call.asks(WORDS);
    call.waits();
    simulator.inject(
        &json!([{"endpoint": "chat", "kind": "unknown_tool", "text": "mail_to_bob_lee_at_secret_example"}]),
    );
    call.asks("hello");
    call.waits();
    let session = stage.hang_up("redacted");
    assert_eq!(session.user_email, "ann@company.example");
    assert_eq!(session.discovered_signals["note"], "write to [email], [phone], [card]");
    assert_eq!(session.user_metadata["callback"], "write to [email], [phone], [card]");
    assert_eq!(session.user_metadata["user_email"], "[email]");
    assert_eq!(session.user_metadata["session_start"], "2025-10-29T12:03:00Z");
    let tools: Vec<_> = session.tool_calls.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(tools, ["record_signals", "unknown"]);
    let payload = serde_json::to_string(&session).expect("JSON");
    for secret in SECRETS {
        assert!(!payload.contains(secret), "{payload}");
    }
    assert!(payload.matches("[email]").count() >= 5, "{payload}");
}
