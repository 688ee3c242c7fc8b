//! A dead letter as the stream has it, and the message in it.

use std::io::Read as _;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use flate2::read::GzDecoder;
use schemas::names::{self, header};
use service::JetStream;

use crate::streams::dead_letter::kept_name;
use crate::streams::headers::Headers;
use crate::streams::stored_message::{StoredMessage, StoredMessages};

/// No server takes a message with more bytes, so nobody has packed one.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Body and `Nats-Msg-Id` that the message had.
#[derive(Debug)]
pub(crate) struct Original {
    pub(crate) payload: Bytes,
    pub(crate) message_id: Option<String>,
}

/// The message that a letter is about, whole.
///
/// # Errors
/// The letter has only its beginning, and the stream that it came from does not have it any more; or it is damaged.
pub(crate) async fn original(letter: &StoredMessage, jetstream: &JetStream) -> anyhow::Result<Original> {
    if let Some(all) = letter.headers.get(header::DEAD_LETTER_CUT) {
        return whole(letter, all, jetstream).await;
    }
    if let Some(headers) = letter.headers.get(header::DEAD_LETTER_PACKED) {
        let headers: usize = headers.parse().context("read how the dead letter is packed")?;
        let packed = letter.payload.clone();
        return tokio::task::spawn_blocking(move || unpack(&packed, headers)).await.context("unpack")?;
    }
    let message_id = letter.headers.get(&kept_name(header::MESSAGE_ID)).map(str::to_owned);
    Ok(Original { payload: letter.payload.clone(), message_id })
}

async fn whole(letter: &StoredMessage, all: &str, jetstream: &JetStream) -> anyhow::Result<Original> {
    let sequence = letter.headers.get(header::DEAD_LETTER_STREAM_SEQUENCE).and_then(|text| text.parse().ok());
    let sequence: u64 = sequence.context("the dead letter does not say which message it is")?;
    let sessions = StoredMessages::of(jetstream.clone(), names::SESSIONS_STREAM);
    let gone = || {
        format!(
            "the dead letter has only the beginning of message {sequence} of {all} bytes, and {} has it no longer",
            names::SESSIONS_STREAM
        )
    };
    let message = sessions.get(sequence).await?.with_context(gone)?;
    let same = message.payload.len().to_string() == all && message.payload.starts_with(&letter.payload);
    ensure!(same, gone());
    let message_id = message.headers.message_id().map(str::to_owned);
    Ok(Original { payload: message.payload, message_id })
}

pub(crate) fn unpack(packed: &[u8], headers: usize) -> anyhow::Result<Original> {
    let mut bytes = Vec::new();
    GzDecoder::new(packed).take(MOST_BYTES + 1).read_to_end(&mut bytes).context("unpack the dead letter")?;
    ensure!(bytes.len() as u64 <= MOST_BYTES, "the dead letter unpacks to more than any message has");
    let mut bytes = Bytes::from(bytes);
    if headers > bytes.len() {
        bail!("the dead letter is damaged: it has fewer bytes than its headers");
    }
    let headers = Headers::parse(bytes.split_to(headers));
    Ok(Original { payload: bytes, message_id: headers.message_id().map(str::to_owned) })
}
