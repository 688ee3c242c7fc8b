//! A message on its way to the dead-letter stream. It is settled only once the stream has it, in one form or another.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_nats::header::HeaderMap;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Request, RequestErrorKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use schemas::names::{self, header};
use serde::Deserialize;
use service::JetStream;
use sha2::{Digest as _, Sha256};

use crate::streams::ack_subject::MessageKey;
use crate::streams::headers::{Headers, wire_length};
use crate::streams::stored_message::{StoredMessage, StoredMessages};

/// How long the dead-letter stream may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest reason that is kept, in bytes; the headroom below `max_payload` is for the headers.
const LONGEST_REASON: usize = 1_024;
/// The server takes no message with more bytes of headers.
const MOST_HEADER_BYTES: usize = 65_535;
/// Letters with the same id that were taken away again, after which one is stored without an id.
const MOST_COPIES: u32 = 5;
/// What is tried, one after the other, until one is small enough.
const FORMS: [Form; 5] =
    [Form::AsItWas, Form::Packed, Form::Cut(256 * 1024), Form::Cut(16 * 1024), Form::Cut(0)];

/// A message that its sink could not write.
#[derive(Clone)]
pub(crate) struct DeadLetter {
    pub(crate) sink: &'static str,
    pub(crate) reason: String,
    pub(crate) payload: Bytes,
    pub(crate) headers: Headers,
    pub(crate) subject: String,
    pub(crate) key: MessageKey,
    pub(crate) deliveries: u64,
}

/// What a letter has of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Body and headers as they were.
    AsItWas,
    /// Headers and body, compressed.
    Packed,
    /// The beginning of the body, this many bytes of it; the whole body is in the stream that it came from.
    Cut(usize),
}

/// A letter that the stream has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored {
    pub(crate) form: Form,
    pub(crate) since: Since,
}

/// Since when the stream has a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    Now,
    /// An earlier delivery of the message has made it, at this time of the server's.
    Before(DateTime<Utc>),
}

impl DeadLetter {
    /// Publishes it and waits until the stream has it. Moving the same message twice makes one dead letter.
    pub(crate) async fn store(&self, jetstream: &JetStream) -> anyhow::Result<Stored> {
        let most = jetstream.client().max_payload();
        let mut too_large = String::new();
        for form in FORMS {
            let (headers, body) = self.in_form(form).await?;
            let header_bytes = wire_length(&headers);
            if header_bytes > MOST_HEADER_BYTES || header_bytes + body.len() > most {
                too_large =
                    format!("it takes {} bytes, and the server takes {most}", header_bytes + body.len());
                continue;
            }
            match self.publish(jetstream, &headers, &body).await? {
                Ok(since) => return Ok(Stored { form, since }),
                Err(refusal) => too_large = refusal,
            }
        }
        bail!("the dead letter is too large, even without the message: {too_large}")
    }

    pub(crate) async fn in_form(&self, form: Form) -> anyhow::Result<(HeaderMap, Bytes)> {
        let mut headers = HeaderMap::new();
        let body = match form {
            Form::AsItWas => {
                for (name, values) in self.headers.read.iter() {
                    let name = kept_name(name.as_ref());
                    for value in values {
                        headers.append(name.as_str(), value.clone());
                    }
                }
                if let Some(raw) = &self.headers.raw {
                    headers.insert(header::DEAD_LETTER_HEADERS, STANDARD.encode(raw));
                }
                self.payload.clone()
            }
            Form::Packed => {
                let block = self.headers.to_bytes();
                headers.insert(header::DEAD_LETTER_PACKED, block.len().to_string());
                let payload = self.payload.clone();
                tokio::task::spawn_blocking(move || pack(&block, &payload)).await.context("pack")??
            }
            Form::Cut(most) => {
                headers.insert(header::DEAD_LETTER_CUT, self.payload.len().to_string());
                self.payload.slice(..most.min(self.payload.len()))
            }
        };
        if form != Form::AsItWas
            && let Some(id) = self.headers.message_id().filter(|id| id.len() <= LONGEST_REASON)
        {
            headers.insert(kept_name(header::MESSAGE_ID).as_str(), id);
        }
        for (name, value) in [
            (header::DEAD_LETTER_ERROR, self.reason(form)),
            (header::DEAD_LETTER_SINK, self.sink.to_owned()),
            (header::DEAD_LETTER_STREAM_SEQUENCE, self.key.sequence.to_string()),
            (header::DEAD_LETTER_SUBJECT, one_line(&self.subject)),
            (header::DEAD_LETTER_PUBLISHED, published(self.key)),
            (header::DEAD_LETTER_DELIVERIES, self.deliveries.to_string()),
        ] {
            headers.insert(name, value);
        }
        Ok((headers, body))
    }

