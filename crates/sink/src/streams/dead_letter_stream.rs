//! The stream of dead letters, as one sink reads it.

use std::ops::RangeInclusive;

use anyhow::{Context as _, ensure};
use async_nats::jetstream::stream::Stream;
use futures::stream::{self, BoxStream, StreamExt as _};
use schemas::names;
use service::JetStream;

use crate::streams::stored_message::{StoredMessage, StoredMessages};
use crate::streams::unreadable::Extent;

/// The dead letters of one sink.
pub(crate) struct DeadLetterStream {
    pub(crate) jetstream: JetStream,
    stream: Stream,
    letters: StoredMessages,
    subject: String,
}

/// Which dead letters are read.
pub(crate) enum Selection {
    /// All letters that are there now.
    All,
    /// The letters with these sequences in the dead-letter stream.
    Sequences(Vec<u64>),
}

impl DeadLetterStream {
    pub(crate) async fn open(jetstream: &JetStream, sink: &str) -> anyhow::Result<Self> {
        let subject = format!("$JS.API.STREAM.INFO.{}", names::DEAD_LETTERS_STREAM);
        let asked = jetstream.get_stream(names::DEAD_LETTERS_STREAM);
        let stream = jetstream.unless_refused(&subject, asked).await?;
        let stream = stream.context("look up the dead-letter stream")?;
        let letters = StoredMessages::of(jetstream.clone(), names::DEAD_LETTERS_STREAM);
        Ok(Self { jetstream: jetstream.clone(), stream, letters, subject: names::dead_letter_subject(sink) })
    }

    /// The letter with this sequence; an error where it is another sink's.
    pub(crate) async fn get(&self, sequence: u64) -> anyhow::Result<StoredMessage> {
        let letter = self.letters.get(sequence).await?;
        let letter = letter.with_context(|| format!("read dead letter {sequence}: there is none"))?;
        ensure!(
            *letter.subject == *self.subject,
            "dead letter {sequence} is another sink's: {}",
            letter.subject.escape_debug()
        );
        Ok(letter)
    }

    /// The selected ones, one after the other.
    pub(crate) fn read(&self, selection: Selection) -> BoxStream<'_, anyhow::Result<StoredMessage>> {
        match selection {
            Selection::Sequences(sequences) => {
                stream::iter(sequences).then(|sequence| self.get(sequence)).boxed()
            }
            Selection::All => stream::try_unfold((1, Vec::new()), move |(from, mut passed)| async move {
                let Some(letter) = self.next(from).await? else {
                    self.end(from, passed).await?;
                    return Ok(None);
                };
                if from < letter.sequence {
                    passed.push(from..=letter.sequence - 1);
                }
                let after = letter.sequence.saturating_add(1);
                Ok(Some((letter, (after, passed))))
            })
            .boxed(),
        }
    }

    pub(crate) async fn remove(&self, sequence: u64) -> anyhow::Result<()> {
        let subject = format!("$JS.API.STREAM.MSG.DELETE.{}", names::DEAD_LETTERS_STREAM);
        let removed = self.jetstream.unless_refused(&subject, self.stream.delete_message(sequence)).await;
        let remove = || format!("remove dead letter {sequence}");
        removed.with_context(remove)?.with_context(remove)?;
        Ok(())
    }

    /// The first from a sequence on; none beyond what was there when the command began.
    async fn next(&self, from: u64) -> anyhow::Result<Option<StoredMessage>> {
        let known = self.stream.cached_info();
        let last = known.state.last_sequence;
        if from <= last
            && let Some(letter) = self.letters.next(from, &self.subject).await?
            && letter.sequence <= last
        {
            return Ok(Some(letter));
        }
        Ok(None)
    }

    /// All were read, but for other sinks' letters, and what was removed.
    async fn end(&self, from: u64, mut passed: Vec<RangeInclusive<u64>>) -> anyhow::Result<()> {
        let known = self.stream.cached_info();
        let now = Extent::of(&self.jetstream, names::DEAD_LETTERS_STREAM).await?;
        ensure!(
            now.created == known.created && now.state.last_seq >= known.state.last_sequence,
            "the dead-letter stream was made anew while it was read: run it again"
        );
        passed.push(from..=known.state.last_sequence);
        now.account_for(&self.letters, &passed, None).await
    }
}
