//! Reads the streams: their last messages, how far the sinks are, and what waits as a dead letter.
//!
//! Everything here is a request of JetStream's API, so that nothing is consumed and nothing but the right to ask is needed.
//! Messages are asked for one by one, by their sequence: the answer is JSON with their bytes in it, which the client can read
//! whatever a publisher sent. So one reading costs some dozens of requests, however many messages there are, and one message is
//! in memory at a time. What was read is kept, without its bytes, because messages do not change.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use async_nats::jetstream::{self, ErrorCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use schemas::names::{DEAD_LETTERS_STREAM, DEAD_LETTERS_SUBJECTS, SESSIONS_STREAM, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use service::JetStream;

use super::overview::LastEvents;
use super::overview::call::Event;
use super::overview::dead_letters::{DeadLetter, DeadLetters, Headers, Waiting, sink};
use super::overview::progress::Progress;

/// Calls that are shown.
const CALLS: usize = 50;
/// Sequences that are asked for to find them: some may have been removed.
const MOST_SEQUENCES: u64 = 200;
/// Dead letters that are read beside the oldest and the newest of each sink.
const MOST_LETTERS: usize = 200;
/// Sinks whose dead letters are told apart.
const MOST_SINKS: usize = 10;
/// How far the clocks of two servers may be apart.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(1);
/// The server's answer to a request that it does not understand.
const BAD_REQUEST: ErrorCode = ErrorCode(10_003);

/// What was read of the stream of sessions, kept for as long as its messages are the same.
#[derive(Default)]
pub(super) struct Sessions {
    read_of: Option<Version>,
    /// None where there is no message.
    known: BTreeMap<u64, Option<Event>>,
}

/// What was read of the stream of dead letters.
#[derive(Default)]
pub(super) struct Letters {
    read_of: Option<(StreamInfo, Option<DateTime<Utc>>)>,
    known: DeadLetters,
}

#[derive(Clone, PartialEq, Deserialize)]
struct StreamInfo {
    created: DateTime<Utc>,
    state: State,
}

#[derive(Clone, PartialEq, Deserialize)]
struct State {
    messages: u64,
    first_seq: u64,
    last_seq: u64,
    #[serde(default)]
    num_deleted: u64,
    #[serde(default)]
    subjects: Option<BTreeMap<String, u64>>,
}

/// Changes when a stream is made anew, and when a message within it is removed.
#[derive(PartialEq)]
struct Version {
    created: DateTime<Utc>,
    removed: u64,
}

impl Sessions {
    /// The last calls, from the newest on. What was read stays known where this is given up.
    pub(super) async fn read(&mut self, jetstream: &JetStream) -> anyhow::Result<LastEvents> {
        let StreamInfo { created, state } = stream_info(jetstream, SESSIONS_STREAM, &json!({})).await?;
        let version = Version { created, removed: state.num_deleted };
        if self.read_of.as_ref() != Some(&version) {
            *self = Self { read_of: Some(version), known: BTreeMap::new() };
        }
        let oldest = state.first_seq.max(state.last_seq.saturating_sub(MOST_SEQUENCES - 1)).max(1);
        self.known = self.known.split_off(&oldest);
        let mut events = Vec::with_capacity(CALLS);
        for sequence in (oldest..=state.last_seq).rev() {
            let event = match self.known.get(&sequence) {
                Some(known) => known.clone(),
                None => {
                    let message = message(jetstream, SESSIONS_STREAM, &json!({ "seq": sequence })).await?;
                    self.known.entry(sequence).or_insert(message.map(Message::into_event)).clone()
                }
            };
            events.extend(event);
            if events.len() == CALLS {
                break;
            }
        }
        Ok(LastEvents { in_stream: state.messages, events })
    }
}

impl Letters {
    /// How many there are of each sink, its oldest and newest, and all that the stream took since that time.
    pub(super) async fn read(
        &mut self,
        jetstream: &JetStream,
        since: Option<DateTime<Utc>>,
    ) -> anyhow::Result<DeadLetters> {
        let wanted = json!({ "subjects_filter": DEAD_LETTERS_SUBJECTS });
        let now = stream_info(jetstream, DEAD_LETTERS_STREAM, &wanted).await?;
        let read_of = Some((now, since));
        if self.read_of != read_of {
            if let Some((info, since)) = &read_of {
                self.known = dead_letters(jetstream, &info.state, *since).await?;
            }
            self.read_of = read_of;
        }
        Ok(self.known.clone())
    }
}

/// How far a sink's durable consumer is; none where it has none.
pub(super) async fn progress(jetstream: &JetStream, sink: &str) -> anyhow::Result<Option<Progress>> {
    request(jetstream, &format!("CONSUMER.INFO.{SESSIONS_STREAM}.{sink}"), &json!({})).await
}

