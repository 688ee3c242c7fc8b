//! What the participant sends beside tracks: typed messages, and the pre-connect audio, which is the recording of what was said
//! before the agent was there. Streams are read part by part, and no further than they may be long.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use futures::StreamExt as _;
use livekit::data_stream::api::StreamError;
use livekit::{ByteStreamReader, StreamReader as _, TextStreamReader};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tracing::{Instrument as _, warn};

use crate::budget::Budget;
use crate::budget::kinds::Cut;
use crate::conversation::{LONGEST_PRE_CONNECT_AUDIO, decode_pre_connect_audio};

/// Longest that a typed message may take to arrive, and most bytes that it may have.
pub(super) const TYPED_LIMIT: Duration = Duration::from_secs(10);
pub(super) const LONGEST_TYPED: usize = 16 * 1024;
/// Typed messages that are read at the same time.
const OPEN_TYPED: usize = 2;
/// Longest that the pre-connect audio may take to arrive and to be decoded.
const PRE_CONNECT_AUDIO_LIMIT: Duration = Duration::from_secs(10);
/// Recordings that are decoded at the same time in this process: it takes a core each, and calls need some, too.
static DECODERS: Semaphore = Semaphore::const_new(2);

/// Takes a call's streams.
pub(super) struct Streams {
    budget: Budget,
    open_typed: Arc<Semaphore>,
    had_pre_connect_audio: bool,
    typed_tx: mpsc::Sender<String>,
    pre_connect_audio_tx: mpsc::Sender<Vec<i16>>,
}

impl Streams {
    pub(super) fn new(
        budget: Budget,
        typed_tx: mpsc::Sender<String>,
        pre_connect_audio_tx: mpsc::Sender<Vec<i16>>,
    ) -> Self {
        let open_typed = Arc::new(Semaphore::new(OPEN_TYPED));
        Self { budget, open_typed, had_pre_connect_audio: false, typed_tx, pre_connect_audio_tx }
    }

    /// A message that comes as a stream; one that does not come to its end, or is too long, is no turn.
    pub(super) fn read_typed(&self, reader: TextStreamReader) {
        let Ok(permit) = Arc::clone(&self.open_typed).try_acquire_owned() else {
            return self.budget.cut(Cut::Streams);
        };
        let (budget, typed_tx) = (self.budget.clone(), self.typed_tx.clone());
        let reading = async move {
            match timeout(TYPED_LIMIT, typed_text(reader)).await {
                Ok(Ok(text)) => take_typed(text, &typed_tx, &budget),
                Ok(Err(fault)) => {
                    budget.cut(Cut::TypedMessages);
                    warn!("a typed message is left out: {fault:#}");
                }
                Err(_) => {
                    budget.cut(Cut::TypedMessages);
                    warn!("a typed message did not come within {TYPED_LIMIT:?}");
                }
            }
            drop(permit);
        };
        tokio::spawn(reading.in_current_span());
    }

    /// A message in the older form.
    pub(super) fn take_typed(&self, text: String) {
        take_typed(text, &self.typed_tx, &self.budget);
    }

    /// The pre-connect audio; nothing where it cannot be decoded, so that nobody waits.
    /// A call has one, and only where its microphone's track announced it.
    pub(super) fn read_pre_connect_audio(&mut self, reader: ByteStreamReader, announced: bool) {
        if !announced || std::mem::replace(&mut self.had_pre_connect_audio, true) {
            return self.budget.cut(Cut::PreConnectAudio);
        }
        let (budget, pre_connect_audio_tx) = (self.budget.clone(), self.pre_connect_audio_tx.clone());
        let reading = async move {
            let decoded = timeout(PRE_CONNECT_AUDIO_LIMIT, pre_connect_audio(reader)).await;
            let samples = decoded.context("take it in time").flatten().unwrap_or_else(|fault| {
                budget.cut(Cut::PreConnectAudio);
                warn!("the pre-connect audio is left out: {fault:#}");
                Vec::new()
            });
            // Without a receiver the conversation is over.
            drop(pre_connect_audio_tx.try_send(samples));
        };
        tokio::spawn(reading.in_current_span());
    }
}

async fn typed_text(mut reader: TextStreamReader) -> anyhow::Result<String> {
    let mut text = String::new();
    while let Some(part) = reader.next().await {
        text.push_str(&part.map_err(|error| anyhow!(kind(&error)))?);
        if text.len() > LONGEST_TYPED {
            bail!("it is longer than {LONGEST_TYPED} bytes");
        }
    }
    Ok(text)
}

fn take_typed(text: String, typed_tx: &mpsc::Sender<String>, budget: &Budget) {
    if text.len() > LONGEST_TYPED {
        budget.cut(Cut::TypedMessages);
        return warn!("a typed message is longer than {LONGEST_TYPED} bytes: it is left out");
    }
    let text = text.trim();
    // Without a receiver the conversation is over, or has not begun.
    if !text.is_empty() && typed_tx.try_send(text.to_owned()).is_err() {
        budget.cut(Cut::TypedMessages);
    }
}

async fn pre_connect_audio(mut reader: ByteStreamReader) -> anyhow::Result<Vec<i16>> {
    let info = reader.info().clone();
    let mut bytes = Vec::new();
    while let Some(part) = reader.next().await {
        bytes.extend_from_slice(&part.map_err(|error| anyhow!(kind(&error)))?);
        if bytes.len() > LONGEST_PRE_CONNECT_AUDIO {
            bail!("it is longer than {LONGEST_PRE_CONNECT_AUDIO} bytes");
        }
    }
    let permit = DECODERS.acquire().await.context("wait for a decoder")?;
    let decode = move || {
        let attributes = info.attributes();
        let attribute = |name| attributes.get(name).map(String::as_str);
        let (rate, channels) = (attribute("sampleRate"), attribute("channels"));
        let decoded = decode_pre_connect_audio(&info.mime_type, rate, channels, bytes);
        // Not before: who waits may have given up.
        drop(permit);
        decoded
    };
    // The message of a panic may hold what the caller sent.
    let decoded = tokio::task::spawn_blocking(decode).await.map_err(|_| anyhow!("the decoder panicked"))?;
    Ok(decoded?)
}

/// What is wrong with a stream, without the words that its sender chose.
fn kind(error: &StreamError) -> &'static str {
    match error {
        StreamError::AbnormalEnd(_) => "its sender broke it off",
        StreamError::Utf8(_) => "it is no text",
        StreamError::MissedChunk | StreamError::Incomplete => "a part of it is missing",
        StreamError::LengthExceeded | StreamError::PayloadTooLarge => "it is longer than it said",
        StreamError::Decompression => "it cannot be decompressed",
        _ => "it cannot be read",
    }
}