    fn reason(&self, form: Form) -> String {
        let reason = one_line(&self.reason);
        match form {
            Form::AsItWas | Form::Packed => reason,
            Form::Cut(_) => format!(
                "{reason}; the message of {} bytes is too large for a dead letter: all of it is in {}, sequence {}, as long as \
                 that keeps it",
                self.payload.len(),
                names::SESSIONS_STREAM,
                self.key.sequence,
            ),
        }
    }

    /// Since when it is stored, or an answer that it is too large. The server takes a letter with a known id for the one that it has had: only
    /// where that one is still there, and the same, is this one stored.
    async fn publish(
        &self,
        jetstream: &JetStream,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> anyhow::Result<Result<Since, String>> {
        let digest = hex_digest(&self.payload);
        for copy in 1..=MOST_COPIES + 1 {
            let MessageKey { sequence, published } = self.key;
            let mut headers = headers.clone();
            if copy <= MOST_COPIES {
                let id = names::dead_letter_message_id(self.sink, sequence, published, &digest, copy);
                headers.insert(header::MESSAGE_ID, id);
            }
            let stored = match send(jetstream, self.sink, headers, body.clone()).await? {
                Sent::Stored(stored) => stored,
                Sent::TooLarge(refusal) => return Ok(Err(refusal)),
            };
            if !stored.duplicate {
                return Ok(Ok(Since::Now));
            }
            if let Some(letter) = self.stored_before(jetstream, stored.sequence, body).await {
                return Ok(Ok(Since::Before(letter.published().unwrap_or_default())));
            }
        }
        bail!("the dead-letter stream takes it for another one, and answers so without a message id")
    }

    async fn stored_before(
        &self,
        jetstream: &JetStream,
        sequence: u64,
        body: &Bytes,
    ) -> Option<StoredMessage> {
        let letters = StoredMessages::of(jetstream.clone(), names::DEAD_LETTERS_STREAM).tried_once();
        // One that cannot be read may be another one. Twice is better than never.
        letters.get(sequence).await.ok().flatten().filter(|letter| self.is(letter, body))
    }

    fn is(&self, letter: &StoredMessage, body: &Bytes) -> bool {
        let has = |name, value: &str| letter.headers.get(name) == Some(value);
        letter.payload == body
            && has(header::DEAD_LETTER_SINK, self.sink)
            && has(header::DEAD_LETTER_STREAM_SEQUENCE, &self.key.sequence.to_string())
            && has(header::DEAD_LETTER_PUBLISHED, &published(self.key))
    }
}

enum Sent {
    Stored(PublishAck),
    TooLarge(String),
}

#[derive(Deserialize)]
struct Answer {
    error: Option<jetstream::Error>,
    #[serde(flatten)]
    stored: Option<PublishAck>,
}

async fn send(jetstream: &JetStream, sink: &str, headers: HeaderMap, body: Bytes) -> anyhow::Result<Sent> {
    let subject = names::dead_letter_subject(sink);
    let request = Request::new().headers(headers).payload(body).timeout(Some(ANSWER_TIMEOUT));
    let client = jetstream.client();
    let answer = jetstream.unless_refused(&subject, client.send_request(subject.clone(), request)).await?;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let no_answer = no_answer(error.kind(), sink);
            return Err(error).context(no_answer);
        }
    };
    let answer: Answer =
        serde_json::from_slice(&answer.payload).context("read the dead-letter stream's answer")?;
    match (answer.error, answer.stored) {
        (Some(error), _)
            if [ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM, ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM]
                .contains(&error.error_code()) =>
        {
            Ok(Sent::TooLarge(error.to_string()))
        }
        (Some(error), _) => {
            let refused = format!("stream {} refuses the dead letter", names::DEAD_LETTERS_STREAM);
            Err(error).context(refused)
        }
        (None, Some(stored)) if stored.stream == names::DEAD_LETTERS_STREAM => Ok(Sent::Stored(stored)),
        (None, Some(stored)) => bail!(
            "stream {} takes the dead letters, and not {}: take {} out of its subjects, then run `{sink} setup`",
            stored.stream,
            names::DEAD_LETTERS_STREAM,
            names::DEAD_LETTERS_SUBJECTS
        ),
        (None, None) => bail!("the answer of {} says nothing", names::DEAD_LETTERS_STREAM),
    }
}

/// Why a stream says nothing, and what to do.
fn no_answer(kind: RequestErrorKind, sink: &str) -> String {
    let (stream, subject) = (names::DEAD_LETTERS_STREAM, names::dead_letter_subject(sink));
    match kind {
        RequestErrorKind::NoResponders => format!("no stream takes {subject}: run `{sink} setup`"),
        RequestErrorKind::TimedOut => format!(
            "stream {stream} does not say that it has the dead letter: it must not have no_ack (`{sink} check` tells)"
        ),
        _ => format!("publish the dead letter to {stream}"),
    }
}

