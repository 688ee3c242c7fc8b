//! `dead-letters`: the events that a sink could not write.

use std::io::Write as _;
use std::pin::pin;

use anyhow::{Context as _, ensure};
use chrono::SecondsFormat;
use futures::TryStreamExt as _;
use schemas::names::header;
use serde::Serialize;
use service::{JetStream, Nats};
use tracing::warn;

use crate::commands::output::print_line;
use crate::commands::write_again::{Read, write_again};
use crate::options::SinkOptions;
use crate::streams::dead_letter_stream::{DeadLetterStream, Selection};
use crate::streams::original_message::original;
use crate::streams::stored_message::StoredMessage;
use crate::writer::{Message, Writer, decode};

/// Flags and subcommands of `dead-letters`. `A` are the flags that the writer needs: only `replay` has them.
#[derive(Debug, Clone, clap::Args)]
pub struct DeadLettersArgs<A: clap::Args> {
    #[command(flatten)]
    pub nats: Nats,
    #[command(subcommand)]
    pub command: DeadLettersCommand<A>,
}

/// What can be done with this sink's dead letters.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum DeadLettersCommand<A: clap::Args> {
    /// Lists them: sequence, time, session, deliveries, error.
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Shows one with its headers and its body, which holds what the caller said and typed.
    Show {
        /// Its sequence in the dead-letter stream.
        sequence: u64,
    },
    /// Writes them with this sink's writer and removes those that it wrote. Nothing is published again.
    Replay(ReplayArgs<A>),
    /// Removes them for good, unwritten.
    Drop(WhichLetters),
}

/// Flags of `dead-letters replay`.
#[derive(Debug, Clone, clap::Args)]
pub struct ReplayArgs<A: clap::Args> {
    #[command(flatten)]
    pub which: WhichLetters,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub writer: A,
}

/// Which of this sink's dead letters are meant.
#[derive(Debug, Clone, clap::Args)]
pub struct WhichLetters {
    /// Sequences in the dead-letter stream.
    #[arg(required_unless_present = "all")]
    pub sequences: Vec<u64>,
    /// All dead letters of this sink.
    #[arg(long, conflicts_with = "sequences")]
    pub all: bool,
}

impl From<WhichLetters> for Selection {
    fn from(which: WhichLetters) -> Self {
        if which.all { Self::All } else { Self::Sequences(which.sequences) }
    }
}

/// `dead-letters list | show | replay | drop`. `connect` makes the writer out of its flags, and says
/// how it is driven; only `replay` calls it.
///
/// # Errors
/// Where NATS or the store cannot be reached, where a sequence is no dead letter of this sink, or where a replayed one
/// could not be written; it stays.
pub async fn dead_letters<A: clap::Args, W: Writer, F: Future<Output = anyhow::Result<(SinkOptions, W)>>>(
    sink: &str,
    args: DeadLettersArgs<A>,
    connect: impl FnOnce(A) -> F,
) -> anyhow::Result<()> {
    let jetstream = args.nats.connect(&format!("{sink} dead-letters")).await?;
    let letters = DeadLetterStream::open(&jetstream, sink).await?;
    match args.command {
        DeadLettersCommand::List { json } => list(&letters, json).await,
        DeadLettersCommand::Show { sequence } => show(&letters, sequence).await,
        DeadLettersCommand::Replay(replay) => {
            let (options, writer) = connect(replay.writer).await?;
            replay_letters(&letters, &options, &writer, replay.which.into(), replay.json).await
        }
        DeadLettersCommand::Drop(which) => remove(&letters, which.into()).await,
    }
}

async fn list(letters: &DeadLetterStream, json: bool) -> anyhow::Result<()> {
    let mut listed = pin!(letters.read(Selection::All));
    while let Some(letter) = listed.try_next().await? {
        let entry = Entry::of(&letters.jetstream, &letter).await;
        if json {
            print_line(&serde_json::to_string(&entry)?)?;
        } else {
            let Entry { sequence, time, session_id, deliveries, error } = entry;
            let session_id = session_id.as_deref().unwrap_or("-").escape_debug();
            // What a terminal would obey is shown instead.
            let error = error.replace(char::is_control, "\u{fffd}");
            print_line(&format!("{sequence}\t{time}\t{session_id}\t{deliveries} deliveries\t{error}"))?;
        }
    }
    Ok(())
}

