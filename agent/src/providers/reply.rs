//! Makes parts of a reply of the events of a stream. What a server leaves out or adds changes nothing.

use schemas::json::{Json, USUAL_DEPTH};
use serde::Deserialize;
use serde_json::Value;

use super::language_model::{ReplyPart, Usage};
use super::tool_call_deltas::{CallDelta, ToolCalls};
use super::{Provider, ProviderError};

/// The event after which nothing comes.
const DONE: &str = "[DONE]";

/// Reads one stream.
pub(super) struct Reader {
    provider: Provider,
    calls: ToolCalls,
    pieces_of_calls: usize,
    usage: Option<Usage>,
    has_reason: bool,
    is_over: bool,
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Value>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    index: Option<u64>,
    delta: Option<Delta>,
    /// Where the server sends the reply in one piece.
    message: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<Value>,
    tool_calls: Option<Vec<CallDelta>>,
}

impl Reader {
    pub(super) fn new(provider: Provider) -> Self {
        Self {
            provider,
            calls: ToolCalls::default(),
            pieces_of_calls: 0,
            usage: None,
            has_reason: false,
            is_over: false,
        }
    }

    /// Whether the model is done, as far as the server said.
    pub(super) fn is_complete(&self) -> bool {
        self.has_reason
    }

    /// How many pieces of tool calls have come. A call is a part when it is whole, and may be long.
    pub(super) fn pieces_of_calls(&self) -> usize {
        self.pieces_of_calls
    }

    /// Whether nothing comes any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The parts that an event brings. Calls are kept until they are whole.
    pub(super) fn read(&mut self, data: &str) -> Result<Vec<ReplyPart>, ProviderError> {
        let data = data.trim();
        if data.is_empty() {
            return Ok(Vec::new());
        }
        if data == DONE {
            return Ok(self.finish());
        }
        let malformed =
            || ProviderError::malformed(self.provider, "an event of the stream is no chunk of a reply");
        let chunk = Json::parse(data.as_bytes()).map_err(|_| malformed())?.to_value(USUAL_DEPTH);
        // An error may have any form, so it is looked for before the chunk is read.
        if chunk.get("error").is_some_and(|error| !error.is_null())
            || chunk.get("object") == Some(&"error".into())
        {
            return Err(ProviderError::reported(self.provider, &chunk));
        }
        let chunk: Chunk = serde_json::from_value(chunk).map_err(|_| malformed())?;
        drop(chunk.error);
        if let Some(usage) = chunk.usage.filter(Value::is_object) {
            self.usage = Some(read_usage(&usage));
        }
        let mut parts = Vec::new();
        let first = |choice: &Choice| choice.index.unwrap_or(0) == 0;
        for choice in chunk.choices.unwrap_or_default().into_iter().filter(first) {
            self.has_reason |= choice.finish_reason.is_some_and(|reason| !reason.is_empty());
            let Some(delta) = choice.delta.or(choice.message) else { continue };
            let content = delta.content.map(text).unwrap_or_default();
            if !content.is_empty() {
                parts.push(ReplyPart::Text(content));
            }
            for call in delta.tool_calls.unwrap_or_default() {
                self.pieces_of_calls += 1;
                self.calls.add(call).map_err(|_| {
                    ProviderError::malformed(self.provider, "the reply calls more tools than any should")
                })?;
            }
        }
        Ok(parts)
    }

    /// The last parts, where the stream ends by itself.
    pub(super) fn end(&mut self) -> Result<Vec<ReplyPart>, ProviderError> {
        if self.has_reason { Ok(self.finish()) } else { Err(ProviderError::cut(self.provider)) }
    }

    fn finish(&mut self) -> Vec<ReplyPart> {
        self.is_over = true;
        let calls = std::mem::take(&mut self.calls).finish();
        let calls = calls.into_iter().map(|call| ReplyPart::ToolCall {
            id: if call.id.is_empty() { made_up_id() } else { call.id },
            name: call.name,
            arguments: call.arguments,
        });
        calls.chain(self.usage.take().map(ReplyPart::Usage)).chain([ReplyPart::Finished]).collect()
    }
}

/// Ids tell the calls of a whole conversation apart, not only those of a reply.
fn made_up_id() -> String {
    format!("call_{:016x}", rand::random::<u64>())
}

/// The text of `content`: a string, or a list of parts with texts. Half a character, as a model leaves it where a piece ends
/// in the middle of an emoji, cannot be said.
fn text(content: Value) -> String {
    let text = match content {
        Value::String(text) => text,
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
        }
        _ => String::new(),
    };
    text.replace(char::REPLACEMENT_CHARACTER, "")
}

fn read_usage(usage: &Value) -> Usage {
    let count = |path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    Usage {
        prompt_tokens: count("/prompt_tokens"),
        prompt_cached_tokens: count("/prompt_tokens_details/cached_tokens"),
        prompt_audio_tokens: count("/prompt_tokens_details/audio_tokens"),
        completion_tokens: count("/completion_tokens"),
        completion_audio_tokens: count("/completion_tokens_details/audio_tokens"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::providers::ErrorKind;

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
        let [first, ReplyPart::ToolCall { id, name, arguments }, ReplyPart::Finished] = &read[..] else {
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
}
