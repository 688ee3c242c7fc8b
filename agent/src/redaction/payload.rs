//! A whole payload without addresses and numbers: the one place where it is decided what of it stays. A field that is new is
//! redacted unless it is listed here.

use schemas::{SessionEnded, timestamp};
use serde_json::{Map, Value};

use super::{redact, redact_number};

/// What stays as it is: the address that the payload is about, the ids and names that others know the session by, and what was
/// counted, by service and model. What names are made of is the business of whoever names rooms, agents and services.
const KEPT: [&str; 7] =
    ["user_email", "session_id", "job_id", "room_sid", "agent_name", "agent_version", "metrics_summary"];
/// Where numbers are somebody's words, and not counted by us.
const SAID: [&str; 2] = ["discovered_signals", "tool_calls"];

/// The session with `[email]`, `[phone]` and `[card]` in the place of what was found, in texts, keys and numbers.
pub fn redact_session(session: SessionEnded) -> SessionEnded {
    let redacted = serde_json::to_value(&session).ok().map(redact_payload);
    redacted
        .and_then(|redacted| serde_json::from_value(redacted).ok())
        .unwrap_or_else(|| without_words(session))
}

fn redact_payload(payload: Value) -> Value {
    let Value::Object(fields) = payload else { return Value::Null };
    let redact_field = |(name, value): (String, Value)| {
        let is_kept = KEPT.contains(&name.as_str());
        let is_said = SAID.contains(&name.as_str());
        let value = if is_kept { value } else { redact_value(value, is_said) };
        (name, value)
    };
    Value::Object(fields.into_iter().map(redact_field).collect())
}

fn redact_value(value: Value, is_said: bool) -> Value {
    match value {
        Value::String(text) if timestamp::parse(&text).is_ok() => Value::String(text),
        Value::String(text) => Value::String(redact(&text)),
        Value::Array(items) => items.into_iter().map(|item| redact_value(item, is_said)).collect(),
        Value::Object(fields) => Value::Object(redact_fields(fields, is_said)),
        Value::Number(number) if is_said => redact_number(&number).map_or(Value::Number(number), Value::from),
        Value::Number(_) | Value::Null | Value::Bool(_) => value,
    }
}

/// Names that become the same are numbered, so that no value is lost.
fn redact_fields(fields: Map<String, Value>, is_said: bool) -> Map<String, Value> {
    let mut redacted = Map::new();
    for (name, value) in fields {
        let name = redact(&name);
        let names = std::iter::once(name.clone()).chain((2_u64..).map(|number| format!("{name} {number}")));
        let free = names.into_iter().find(|name| !redacted.contains_key(name)).unwrap_or(name);
        redacted.insert(free, redact_value(value, is_said));
    }
    redacted
}

/// What cannot be redacted does not leave. A payload is always JSON that is read again, so that this is never so.
fn without_words(session: SessionEnded) -> SessionEnded {
    SessionEnded {
        user_metadata: Map::new(),
        discovered_signals: Map::new(),
        tool_calls: Vec::new(),
        participant_identity: None,
        transcript: None,
        truncated: vec!["transcript".to_owned(), "tool_calls".to_owned(), "discovered_signals".to_owned()],
        ..session
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A payload with something in every field, and a text in every place where one can be.
    fn payload(text: &str) -> Value {
        json!({
            "session_id": "room-5551234567", "job_id": "AJ_5551234567", "room_sid": "RM_5551234567",
            "agent_name": "agent", "agent_version": "0.2.0", "schema_version": 1,
            "user_email": "ann@example.org", "participant_identity": text,
            "user_metadata": {"user_email": text, "list": [text, {"deep": text}], text: 1, "session_start": "2025-10-29T12:03:01.123456Z"},
            "start_time": "2025-10-29T12:00:00Z", "end_time": "2025-10-29T12:01:00Z", "duration_seconds": 60.0,
            "discovered_signals": {"note": text, "list": [text], "qualification_tier": "hot"},
            "signal_sources": {"note": {"recorded_at": "2025-10-29T12:00:30.123Z", "turn": 1}},
            "tool_calls": [{
                "name": text, "arguments": {"to": text, text: [text, {"deep": {"er": text}}]}, "outcome": "error",
                "error": text, "start_time": "2025-10-29T12:00:40.123Z", "duration_seconds": 0.1,
            }],
            "end_reason": "participant_left", "truncated": [text],
            "transcript": [
                {"role": "user", "text": text, "start_time": "2025-10-29T12:00:01.123Z", "end_time": "2025-10-29T12:00:02Z"},
                {"role": "agent", "text": text, "start_time": "2025-10-29T12:00:03Z", "end_time": "2025-10-29T12:00:04Z", "interrupted": true},
            ],
            "metrics_summary": {
                "llm_prompt_tokens": 98_765_432_101_u64, "user_turns": 1,
                "model_usage": [{"type": "llm_usage", "provider": "192.168.100.20:8000", "model": "m-20251029"}],
            },
        })
    }

    fn redacted(payload: Value) -> Value {
        let session: SessionEnded = serde_json::from_value(payload).unwrap();
        serde_json::to_value(redact_session(session)).unwrap()
    }

    #[test]
    fn nothing_but_what_is_found_changes() {
        let whole: SessionEnded = serde_json::from_value(payload("we are twelve people")).unwrap();
        assert_eq!(redact_session(whole.clone()), whole);
    }

    #[test]
    fn numbers_that_were_said_are_numbers_of_somebody() {
        let mut payload = payload("hello");
        payload["tool_calls"][0]["arguments"] = json!({"phone": 4_915_112_345_679_u64, "card": 4_111_111_111_111_111_u64, "budget": 250_000, "share": 0.5});
        let redacted = redacted(payload);
        let arguments = json!({"phone": "[phone]", "card": "[card]", "budget": 250_000, "share": 0.5});
        assert_eq!(redacted["tool_calls"][0]["arguments"], arguments);
        assert_eq!(redacted["metrics_summary"]["llm_prompt_tokens"], 98_765_432_101_u64);
        let usage = &redacted["metrics_summary"]["model_usage"][0];
        assert_eq!(
            (&usage["provider"], &usage["model"]),
            (&json!("192.168.100.20:8000"), &json!("m-20251029"))
        );
    }

    #[test]
    fn names_that_become_the_same_keep_their_values() {
        let mut payload = payload("hello");
        payload["tool_calls"][0]["arguments"] = json!({"ann@x.example": 1, "bob@x.example": 2});
        assert_eq!(redacted(payload)["tool_calls"][0]["arguments"], json!({"[email]": 1, "[email] 2": 2}));
    }

    proptest! {
        #[test]
        fn a_planted_secret_is_nowhere_but_in_the_address(
            before in "[a-z ]{0,12}",
            secret in prop_oneof![
                Just("bob.lee@secret.example"), Just("bob dot lee at secret dot example"),
                Just("+49 171 2345678"), Just("five five five one two three four"), Just("4111 1111 1111 1111"),
            ],
            after in "[a-z ]{0,12}",
        ) {
            let redacted = redacted(payload(&format!("{before} {secret} {after}")));
            let text = redacted.to_string();
            prop_assert!(!text.contains(secret), "{text}");
            for part in ["secret", "2345678", "five five", "4111"] {
                prop_assert!(!text.contains(part), "{text}");
            }
            prop_assert_eq!(&redacted["user_email"], "ann@example.org");
            prop_assert_eq!(&redacted["session_id"], "room-5551234567");
            prop_assert_eq!(&redacted["transcript"][0]["start_time"], "2025-10-29T12:00:01.123Z");
        }
    }
}
