//! `/chat/completions`: what to say and which tools to call, streamed.

use std::collections::VecDeque;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use eventsource_stream::{Event, EventStreamError, Eventsource as _};
use futures::stream::{self, BoxStream, StreamExt as _};
use reqwest::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use super::error::{Provider, ProviderError};
use super::language_model::Reply;
use super::lines::lines;
use super::message::ChatMessage;
use super::reply::{Meant, Reader, ReplyPart};
use super::request::{Answer, Endpoint, Limits, begun};

/// Most bytes of an answer.
const ANSWER_LIMIT: usize = 8 * 1024 * 1024;
/// Longest time of a whole reply, as a multiple of the longest time to its first part: a minute by default, in which more is
/// written than anybody says in a turn.
const REPLY_LIMIT: u32 = 6;
/// The same of one in which nothing is said: a model that does not find the end of a call's arguments.
const SILENT_LIMIT: u32 = 3;

/// One server; clones share connections.
#[derive(Clone)]
pub(super) struct ChatCompletions {
    endpoint: Endpoint,
    model: String,
    temperature: Option<f64>,
    extra_body: Arc<ExtraBody>,
    /// Replies of this model begin in the middle of a thought, as far as they have shown.
    thinks_first: Arc<AtomicBool>,
}

/// What is sent beside the fields that every request has, such as `{"reasoning_effort": "none"}`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExtraBody(Map<String, Value>);

impl FromStr for ExtraBody {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let object: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
            format!("wanted a JSON object such as {{\"reasoning_effort\": \"none\"}}: {error}")
        })?;
        object.try_into()
    }
}

impl TryFrom<Map<String, Value>> for ExtraBody {
    type Error = String;

