//! Messages of a stream as they are stored. They are read by JetStream's own request, whose answer is JSON with their bytes
//! in it: nothing that a publisher sent is read by the client, which breaks at some of it.

use std::time::Duration;

use anyhow::{Context as _, bail};
use async_nats::jetstream::ErrorCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service::JetStream;
use tokio::time::sleep;

use crate::streams::ack_subject::MessageKey;
use crate::streams::headers::Headers;

/// Tries of a request that gets no answer, as while a stream has no leader.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);
/// The server's answer to a request that it does not understand.
const BAD_REQUEST: ErrorCode = ErrorCode(10_003);

/// A message as its stream has it.
#[derive(Debug)]
pub(crate) struct StoredMessage {
    pub(crate) sequence: u64,
    /// Bytes that are no text are marked as such in it.
    pub(crate) subject: String,
    pub(crate) headers: Headers,
    pub(crate) payload: Bytes,
    /// When the stream took it, RFC 3339.
    pub(crate) time: String,
}

impl StoredMessage {
    pub(crate) fn key(&self) -> MessageKey {
        let published = self.published().and_then(|time| time.timestamp_nanos_opt());
        MessageKey { sequence: self.sequence, published: published.unwrap_or_default() }
    }

    /// When the stream took it; none where its clock was beyond all reason.
    pub(crate) fn published(&self) -> Option<DateTime<Utc>> {
        DateTime::parse_from_rfc3339(&self.time).ok().map(|time| time.to_utc())
    }

    /// Could the client break at it, on its way from a consumer?
    pub(crate) fn is_odd(&self) -> bool {
        self.headers.raw.is_some() || !self.subject.chars().all(|char| char.is_ascii_graphic())
    }
}

/// A stream whose messages are read.
#[derive(Clone)]
pub(crate) struct StoredMessages {
    jetstream: JetStream,
    stream: &'static str,
    tries: u32,
}

impl StoredMessages {
    pub(crate) fn of(jetstream: JetStream, stream: &'static str) -> Self {
        Self { jetstream, stream, tries: TRIES }
    }

    pub(crate) fn jetstream(&self) -> &JetStream {
        &self.jetstream
    }

    pub(crate) fn stream(&self) -> &'static str {
        self.stream
    }

    /// For one who has something else to do where there is no answer.
    pub(crate) fn tried_once(self) -> Self {
        Self { tries: 1, ..self }
    }

    /// The message with this sequence; none where the stream does not have it (any more).
    pub(crate) async fn get(&self, sequence: u64) -> anyhow::Result<Option<StoredMessage>> {
        let wanted = Wanted { seq: Some(sequence), ..Wanted::default() };
        self.request(&wanted).await.with_context(|| format!("read message {sequence} of {}", self.stream))
    }

    /// The first with this subject from a sequence on.
    pub(crate) async fn next(&self, from: u64, subject: &str) -> anyhow::Result<Option<StoredMessage>> {
        let wanted = Wanted { seq: Some(from.max(1)), next_by_subj: Some(subject), start_time: None };
        let reading = || format!("read the messages of {} from {from} on", self.stream);
        self.request(&wanted).await.with_context(reading)
    }

    /// The first with this subject that the stream took then or later; of a server that cannot find it by its time, the
    /// first of all.
    pub(crate) async fn first_since(
        &self,
        time: DateTime<Utc>,
        subject: &str,
    ) -> anyhow::Result<Option<StoredMessage>> {
        let wanted = Wanted { seq: None, next_by_subj: Some(subject), start_time: Some(time) };
        match self.request(&wanted).await {
            Err(error) if is_refused(&error) => self.next(1, subject).await,
            answer => answer.with_context(|| format!("read the messages of {} since {time}", self.stream)),
        }
    }

    async fn request(&self, wanted: &Wanted<'_>) -> anyhow::Result<Option<StoredMessage>> {
        let mut tries = 1;
        let subject = format!("$JS.API.STREAM.MSG.GET.{}", self.stream);
        let answer: Answer = loop {
            let asked = self.jetstream.request(format!("STREAM.MSG.GET.{}", self.stream), wanted);
            match self.jetstream.unless_refused(&subject, asked).await? {
                Ok(answer) => break answer,
                Err(_) if tries < self.tries => sleep(PAUSE).await,
                Err(error) => return Err(error).with_context(|| format!("no answer on {subject}")),
            }
            tries += 1;
        };
        match (answer.error, answer.message) {
            (Some(error), _) if error.error_code() == ErrorCode::NO_MESSAGE_FOUND => Ok(None),
            (Some(error), _) => Err(error.into()),
            (None, Some(message)) => message.decode().map(Some),
            (None, None) => bail!("the server's answer has neither a message nor an error"),
        }
    }
}

fn is_refused(error: &anyhow::Error) -> bool {
    let refusal = error.downcast_ref::<async_nats::jetstream::Error>();
    refusal.is_some_and(|refusal| refusal.error_code() == BAD_REQUEST)
}

#[derive(Default, Serialize)]
struct Wanted<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_by_subj: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Answer {
    error: Option<async_nats::jetstream::Error>,
    message: Option<Encoded>,
}

#[derive(Deserialize)]
struct Encoded {
    #[serde(default)]
    subject: String,
    seq: u64,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
    #[serde(default)]
    time: String,
}

impl Encoded {
    fn decode(self) -> anyhow::Result<StoredMessage> {
        let decode = |text: String| STANDARD.decode(text).context("decode the server's answer");
        Ok(StoredMessage {
            sequence: self.seq,
            subject: self.subject,
            headers: Headers::parse(decode(self.hdrs)?.into()),
            payload: decode(self.data)?.into(),
            time: self.time,
        })
    }
}