async fn dead_letters(
    jetstream: &JetStream,
    state: &State,
    since: Option<DateTime<Utc>>,
) -> anyhow::Result<DeadLetters> {
    let mut subjects: Vec<_> = state.subjects.iter().flatten().map(|(name, count)| (name, *count)).collect();
    subjects.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut letters = BTreeMap::new();
    for (subject, _) in subjects.iter().take(MOST_SINKS) {
        for wanted in [json!({ "seq": 1, "next_by_subj": subject }), json!({ "last_by_subj": subject })] {
            let letter = message(jetstream, DEAD_LETTERS_STREAM, &wanted).await?;
            letters.extend(letter.map(|letter| (letter.seq, letter.into_letter())));
        }
    }
    let mut is_complete = true;
    if let Some(since) = since.filter(|_| state.messages > 0) {
        let mut next = first_since(jetstream, since - CLOCKS_APART).await?;
        let mut left = MOST_LETTERS;
        while let Some(letter) = next {
            if left == 0 {
                is_complete = false;
                break;
            }
            left -= 1;
            let wanted =
                json!({ "seq": letter.seq.saturating_add(1), "next_by_subj": DEAD_LETTERS_SUBJECTS });
            letters.insert(letter.seq, letter.into_letter());
            next = message(jetstream, DEAD_LETTERS_STREAM, &wanted).await?;
        }
    }
    let waiting = subjects.into_iter().take(MOST_SINKS);
    let waiting = waiting.map(|(subject, count)| Waiting { sink: sink(subject), count }).collect();
    Ok(DeadLetters { waiting, letters: letters.into_values().rev().collect(), is_complete })
}

/// The first letter that the stream took then or later; of a server that cannot find it by its time, the first of all.
async fn first_since(jetstream: &JetStream, since: DateTime<Utc>) -> anyhow::Result<Option<Message>> {
    let wanted = json!({ "next_by_subj": DEAD_LETTERS_SUBJECTS, "start_time": since });
    match message(jetstream, DEAD_LETTERS_STREAM, &wanted).await {
        Err(error) if is_refused(&error) => {
            let first = json!({ "seq": 1, "next_by_subj": DEAD_LETTERS_SUBJECTS });
            message(jetstream, DEAD_LETTERS_STREAM, &first).await
        }
        answer => answer,
    }
}

fn is_refused(error: &anyhow::Error) -> bool {
    let refusal = error.downcast_ref::<jetstream::Error>();
    refusal.is_some_and(|refusal| refusal.error_code() == BAD_REQUEST)
}

/// `wanted` is an object; its `subjects_filter` names the subjects that are counted.
async fn stream_info(jetstream: &JetStream, stream: &str, wanted: &Value) -> anyhow::Result<StreamInfo> {
    let info = request(jetstream, &format!("STREAM.INFO.{stream}"), wanted).await?;
    info.with_context(|| format!("there is no stream {stream}: run `setup` of a sink"))
}

/// A message as its stream has it.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    subject: String,
    seq: u64,
    #[serde(default, deserialize_with = "bytes")]
    hdrs: Vec<u8>,
    #[serde(default, deserialize_with = "bytes")]
    data: Vec<u8>,
    #[serde(default)]
    time: String,
}

impl Message {
    fn published(&self) -> Option<DateTime<Utc>> {
        self.time.parse().ok()
    }

    fn into_event(self) -> Event {
        let id = Headers::of(&self.hdrs).get(header::MESSAGE_ID);
        Event::read(self.seq, self.published(), &self.data, id)
    }

    fn into_letter(self) -> DeadLetter {
        DeadLetter::read(self.seq, &self.subject, self.published(), &Headers::of(&self.hdrs))
    }
}

fn bytes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
    STANDARD.decode(text.as_bytes()).map_err(serde::de::Error::custom)
}

/// The message that is wanted; none where there is none.
async fn message(jetstream: &JetStream, stream: &str, wanted: &Value) -> anyhow::Result<Option<Message>> {
    #[derive(Deserialize)]
    struct Found {
        message: Message,
    }
    let found: Option<Found> = request(jetstream, &format!("STREAM.MSG.GET.{stream}"), wanted).await?;
    Ok(found.map(|found| found.message))
}

/// Asks JetStream; none where it knows no such stream, consumer or message.
async fn request<T: DeserializeOwned>(
    jetstream: &JetStream,
    subject: &str,
    wanted: &Value,
) -> anyhow::Result<Option<T>> {
    #[derive(Deserialize)]
    struct Answer<T> {
        error: Option<jetstream::Error>,
        #[serde(flatten)]
        content: Option<T>,
    }
    let full_subject = format!("$JS.API.{subject}");
    let asked = jetstream.request(subject.to_owned(), wanted);
    let answer = jetstream.unless_refused(&full_subject, asked).await?;
    let answer: Answer<T> = answer.with_context(|| format!("no answer on {full_subject}"))?;
    let absent = [ErrorCode::NO_MESSAGE_FOUND, ErrorCode::STREAM_NOT_FOUND, ErrorCode::CONSUMER_NOT_FOUND];
    match (answer.error, answer.content) {
        (Some(error), _) if absent.contains(&error.error_code()) => Ok(None),
        (Some(error), _) => Err(error.into()),
        (None, Some(content)) => Ok(Some(content)),
        (None, None) => bail!("the answer on {full_subject} cannot be read"),
    }
}
