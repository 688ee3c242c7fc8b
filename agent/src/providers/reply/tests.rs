//! Streams of events, whole, in one piece, and broken.

use serde_json::json;

use super::*;
use crate::providers::error::ErrorKind;

/// The parts of a stream of these events, and of its end.
fn parts(events: &[Value]) -> Result<Vec<ReplyPart>, ProviderError> {
    let mut reader = Reader::new(Provider::LanguageModel);
    let mut parts = Vec::new();
    for event in events {
        let event = event.as_str().map_or_else(|| event.to_string(), str::to_owned);
        parts.extend(reader.read(&event)?);
    }
    if !reader.is_over() {
        parts.extend(reader.end()?);
    }
    Ok(parts)
}

fn text(text: &str) -> ReplyPart {
    ReplyPart::Text(text.to_owned())
}

#[test]
fn text_comes_at_once_and_calls_when_they_are_whole() {
    let call = |delta: Value| json!({"choices": [{"index": 0, "delta": {"tool_calls": [delta]}}]});
    let events = [
        json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}]}),
        json!({"choices": [{"index": 0, "delta": {"content": "One "}}], "usage": null, "new": [1]}),
        json!({"choices": [{"index": 1, "delta": {"content": "another choice"}}]}),
        call(json!({"index": 0, "id": "a", "function": {"name": "book", "arguments": "{\"d"}})),
        json!({"choices": [{"delta": {"content": [{"type": "text", "text": "moment."}]}}]}),
        call(json!({"index": 0, "function": {"arguments": "ay\":"}})),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
        json!({"choices": [], "usage": {
            "prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 1},
            "completion_tokens_details": {"audio_tokens": 2},
        }}),
        json!("[DONE]"),
    ];
    let usage = Usage {
        prompt_tokens: 9,
        prompt_cached_tokens: 8,
        prompt_audio_tokens: 1,
        completion_tokens: 4,
        completion_audio_tokens: 2,
    };
    // Arguments that are no JSON are the toolbox's matter.
    let book = ReplyPart::ToolCall {
        id: "a".to_owned(),
        name: "book".to_owned(),
        arguments: "{\"day\":".to_owned(),
        extra_content: None,
    };
    let wanted = vec![text("One "), text("moment."), book, ReplyPart::Usage(usage), ReplyPart::Finished];
    assert_eq!(parts(&events), Ok(wanted));
}

#[test]
fn half_a_character_is_left_out_and_the_rest_is_said() {
    let events = [
        r#"{"choices": [{"delta": {"content": "Great \ud83d"}}]}"#,
        r#"{"choices": [{"delta": {"content": "\ude00 news", "n": 1e999}}]}"#,
        r#"{"choices": [{"delta": {}, "finish_reason": "stop"}]}"#,
    ];
    let read = parts(&events.map(Value::from)).unwrap();
    assert_eq!(read, [text("Great "), text(" news"), ReplyPart::Finished]);
}

#[test]
fn a_reply_in_one_piece_is_read_and_a_call_without_id_gets_one() {
    let message =
        json!({"content": "Bye.", "tool_calls": [{"function": {"name": "end_call", "arguments": null}}]});
    let read = parts(&[json!({"choices": [{"message": message, "finish_reason": "stop"}]})]).unwrap();
    let [first, ReplyPart::ToolCall { id, name, arguments, .. }, ReplyPart::Finished] = &read[..] else {
        panic!("{read:?}")
    };
    assert_eq!((first, name.as_str(), arguments.as_str()), (&text("Bye."), "end_call", ""));
    assert!(id.starts_with("call_"));
}

#[test]
fn what_is_no_whole_reply_is_an_error() {
    let piece = json!({"choices": [{"delta": {"content": "One"}, "finish_reason": ""}]});
    let reported = |code: &str| json!({"error": {"message": "secret", "code": code}});
    for (events, kind, recoverable) in [
        (vec![], ErrorKind::Cut, true),
        (vec![piece.clone()], ErrorKind::Cut, true),
        (vec![json!("{\"choices\": [")], ErrorKind::Malformed, false),
        (vec![json!("[1]")], ErrorKind::Malformed, false),
        (vec![json!({"choices": 5})], ErrorKind::Malformed, false),
        (vec![piece.clone(), reported("overloaded")], ErrorKind::Reported, true),
        (vec![reported("context_length_exceeded")], ErrorKind::Reported, false),
        (vec![json!({"error": "secret"})], ErrorKind::Reported, true),
        (vec![json!({"object": "error", "message": "secret", "code": 400})], ErrorKind::Reported, true),
    ] {
        let error = parts(&events).unwrap_err();
        assert_eq!((error.kind(), error.recoverable()), (kind, recoverable), "{events:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
