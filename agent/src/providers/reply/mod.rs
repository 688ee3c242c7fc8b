//! The parts of a reply, and the reader that makes them of the events of a stream. What a server leaves out or adds changes
//! nothing.

mod meant;
mod unspoken;

use schemas::json::{Json, USUAL_DEPTH};
use serde::Deserialize;
use serde_json::Value;

use super::error::{Provider, ProviderError};
use super::tool_call_deltas::{CallDelta, ToolCalls};
pub(super) use meant::Meant;

/// The event after which nothing comes.
const DONE: &str = "[DONE]";

/// A part of a reply.
#[derive(Debug, Clone, PartialEq)]
pub enum ReplyPart {
    /// A piece of what is to be said, of any length; never empty.
    Text(String),
    /// A call, whole. Neither its name nor its arguments have been checked.
    ToolCall {
        /// Never empty: made up where the server gives none.
        id: String,
        /// As the model wrote it.
        name: String,
        /// JSON as the model wrote it; may be anything.
        arguments: String,
        /// What the server wants to see again beside the call.
        extra_content: Option<Value>,
    },
    /// What the reply used, where the server tells.
    Usage(Usage),
    /// The reply is whole.
    Finished,
}

impl ReplyPart {
    /// Whether nothing of it can be said or done.
    pub(super) fn is_blank(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim().is_empty())
    }
}

/// Tokens of one reply. What a server does not tell is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of the prompt, all of them.
    pub prompt_tokens: u64,
    /// Of these, those that the server had cached.
    pub prompt_cached_tokens: u64,
    /// Of these, those of audio.
    pub prompt_audio_tokens: u64,
    /// Of the reply, all of them.
    pub completion_tokens: u64,
    /// Of these, those of audio.
    pub completion_audio_tokens: u64,
}

/// Reads the stream of one reply.
pub(super) struct Reader {
    provider: Provider,
    calls: ToolCalls,
    unseen: usize,
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
    /// Thoughts, as servers call them that know them.
    reasoning_content: Option<Value>,
    reasoning: Option<Value>,
    tool_calls: Option<Vec<CallDelta>>,
}

impl Reader {
    pub(super) fn new(provider: Provider) -> Self {
        Self {
            provider,
            calls: ToolCalls::default(),
            unseen: 0,
            usage: None,
            has_reason: false,
            is_over: false,
        }
    }

    /// Whether the model is done, as far as the server said.
    pub(super) fn is_complete(&self) -> bool {
        self.has_reason
    }

    /// How many pieces have come that are no part, or not yet: thoughts, and calls that are not whole.
    pub(super) fn unseen(&self) -> usize {
        self.unseen
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
            let thoughts = [delta.reasoning_content, delta.reasoning];
            self.unseen +=
                usize::from(thoughts.into_iter().flatten().any(|thought| !text(thought).is_empty()));
            let content = delta.content.map(text).unwrap_or_default();
            if !content.is_empty() {
                self.unseen += usize::from(!content.trim().is_empty());
                parts.push(ReplyPart::Text(content));
            }
            for call in delta.tool_calls.unwrap_or_default() {
                self.unseen += 1;
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
            extra_content: call.extra_content,
        });
        calls.chain(self.usage.take().map(ReplyPart::Usage)).chain([ReplyPart::Finished]).collect()
    }
}

/// Ids tell the calls of a whole conversation apart, not only those of a reply.
pub(super) fn made_up_id() -> String {
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
mod tests;