pub(crate) fn pack(headers: &[u8], payload: &[u8]) -> anyhow::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(headers)?;
    encoder.write_all(payload)?;
    Ok(encoder.finish()?.into())
}

/// The name under which a letter has one of its message's own headers.
pub(crate) fn kept_name(name: &str) -> String {
    let starts_with =
        |start: &str| name.get(..start.len()).is_some_and(|name| name.eq_ignore_ascii_case(start));
    // The first are obeyed by the server, the others are ours.
    if starts_with("nats-") || starts_with("postcall-") {
        format!("{}{name}", header::ORIGINAL_PREFIX)
    } else {
        name.to_owned()
    }
}

fn published(key: MessageKey) -> String {
    DateTime::from_timestamp_nanos(key.published).to_rfc3339_opts(SecondsFormat::Nanos, true)
}

fn hex_digest(payload: &[u8]) -> String {
    let start = Sha256::digest(payload).into_iter().take(8);
    format!("{:016x}", start.fold(0_u64, |digest, byte| digest << 8 | u64::from(byte)))
}

/// A header value has no line ends, and this one a bounded length.
fn one_line(text: &str) -> String {
    let mut line = text.replace(char::is_control, " ");
    line.truncate(line.floor_char_boundary(LONGEST_REASON));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(headers: &'static [u8], payload: &'static [u8]) -> DeadLetter {
        DeadLetter {
            sink: "sink-test",
            reason: format!("bad\r\nNats-Rollup: all{}", "é".repeat(1_000)),
            payload: Bytes::from_static(payload),
            headers: Headers::parse(Bytes::from_static(headers)),
            subject: "sessions.ended.v1".to_owned(),
            key: MessageKey { sequence: 7, published: 1_761_739_200_000_000_001 },
            deliveries: 2,
        }
    }

    fn lines(headers: &HeaderMap) -> String {
        let mut lines: Vec<_> = headers
            .iter()
            .filter(|(name, _)| name.to_string() != header::DEAD_LETTER_ERROR)
            .map(|(name, values)| format!("{name}: {}", values[0].as_str()))
            .collect();
        lines.sort();
        lines.join("\n")
    }

    #[tokio::test]
    async fn headers_are_kept_and_those_of_the_server_and_ours_are_renamed() {
        let letter = letter(
            b"NATS/1.0\r\nNats-Msg-Id: room-AJ_1\r\nNats-TTL: 1s\r\nContent-Type: application/json\r\n\
              Postcall-Dead-Letter-Sink: other\r\n\r\n",
            b"{",
        );
        let (headers, body) = letter.in_form(Form::AsItWas).await.unwrap();
        assert_eq!(body, "{");
        assert!(headers.get(header::DEAD_LETTER_ERROR).unwrap().as_str().len() <= LONGEST_REASON);
        insta::assert_snapshot!(lines(&headers), @r"
        Content-Type: application/json
        Postcall-Dead-Letter-Deliveries: 2
        Postcall-Dead-Letter-Published: 2025-10-29T12:00:00.000000001Z
        Postcall-Dead-Letter-Sink: sink-test
        Postcall-Dead-Letter-Stream-Sequence: 7
        Postcall-Dead-Letter-Subject: sessions.ended.v1
        Postcall-Original-Nats-Msg-Id: room-AJ_1
        Postcall-Original-Nats-TTL: 1s
        Postcall-Original-Postcall-Dead-Letter-Sink: other
        ");
    }

    #[tokio::test]
    async fn odd_headers_are_kept_whole() {
        let odd = b"NATS/1.0\r\nX-Trace: a\rb\r\nX-Fine: c\r\n\r\n";
        let (headers, _) = letter(odd, b"{").in_form(Form::AsItWas).await.unwrap();
        let kept = headers.get(header::DEAD_LETTER_HEADERS).unwrap().as_str();
        assert_eq!(STANDARD.decode(kept).unwrap(), odd);
        assert_eq!(headers.get("X-Fine").unwrap().as_str(), "c");
    }

    #[tokio::test]
    async fn a_cut_letter_says_where_the_whole_is() {
        let letter = letter(b"NATS/1.0\r\nNats-Msg-Id: id\r\n\r\n", b"0123456789");
        let (headers, body) = letter.in_form(Form::Cut(4)).await.unwrap();
        assert_eq!(body, "0123");
        assert_eq!(headers.get(header::DEAD_LETTER_CUT).unwrap().as_str(), "10");
        let reason = headers.get(header::DEAD_LETTER_ERROR).unwrap().as_str();
        assert!(
            reason.ends_with("all of it is in SESSIONS, sequence 7, as long as that keeps it"),
            "{reason}"
        );
        let (headers, body) = letter.in_form(Form::Cut(64)).await.unwrap();
        assert_eq!(
            (&body[..], headers.get("Postcall-Original-Nats-Msg-Id").unwrap().as_str()),
            (&b"0123456789"[..], "id")
        );
    }
}
