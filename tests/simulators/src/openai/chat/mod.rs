//! `POST /v1/chat/completions`: what the model says, on the wire.

mod content;

use std::convert::Infallible;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, State};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep_until};

use super::api_error::ApiError;
use super::faults::Fault;
use super::faults::endpoint::Endpoint;
use super::model::{Call, Conversation, Reply, text};
use super::{Answers, OpenAi};
use crate::inference::chat::{refused_option, signature, signs_calls, unsigned_call};
use content::{Content, parts};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    model: String,
    messages: Vec<Value>,
    #[serde(default)]
    tools: Vec<Value>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<StreamOptions>,
    /// What else was asked for.
    #[serde(flatten)]
    options: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

impl Request {
    /// What a canned answer answers.
    fn of_nobody() -> Self {
        Self {
            model: "canned".to_owned(),
            messages: Vec::new(),
            tools: Vec::new(),
            stream: true,
            stream_options: None,
            options: Map::new(),
        }
    }

    fn check(&self) -> Result<(), ApiError> {
        if self.messages.is_empty() {
            return Err(ApiError::bad_request("messages", "messages has at least one message"));
        }
        if let Some(option) = refused_option(&self.model, &self.options, !self.tools.is_empty()) {
            let message = format!("Unsupported parameter: '{option}' is not supported with this model.");
            return Err(ApiError::bad_request(option, message));
        }
        if let Some(call) = unsigned_call(&self.messages).filter(|_| signs_calls(&self.model)) {
            let message = format!("Function call {call} is missing its thought_signature.");
            return Err(ApiError::bad_request("messages", message));
        }
        Ok(())
    }
}

pub(crate) async fn complete(
    State(openai): State<OpenAi>,
    fault: Option<Extension<Fault>>,
    request: Result<Json<Request>, JsonRejection>,
) -> Result<Response, ApiError> {
    let first_token = Instant::now() + openai.settings().first_token_delay();
    let Json(request) = request.map_err(|error| ApiError::bad_request("body", error.body_text()))?;
    request.check()?;
    openai.state().requests.keep(Endpoint::Chat, json!(request));
    let Answers::Made { persona, .. } = &openai.config().answers else {
        return Err(ApiError::not_found());
    };
    let conversation = Conversation::new(&request.messages, &request.tools, persona);
    let fault = fault.map(|Extension(fault)| fault);
    let misbehaved = fault.as_ref().and_then(|fault| conversation.misbehave(fault));
    let reply = misbehaved.unwrap_or_else(|| conversation.reply());
    let completion = Completion::new(&request, Content::new(reply, fault.as_ref()));
    sleep_until(first_token).await;
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
    /// Whether each call comes in one part, as with models that are not OpenAI's.
    whole_calls: bool,
    finish_reason: &'static str,
    text: String,
    split_at: Option<usize>,
    usage: Value,
}

/// One event of a stream.
pub(crate) struct Chunk {
    pub(crate) data: Value,
    /// Whether it is a word of the text, which takes its time.
    is_word: bool,
}

impl Completion {
    /// What is answered to everybody alike.
    pub(crate) fn canned(text: &str) -> Self {
        let reply = Reply { text: text.to_owned(), calls: Vec::new() };
        Self::new(&Request::of_nobody(), Content::new(reply, None))
    }

    fn new(request: &Request, content: Content) -> Self {
        let Content { reply: Reply { text: said, calls }, reasoning, split_at } = content;
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
            calls: calls
                .iter()
                .enumerate()
                .map(|(index, call)| on_the_wire(call, position, index, signs_calls(&request.model)))
                .collect(),
            whole_calls: request.model.starts_with("google/"),
            text: said,
            split_at,
            usage: json!({
                "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
                "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0, "cache_write_tokens": 0 },
                "completion_tokens_details": { "reasoning_tokens": reasoning },
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
        deltas.extend(parts(&self.text, self.split_at).into_iter().map(|part| json!({ "content": part })));
        let words = 1..deltas.len();
        if self.whole_calls && !self.calls.is_empty() {
            let mut calls = self.calls.clone();
            calls.iter_mut().enumerate().for_each(|(index, call)| call["index"] = index.into());
            deltas.push(json!({ "tool_calls": calls }));
        }
        for (index, call) in self.calls.iter().enumerate().filter(|_| !self.whole_calls) {
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

fn on_the_wire(call: &Call, position: usize, index: usize, signed: bool) -> Value {
    let function = json!({ "name": call.name, "arguments": call.arguments.to_string() });
    let id = format!("call_{position}_{index}");
    let mut wire = json!({ "id": id, "type": "function", "function": function });
    if signed {
        wire["extra_content"] = signature(&id);
    }
    wire
}

/// Tokens are words here.
fn count(text: &str) -> usize {
    text.split_whitespace().count()
}