    fn try_from(object: Map<String, Value>) -> Result<Self, String> {
        const OWN: [&str; 5] = ["model", "messages", "tools", "stream", "stream_options"];
        match OWN.iter().find(|name| object.contains_key(**name)) {
            Some(name) => Err(format!("{name:?} is set by the conversation; leave it out")),
            None => Ok(Self(object)),
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: &'a [ChatMessage],
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    tools: &'a [Value],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl ChatCompletions {
    pub(super) fn new(
        endpoint: Endpoint,
        model: &str,
        temperature: Option<f64>,
        extra_body: ExtraBody,
    ) -> Self {
        let (model, extra_body) = (model.to_owned(), Arc::new(extra_body));
        Self { endpoint, model, temperature, extra_body, thinks_first: Arc::default() }
    }

    /// Begins a reply; `tools` are definitions in OpenAI's form. Returns with the reply's first part.
    ///
    /// # Errors
    /// The provider failed before the first part, and the tries are used up. Later failures are in the stream.
    pub(super) async fn reply(
        &self,
        messages: &[ChatMessage],
        tools: &[Value],
    ) -> Result<Reply, ProviderError> {
        let body = self.body(messages, tools)?;
        self.endpoint.retried(|| self.attempt(body.clone(), tools)).await
    }

    /// Asks once, and reads the reply to its end: whether it begins with a thought shows where the thought ends.
    ///
    /// # Errors
    /// The provider failed.
    pub(super) async fn try_once(
        &self,
        messages: &[ChatMessage],
        tools: &[Value],
    ) -> Result<(), ProviderError> {
        let body = self.body(messages, tools)?;
        let mut reply = self.endpoint.once(|| self.attempt(body.clone(), tools)).await?;
        while reply.next().await.transpose()?.is_some() {}
        Ok(())
    }

    /// Whether there is reason to [`Self::try_once`].
    pub(super) async fn is_doubtful(&self) -> bool {
        self.endpoint.is_doubtful().await
    }

    fn body(&self, messages: &[ChatMessage], tools: &[Value]) -> Result<Bytes, ProviderError> {
        let body = Body {
            model: &self.model,
            messages,
            tools,
            temperature: self.temperature.filter(|_| !self.extra_body.0.contains_key("temperature")),
            extra: &self.extra_body.0,
            stream: true,
            stream_options: StreamOptions { include_usage: true },
        };
        let provider = self.endpoint.provider;
        let body = serde_json::to_vec(&body);
        body.map(Bytes::from)
            .map_err(|_| ProviderError::malformed(provider, "the conversation cannot be sent"))
    }

    async fn attempt(&self, body: Bytes, tools: &[Value]) -> Result<Reply, ProviderError> {
        let (provider, limits) = (self.endpoint.provider, self.endpoint.limits);
        let began = Instant::now();
        let request =
            self.endpoint.post("chat/completions").header(CONTENT_TYPE, "application/json").body(body);
        let answer = self.endpoint.send(request, ANSWER_LIMIT).await?;
        let content_type = answer.content_type();
        if content_type.starts_with("text/html") || content_type.starts_with("application/json") {
            let what = "the answer is no stream of events: look at LLM_BASE_URL";
            return Err(ProviderError::malformed(provider, what));
        }
        let meant = Meant::new(tools, Arc::clone(&self.thinks_first));
        begun(provider, parts(provider, answer, meant, began, limits)).await
    }
}

/// A reply that is read: the events, their reader, and the parts that were read and not handed out.
struct Reading {
    events: BoxStream<'static, Result<Event, EventStreamError<ProviderError>>>,
    reader: Reader,
    meant: Meant,
    waiting: VecDeque<ReplyPart>,
    /// When something that is said or called has to have come. A server that only keeps the connection alive, or sends spaces,
    /// says nothing.
    due: Instant,
    /// When all of it has to have come.
    whole_by: Instant,
}

pub(super) fn parts(
    provider: Provider,
    answer: Answer,
    meant: Meant,
    began: Instant,
    limits: Limits,
) -> Reply {
    let start = Reading {
        events: lines(provider, answer.chunks).eventsource().boxed(),
        reader: Reader::new(provider),
        meant,
        waiting: VecDeque::new(),
        due: began + limits.answer,
        whole_by: began + limits.answer * SILENT_LIMIT,
    };
    let next = move |mut reading: Reading| async move {
        loop {
            if let Some(part) = reading.waiting.pop_front() {
                if !part.is_blank() {
                    reading.due = Instant::now() + limits.idle;
                    reading.whole_by = began + limits.answer * REPLY_LIMIT;
                }
                return Ok(Some((part, reading)));
            }
            let Reading { events, reader, meant, waiting, due, whole_by } = &mut reading;
            let unseen = reader.unseen();
            if reader.is_over() {
                return Ok(None);
            }
            match timeout_at((*whole_by).min(*due), events.next()).await {
                Ok(Some(Ok(event))) => {
                    waiting.extend(meant.only(reader.read(&event.data)?));
                    if reader.unseen() > unseen {
                        *due = Instant::now() + limits.idle;
                    }
                }
                Ok(None) => waiting.extend(meant.only(reader.end()?)),
                // Once the model is done, a server that does not close its stream well has lost nothing.
                Ok(Some(Err(_))) | Err(_) if reader.is_complete() => {
                    waiting.extend(meant.only(reader.end()?));
                }
                Ok(Some(Err(EventStreamError::Transport(error)))) => return Err(error),
                Ok(Some(Err(EventStreamError::Utf8(_) | EventStreamError::Parser(_)))) => {
                    return Err(ProviderError::malformed(provider, "the stream of events cannot be read"));
                }
                Err(_) if *due < *whole_by => return Err(ProviderError::timeout(provider, limits.idle)),
                Err(_) => return Err(ProviderError::endless(provider)),
            }
        }
    };
    stream::try_unfold(start, next).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extra_body_adds_and_replaces_nothing_of_the_conversation() {
        assert!(
            r#"{"reasoning_effort": "none", "chat_template_kwargs": {"a": 1}}"#.parse::<ExtraBody>().is_ok()
        );
        for (text, why) in [
            ("none", "wanted a JSON object"),
            ("[1]", "wanted a JSON object"),
            (r#"{"model": "another"}"#, "\"model\" is set"),
            (r#"{"stream": false}"#, "\"stream\" is set"),
        ] {
            let error = text.parse::<ExtraBody>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
