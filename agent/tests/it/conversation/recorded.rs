//! What an operator does not want to be written down.

use schemas::{Role, SessionEnded};

use super::stage::Stage;

const SAID: &str = "write to ann.lee@example.org or call 555 123 4567, we are twelve people";
const REDACTED: &str = "write to [email] or call [phone], we are twelve people";

fn exported(environment: &[(&str, &str)]) -> SessionEnded {
    let mut stage = Stage::new(environment);
    let mut call = stage.call("recorded");
    call.asks(SAID);
    stage.hang_up("recorded")
}

fn said(session: &SessionEnded) -> Vec<&str> {
    let transcript = session.transcript.as_ref().expect("a transcript").iter();
    transcript.filter(|entry| entry.role == Role::User).map(|entry| entry.text.as_str()).collect()
}

#[test]
fn addresses_and_numbers_are_written_down_unless_they_are_redacted() {
    assert_eq!(said(&exported(&[])), [SAID]);
    let redacted = exported(&[("AGENT_REDACT", "true")]);
    assert_eq!(said(&redacted), [REDACTED]);
    assert_eq!(redacted.discovered_signals["team_size"], 12);
}

#[test]
fn a_session_without_transcript_has_all_the_rest() {
    let session = exported(&[("AGENT_WITHOUT_TRANSCRIPT", "true")]);
    assert_eq!(session.transcript, None);
    assert_eq!(session.discovered_signals["team_size"], 12);
    assert_eq!(session.metrics_summary.user_turns, 1);
    assert_eq!(session.tool_calls.len(), 1);
    let payload = serde_json::to_string(&session).expect("JSON");
    assert!(!payload.contains("example.org"), "{payload}");
}