async fn show(letters: &DeadLetterStream, sequence: u64) -> anyhow::Result<()> {
    let letter = letters.get(sequence).await?;
    let payload = match original(&letter, &letters.jetstream).await {
        Ok(original) => original.payload,
        Err(error) => {
            warn!(error = format!("{error:#}"), "this is not the whole message");
            letter.payload.clone()
        }
    };
    let mut out = std::io::stdout().lock();
    for (name, values) in letter.headers.read.iter() {
        for value in values {
            // What a terminal would obey is shown instead.
            writeln!(out, "{name}: {}", value.as_str().replace(char::is_control, "\u{fffd}"))?;
        }
    }
    writeln!(out)?;
    out.write_all(&payload)?;
    writeln!(out).context("print dead letter")
}

/// Each is removed once it is written.
async fn replay_letters<W: Writer>(
    letters: &DeadLetterStream,
    options: &SinkOptions,
    writer: &W,
    selection: Selection,
    json: bool,
) -> anyhow::Result<()> {
    let messages = letters.read(selection).and_then(|letter| message(letters, letter));
    let mut replayed = pin!(write_again(messages, options, writer, None));
    let mut failed = 0;
    while let Some(one) = replayed.try_next().await? {
        if one.error.is_none() {
            letters.remove(one.sequence).await?;
        }
        failed += usize::from(one.error.is_some());
        match (&one.outcome, &one.error) {
            _ if json => print_line(&serde_json::to_string(&one)?)?,
            (Some(outcome), _) => print_line(&format!("{}\t{outcome}", one.sequence))?,
            (_, error) => {
                print_line(&format!("{}\tkept: {}", one.sequence, error.as_deref().unwrap_or_default()))?
            }
        }
    }
    ensure!(failed == 0, "dead letters that could not be written and stay: {failed}");
    Ok(())
}

/// With the `Nats-Msg-Id` that the event was published with, so that its identity is the same.
async fn message(letters: &DeadLetterStream, letter: StoredMessage) -> anyhow::Result<Read> {
    let (sequence, published) = (letter.sequence, letter.published());
    let deliveries = letter.headers.get(header::DEAD_LETTER_DELIVERIES).and_then(|text| text.parse().ok());
    let original = match original(&letter, &letters.jetstream).await {
        Ok(original) => original,
        Err(error) => return Ok((sequence, Err(format!("{error:#}")))),
    };
    let event = decode(&original.payload, original.message_id.as_deref());
    let message = event.map(|event| Message {
        event,
        payload: original.payload,
        attempt: u64::saturating_add(deliveries.unwrap_or(0), 1),
        stream_sequence: sequence,
        published,
    });
    Ok((sequence, message))
}

async fn remove(letters: &DeadLetterStream, selection: Selection) -> anyhow::Result<()> {
    let mut selected = pin!(letters.read(selection));
    while let Some(letter) = selected.try_next().await? {
        letters.remove(letter.sequence).await?;
        print_line(&format!("{}\tremoved", letter.sequence))?;
    }
    Ok(())
}

/// What `list` says of a dead letter.
#[derive(Serialize)]
struct Entry {
    sequence: u64,
    time: String,
    /// Absent where the body cannot be decoded.
    session_id: Option<String>,
    deliveries: u64,
    error: String,
}

impl Entry {
    async fn of(jetstream: &JetStream, letter: &StoredMessage) -> Self {
        let header = |name| letter.headers.get(name).unwrap_or_default();
        let original = original(letter, jetstream).await.ok();
        let event = original.and_then(|original| decode(&original.payload, None).ok());
        let time = letter.published().map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true));
        Self {
            sequence: letter.sequence,
            time: time.unwrap_or_else(|| letter.time.clone()),
            session_id: event.map(|event| event.identity.session_id.into()),
            deliveries: header(header::DEAD_LETTER_DELIVERIES).parse().unwrap_or_default(),
            error: header(header::DEAD_LETTER_ERROR).to_owned(),
        }
    }
}
