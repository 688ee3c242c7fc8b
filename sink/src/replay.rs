use anyhow::bail;
use async_nats::jetstream::message::StreamMessage;
use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use schemas::SessionEvent;
use schemas::names::header;
use serde::Serialize;

use crate::backoff::pause_after;
use crate::dead_letter::{original_message_id, text};
use crate::dead_letters::{DeadLetters, Selection};
use crate::write::write;
use crate::{Message, SinkOptions, WriteError, Writer, Written};

/// Tries that a replayed message gets while it, or the store, may still recover.
const ATTEMPTS: u32 = 5;

/// What became of one dead letter.
#[derive(Debug, Serialize)]
pub(crate) struct Replayed {
    pub(crate) sequence: u64,
    /// Written and removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<&'static str>,
    /// Kept, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// Writes the selected dead letters as the running sink would, in its batches and as many at a time, and removes each after
/// its write. An unavailable store ends the replay.
pub(crate) fn replay<W: Writer>(
    letters: &DeadLetters,
    sink: &SinkOptions,
    writer: &W,
    selection: Selection,
) -> impl Stream<Item = anyhow::Result<Replayed>> {
    let batches = letters.read(selection).try_chunks(sink.max_batch);
    let replayed =
        batches.map_err(|error| error.1).map_ok(|batch| replay_batch(letters, sink, writer, batch));
    replayed
        .try_buffer_unordered(sink.max_in_flight)
        .map_ok(|batch| stream::iter(batch).map(Ok))
        .try_flatten()
}

async fn replay_batch<W: Writer>(
    letters: &DeadLetters,
    sink: &SinkOptions,
    writer: &W,
    batch: Vec<StreamMessage>,
) -> anyhow::Result<Vec<Replayed>> {
    let mut replayed = Vec::new();
    let mut messages = Vec::new();
    for letter in batch {
        match decode(&letter) {
            Ok(message) => messages.push(message),
            Err(error) => replayed.push(kept(letter.sequence, error.to_string())),
        }
    }
    for attempt in 1.. {
        if messages.is_empty() {
            break;
        }
        let results = write(writer, &messages, sink.write_timeout).await;
        let mut again = Vec::new();
        let mut pause = pause_after(attempt);
        for (message, result) in messages.into_iter().zip(results) {
            let sequence = message.stream_sequence;
            match result {
                Ok(Written { outcome }) => {
                    letters.remove(sequence).await?;
                    replayed.push(Replayed { sequence, outcome: Some(outcome), error: None });
                }
                Err(WriteError::Busy { reason, .. } | WriteError::Unavailable { reason, .. })
                    if attempt >= ATTEMPTS =>
                {
                    bail!("the store is unavailable: {reason}")
                }
                Err(WriteError::Reject { reason }) => replayed.push(kept(sequence, reason)),
                Err(WriteError::Retry { reason }) if attempt >= ATTEMPTS => {
                    replayed.push(kept(sequence, reason))
                }
                Err(WriteError::Busy { after, .. } | WriteError::Unavailable { after, .. }) => {
                    pause = pause.max(after.unwrap_or_default());
                    again.push(message);
                }
                Err(WriteError::Retry { .. }) => again.push(message),
            }
        }
        messages = again;
        if !messages.is_empty() {
            tokio::time::sleep(pause).await;
        }
    }
    Ok(replayed)
}

/// With the `Nats-Msg-Id` that the event was published with, so that its identity is the same.
fn decode(letter: &StreamMessage) -> Result<Message, schemas::DecodeError> {
    let event = SessionEvent::decode(&letter.payload, original_message_id(&letter.headers))?;
    let deliveries = text(&letter.headers, header::DEAD_LETTER_DELIVERIES).and_then(|text| text.parse().ok());
    Ok(Message {
        event,
        payload: letter.payload.clone(),
        attempt: deliveries.unwrap_or(0) + 1,
        stream_sequence: letter.sequence,
    })
}

fn kept(sequence: u64, error: String) -> Replayed {
    Replayed { sequence, outcome: None, error: Some(error) }
}
