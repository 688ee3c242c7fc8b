//! `/chat/completions`: what to say and which tools to call, streamed.

use std::collections::VecDeque;

use bytes::Bytes;
use eventsource_stream::{Event, EventStreamError, Eventsource as _};
use futures::stream::{self, BoxStream, StreamExt as _};
use reqwest::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::error::{Provider, ProviderError};
use super::lines::lines;
use super::message::ChatMessage;
use super::reply::{Reader, ReplyPart};
use super::request::{Answer, Endpoint, Limits, begun};

/// Most bytes of an answer.
const ANSWER_LIMIT: usize = 8 * 1024 * 1024;
/// Longest time of a whole reply, as a multiple of the longest time to its first part: a minute by default, in which more is
/// written than anybody says in a turn.
const REPLY_LIMIT: u32 = 6;

/// A reply as it comes. It ends with [`ReplyPart::Finished`] or an error, and nothing comes after either.
pub type Reply = BoxStream<'static, Result<ReplyPart, ProviderError>>;

/// Replies to a conversation; clones share connections.
#[derive(Clone)]
pub struct LanguageModel {
    endpoint: Endpoint,
    model: String,
    temperature: Option<f64>,
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
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl LanguageModel {
    pub(super) fn new(endpoint: Endpoint, model: &str, temperature: Option<f64>) -> Self {
        Self { endpoint, model: model.to_owned(), temperature }
    }

    /// Begins a reply; `tools` are definitions in OpenAI's form. Returns with the reply's first part.
    ///
    /// # Errors
    /// The provider failed before the first part, and the tries are used up. Later failures are in the stream.
    pub async fn reply(&self, messages: &[ChatMessage], tools: &[Value]) -> Result<Reply, ProviderError> {
        let body = self.body(messages, tools)?;
        let reply = self.endpoint.retried(|| self.attempt(body.clone())).await?;
        Ok(self.endpoint.watched(reply))
    }

    /// Asks once, and waits for the begin of the reply only.
    ///
    /// # Errors
    /// The provider failed.
    pub async fn try_once(&self, messages: &[ChatMessage], tools: &[Value]) -> Result<(), ProviderError> {
        let body = self.body(messages, tools)?;
        self.endpoint.once(|| self.attempt(body.clone())).await.map(drop)
    }

    /// Whether there is reason to [`Self::try_once`].
    pub async fn is_doubtful(&self) -> bool {
        self.endpoint.is_doubtful().await
    }

    fn body(&self, messages: &[ChatMessage], tools: &[Value]) -> Result<Bytes, ProviderError> {
        let body = Body {
            model: &self.model,
            messages,
            tools,
            temperature: self.temperature,
            stream: true,
            stream_options: StreamOptions { include_usage: true },
        };
        let provider = self.endpoint.provider;
        let body = serde_json::to_vec(&body);
        body.map(Bytes::from)
            .map_err(|_| ProviderError::malformed(provider, "the conversation cannot be sent"))
    }

    async fn attempt(&self, body: Bytes) -> Result<Reply, ProviderError> {
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
        begun(provider, parts(provider, answer, began, limits)).await
    }
}

/// A reply that is read: the events, their reader, and the parts that were read and not handed out.
struct Reading {
    events: BoxStream<'static, Result<Event, EventStreamError<ProviderError>>>,
    reader: Reader,
    waiting: VecDeque<ReplyPart>,
    /// When something that is said or called has to have come. A server that only keeps the connection alive, or sends spaces,
    /// says nothing.
    due: Instant,
}

fn parts(provider: Provider, answer: Answer, began: Instant, limits: Limits) -> Reply {
    let whole_by = began + limits.answer * REPLY_LIMIT;
    let start = Reading {
        events: lines(provider, answer.chunks).eventsource().boxed(),
        reader: Reader::new(provider),
        waiting: VecDeque::new(),
        due: began + limits.answer,
    };
    let next = move |mut reading: Reading| async move {
        loop {
            if let Some(part) = reading.waiting.pop_front() {
                if !part.is_blank() {
                    reading.due = Instant::now() + limits.idle;
                }
                return Ok(Some((part, reading)));
            }
            let Reading { events, reader, waiting, due } = &mut reading;
            let pieces_of_calls = reader.pieces_of_calls();
            if reader.is_over() {
                return Ok(None);
            }
            match timeout_at(whole_by.min(*due), events.next()).await {
                Ok(Some(Ok(event))) => {
                    waiting.extend(reader.read(&event.data)?);
                    if reader.pieces_of_calls() > pieces_of_calls {
                        *due = Instant::now() + limits.idle;
                    }
                }
                Ok(None) => waiting.extend(reader.end()?),
                // Once the model is done, a server that does not close its stream well has lost nothing.
                Ok(Some(Err(_))) | Err(_) if reader.is_complete() => waiting.extend(reader.end()?),
                Ok(Some(Err(EventStreamError::Transport(error)))) => return Err(error),
                Ok(Some(Err(EventStreamError::Utf8(_) | EventStreamError::Parser(_)))) => {
                    return Err(ProviderError::malformed(provider, "the stream of events cannot be read"));
                }
                Err(_) if *due < whole_by => return Err(ProviderError::timeout(provider, limits.idle)),
                Err(_) => return Err(ProviderError::endless(provider)),
            }
        }
    };
    stream::try_unfold(start, next).boxed()
}
