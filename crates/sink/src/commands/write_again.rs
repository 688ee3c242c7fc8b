//! Writes messages that a command has read, as the running sink would write them: in its batches, and as many at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::bail;
use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use tokio::time::{Instant, sleep, sleep_until};

use crate::backoff::BACKOFF;
use crate::options::SinkOptions;
use crate::writer::{Message, WriteError, Writer, Written, write};

/// Tries that a replayed message gets while it, or the store, may still recover.
const ATTEMPTS: u32 = 5;
/// Most calls of the writer at a time: the store is also needed by the sink that runs beside the command.
const MOST_AT_A_TIME: usize = 16;

/// What became of one message.
#[derive(Debug, Serialize)]
pub(crate) struct Replayed {
    /// In the stream that it was read from.
    pub(crate) sequence: u64,
    /// What was done, where it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<&'static str>,
    /// Why it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// A message as it was read: its sequence, and what is to be written or why it cannot be.
pub(crate) type Read = (u64, Result<Message, String>);

/// At most `a_second` messages a second, where that is said. A store that stays unavailable ends the replay. What was read
/// before an error is written before that is told.
pub(crate) fn write_again<W: Writer>(
    messages: impl Stream<Item = anyhow::Result<Read>>,
    options: &SinkOptions,
    writer: &W,
    a_second: Option<u32>,
) -> impl Stream<Item = anyhow::Result<Replayed>> {
    let error = Arc::new(Mutex::new(None));
    let end = Arc::clone(&error);
    let readable = paced(messages, a_second).map(move |read| {
        read.map_err(|failed| *end.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed)).ok()
    });
    let readable =
        readable.take_while(|read| std::future::ready(read.is_some())).filter_map(std::future::ready);
    let error = stream::once(async move { error.lock().unwrap_or_else(PoisonError::into_inner).take() });
    let error = error.filter_map(async |failed| failed.map(Err));
    readable
        .chunks(options.max_batch)
        .map(move |batch| Ok(write_batch(options.write_timeout, writer, batch)))
        .try_buffer_unordered(options.max_concurrent_writes.min(MOST_AT_A_TIME))
        .map_ok(|batch| stream::iter(batch).map(Ok))
        .try_flatten()
        .chain(error)
}

fn paced<T>(items: impl Stream<Item = T>, a_second: Option<u32>) -> impl Stream<Item = T> {
    let pause = a_second.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate);
    let began = Instant::now();
    items.enumerate().then(move |(index, item)| async move {
        sleep_until(began + pause * u32::try_from(index).unwrap_or(u32::MAX)).await;
        item
    })
}

async fn write_batch<W: Writer>(
    write_timeout: Duration,
    writer: &W,
    batch: Vec<Read>,
) -> anyhow::Result<Vec<Replayed>> {
    let mut replayed = Vec::new();
    let mut messages = Vec::new();
    for (sequence, message) in batch {
        match message {
            Ok(message) => messages.push(message),
            Err(error) => replayed.push(kept(sequence, error)),
        }
    }
    for attempt in 1.. {
        if messages.is_empty() {
            break;
        }
        let results = write(writer, &messages, write_timeout).await;
        let mut again = Vec::new();
        let mut pause = BACKOFF.pause(attempt);
        for (message, result) in messages.into_iter().zip(results) {
            let sequence = message.stream_sequence;
            match result {
                Ok(Written { outcome }) => {
                    replayed.push(Replayed { sequence, outcome: Some(outcome), error: None });
                }
                Err(WriteError::Busy { reason, .. } | WriteError::Unavailable { reason, .. })
                    if attempt >= ATTEMPTS =>
                {
                    bail!("the store is unavailable: {reason}")
                }
                Err(WriteError::Reject { reason, .. }) => replayed.push(kept(sequence, reason)),
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
            sleep(pause).await;
        }
    }
    Ok(replayed)
}

fn kept(sequence: u64, error: String) -> Replayed {
    Replayed { sequence, outcome: None, error: Some(error) }
}
