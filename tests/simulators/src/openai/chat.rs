//! `POST /v1/chat/completions`: what the model says, on the wire.

use std::convert::Infallible;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, State};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api_error::ApiError;
use super::faults::{Endpoint, Fault};
use super::model::{Call, Conversation, Reply, text};
use super::{Answers, OpenAi};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    model: String,
    messages: Vec<Value>,
    #[serde(default)]
    tools: Vec<Value>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<StreamOptions>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

impl Request {
    /// What a canned answer answers.
    pub(crate) fn of_nobody() -> Self {
        Self {
            model: "canned".to_owned(),
            messages: Vec::new(),
            tools: Vec::new(),
            stream: true,
            stream_options: None,
        }
    }
}

pub(crate) async fn complete(
    State(openai): State<OpenAi>,
    fault: Option<Extension<Fault>>,
    request: Result<Json<Request>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(request) = request.map_err(|error| ApiError::bad_request("body", error.body_text()))?;
    if request.messages.is_empty() {
        return Err(ApiError::bad_request("messages", "messages has at least one message"));
    }
    openai.state().requests.keep(Endpoint::Chat, json!(request));
    let Answers::Made { persona, .. } = &openai.config().answers else {
        return Err(ApiError::not_found());
    };
    let conversation = Conversation::new(&request.messages, &request.tools, persona);
    let misbehaved = fault.and_then(|fault| conversation.misbehave(&fault));
    let reply = misbehaved.unwrap_or_else(|| conversation.reply());
    let completion = Completion::new(&request, reply);
    if !request.stream {
        return Ok(Json(completion.whole()).into_response());
    }
    let include_usage = request.stream_options.is_some_and(|options| options.include_usage);
    let delay = openai.config().word_delay;
    let events = stream::iter(completion.chunks(include_usage)).then(move |chunk| async move {
        if chunk.is_word {
            tokio::time::sleep(delay).await;
        }
        Ok::<_, Infallible>(Event::default().data(chunk.data.to_string()))
    });
    let done = stream::iter([Ok(Event::default().data("[DONE]"))]);
    Ok(Sse::new(events.chain(done)).into_response())
}

/// A reply with what stands around it on the wire.
pub(crate) struct Completion {
    id: String,
    model: String,
    created: i64,
    calls: Vec<Value>,
    finish_reason: &'static str,
    text: String,
    usage: Value,
}

/// One event of a stream.
pub(crate) struct Chunk {
    pub(crate) data: Value,
    /// Whether it is a word of the text, which takes its time.
    is_word: bool,
}

impl Completion {
    pub(crate) fn new(request: &Request, reply: Reply) -> Self {
        let Reply { text: said, calls } = reply;
        // The position in the conversation makes ids unique in it.
        let position = request.messages.len();
        let prompt: usize = request.messages.iter().map(|message| count(&text(message))).sum();
        let arguments: usize = calls.iter().map(|call| count(&call.arguments.to_string())).sum();
        let completion = count(&said) + arguments;
        Self {
            id: format!("chatcmpl-{position}"),
            model: request.model.clone(),
            created: chrono::Utc::now().timestamp(),
            finish_reason: if calls.is_empty() { "stop" } else { "tool_calls" },
            calls: calls.iter().enumerate().map(|(index, call)| on_the_wire(call, position, index)).collect(),
            text: said,
            usage: json!({
                "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
                "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
            }),
        }
    }

    /// The answer to a call that does not stream.
    pub(crate) fn whole(&self) -> Value {
        let mut message = json!({ "role": "assistant", "content": self.text, "refusal": null });
        if !self.calls.is_empty() {
            message["tool_calls"] = json!(self.calls);
        }
        if self.text.is_empty() {
            message["content"] = Value::Null;
        }
        let choice = json!({
            "index": 0, "message": message, "logprobs": null, "finish_reason": self.finish_reason,
        });
        json!({
            "id": self.id, "object": "chat.completion", "created": self.created, "model": self.model,
            "choices": [choice], "usage": self.usage,
        })
    }

    /// The answer to a call that streams: the role, word by word the text, the calls, the reason for the end.
    pub(crate) fn chunks(&self, include_usage: bool) -> Vec<Chunk> {
        let mut deltas = vec![json!({ "role": "assistant", "content": "" })];
        deltas.extend(self.text.split_inclusive(' ').map(|word| json!({ "content": word })));
        let words = 1..deltas.len();
        for (index, call) in self.calls.iter().enumerate() {
            let mut head = call.clone();
            let arguments = head["function"]["arguments"].take();
            let arguments = arguments.as_str().unwrap_or_default();
            let (first, second) = arguments.split_at(arguments.floor_char_boundary(arguments.len() / 2));
            head["index"] = index.into();
            head["function"]["arguments"] = "".into();
            deltas.push(json!({ "tool_calls": [head] }));
            deltas.extend([first, second].map(
                |part| json!({ "tool_calls": [{ "index": index, "function": { "arguments": part } }] }),
            ));
        }
        let deltas =
            deltas.into_iter().map(|delta| (delta, None)).chain([(json!({}), Some(self.finish_reason))]);
        let mut chunks: Vec<_> = deltas
            .enumerate()
            .map(|(number, (delta, finish_reason))| {
                let choice = json!({
                    "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason,
                });
                let mut data = self.chunk(json!([choice]));
                if include_usage {
                    data["usage"] = Value::Null;
                }
                Chunk { data, is_word: words.contains(&number) }
            })
            .collect();
        if include_usage {
            let mut data = self.chunk(json!([]));
            data["usage"] = self.usage.clone();
            chunks.push(Chunk { data, is_word: false });
        }
        chunks
    }

    fn chunk(&self, choices: Value) -> Value {
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "choices": choices,
        })
    }
}

fn on_the_wire(call: &Call, position: usize, index: usize) -> Value {
    let function = json!({ "name": call.name, "arguments": call.arguments.to_string() });
    json!({ "id": format!("call_{position}_{index}"), "type": "function", "function": function })
}

/// Tokens are words here.
fn count(text: &str) -> usize {
    text.split_whitespace().count()
}
