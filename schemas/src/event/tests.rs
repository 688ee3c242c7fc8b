//! What a consumer gets to know of payloads, odd ones included.

use proptest::prelude::*;

use super::*;

fn decode(payload: &str) -> Result<SessionEvent, DecodeError> {
    SessionEvent::decode(payload.as_bytes(), None)
}

#[test]
fn an_event_without_job_id_takes_the_message_id_else_its_hash() {
    let payload = br#"{"session_id":"r","end_time":"2025-10-29T12:00:00Z"}"#;
    let with_message_id = SessionEvent::decode(payload, Some("m-1")).unwrap();
    assert_eq!(with_message_id.identity.job_id, "m-1");
    let bare = SessionEvent::decode(payload, None).unwrap();
    assert_eq!(bare.identity.job_id, hex(&Sha256::digest(payload))[..16]);
}

#[test]
fn fields_of_unknown_shape_do_not_matter() {
    let event = decode(
        r#"{"session_id":"r","end_time":"2025-10-29T14:00:00+02:00","job_id":7,"user_email":["x"],
            "discovered_signals":[],"tool_calls":"none","new":{"a":1}}"#,
    )
    .unwrap();
    assert_eq!(timestamp::format(&event.end_time), "2025-10-29T12:00:00.000Z");
    assert_eq!(event.email, RecordedEmail::Unreadable(UnreadableEmail::NotText));
    assert_eq!(event.qualification_tier, None);
}

#[test]
fn errors_name_the_field_and_hold_no_content() {
    for (payload, message) in [
        (
            "{\"session_id\": secret",
            "the payload is not a session-end object: not valid JSON at line 1, column 16",
        ),
        (
            "[1,2]",
            "the payload is not a session-end object: an array instead of an object at line 1, column 1",
        ),
        ("", "the payload is not a session-end object: the JSON ends too early at line 1, column 0"),
        (r#"{"session_id":"","end_time":"2025-10-29T12:00:00Z"}"#, "session_id: the session id is empty"),
        (
            r#"{"session_id":"r","end_time":"2025-10-29T12:00:00"}"#,
            "end_time: premature end of input (wanted: RFC 3339 with an offset, such as 2025-10-29T12:34:56Z)",
        ),
    ] {
        assert_eq!(decode(payload).unwrap_err().to_string(), message);
    }
    for (payload, message) in [
        (r#"{"session_id":"secret","session_id":"r"}"#, "session_id is given twice"),
        (r#"{"session_id":"r","job_id":1,"\u006aob_id":"2"}"#, "job_id is given twice"),
        (r#"{"end_time":"2025-10-29T12:00:00Z"}"#, "session_id is missing"),
        (r#"{"session_id":"r","end_time":7}"#, "end_time is not a text"),
        ("7", "a single value instead of an object at line 1, column 1"),
    ] {
        let whole = format!("the payload is not a session-end object: {message}");
        assert_eq!(decode(payload).unwrap_err().to_string(), whole);
    }
    let error = SessionEvent::decode(b"{\"session_id\":\"Jos\xe9\"}", None).unwrap_err().to_string();
    assert_eq!(error, "the payload is not a session-end object: not text in UTF-8 at line 1, column 19");
    let before = r#"{"session_id":"r","end_time":"0000-01-01T00:00:00+10:00"}"#;
    assert!(matches!(decode(before), Err(DecodeError::Year)));
}

#[test]
fn whatever_else_is_valid_json_keeps_no_field_from_being_read() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for odd in [
        "1e400",
        &"9".repeat(400),
        "-0",
        r#""\ud83c""#,
        r#""\u0000""#,
        &deep(128),
        &deep(1_000),
        &deep(100_000),
        r#"{"a":1,"a":2}"#,
    ] {
        let payload = format!(
            r#"{{"odd":{odd},"session_id":"r","job_id":"j","end_time":"2025-10-29T12:00:00Z","user_email":"b@x.org",
                "user_email":"a@x.org","discovered_signals":{{"odd":{odd},"qualification_tier":"hot","last":{odd}}}}}"#
        );
        let event = decode(&payload).unwrap();
        assert_eq!((event.identity.session_id.as_str(), event.identity.job_id.as_str()), ("r", "j"));
        let last = Email::try_from("a@x.org").unwrap();
        assert_eq!(event.email.address(), Some(&last), "the last one counts");
        assert_eq!(event.qualification_tier.as_deref(), Some("hot"));
    }
}

#[test]
fn half_a_surrogate_pair_in_an_id_is_a_replacement_character() {
    let event = decode(r#"{"session_id":"a\ud83c","end_time":"2025-10-29T12:00:00Z"}"#).unwrap();
    assert_eq!(event.identity.session_id.as_str(), "a\u{fffd}");
}

#[test]
fn an_address_that_cannot_be_read_is_told_apart_from_none() {
    let email = |members: &str| {
        let payload = format!(r#"{{"session_id":"r","end_time":"2025-10-29T12:00:00Z"{members}}}"#);
        decode(&payload).unwrap().email
    };
    for none in ["", r#","user_email":null"#, r#","user_email":"""#, r#","user_email":" \u200b""#] {
        assert_eq!(email(none), RecordedEmail::Absent, "{none}");
    }
    for (value, why) in [
        (r#""a@x.org, b@x.org""#, InvalidEmail::SeveralAts.into()),
        (r#""none""#, InvalidEmail::MissingAt.into()),
        (r#""a b@x.org""#, InvalidEmail::Space.into()),
        ("7", UnreadableEmail::NotText),
        ("true", UnreadableEmail::NotText),
        ("[]", UnreadableEmail::NotText),
        (r#"["a@x.org"]"#, UnreadableEmail::NotText),
        (r#"{"a":"a@x.org"}"#, UnreadableEmail::NotText),
    ] {
        let unreadable = RecordedEmail::Unreadable(why);
        assert_eq!(email(&format!(r#","user_email":{value}"#)), unreadable, "{value}");
    }
    let read = email(r#","user_email":"taro..yamada.@docomo.example""#);
    assert!(read.address().is_some(), "records are read with more patience");
}

#[test]
fn deep_nesting_is_no_crash() {
    let deep = format!(
        r#"{{"session_id":"r","end_time":"2025-10-29T12:00:00Z","user_email":{}1{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(decode(&deep).unwrap().email, RecordedEmail::Unreadable(UnreadableEmail::NotText));
}

proptest! {
    #[test]
    fn decoding_never_panics(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(SessionEvent::decode(&payload, None));
    }
}
