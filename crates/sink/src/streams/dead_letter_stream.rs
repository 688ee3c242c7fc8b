//! The stream of dead letters, as one sink reads it.

use anyhow::{Context as _, ensure};
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Stream;
use futures::stream::{self, BoxStream, StreamExt as _};
use schemas::names;

use crate::streams::stored_message::{StoredMessage, StoredMessages};

/// The dead letters of one sink.
pub(crate) struct DeadLetterStream {
    pub(crate) jetstream: Context,
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
    pub(crate) async fn open(jetstream: &Context, sink: &str) -> anyhow::Result<Self> {
        let stream = jetstream
            .get_stream(names::DEAD_LETTERS_STREAM)
            .await
            .context("look up the dead-letter stream")?;
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
            Selection::All => stream::try_unfold(Some(1), move |from| async move {
                let Some(from) = from else { return Ok(None) };
                let letter = self.next(from).await?;
                Ok(letter.map(|letter| {
                    let after = letter.sequence.checked_add(1);
                    (letter, after)
                }))
            })
            .boxed(),
        }
    }

    pub(crate) async fn remove(&self, sequence: u64) -> anyhow::Result<()> {
        self.stream
            .delete_message(sequence)
            .await
            .with_context(|| format!("remove dead letter {sequence}"))?;
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
        let now = self.stream.get_info().await.context("look up the dead-letter stream again")?;
        ensure!(
            now.created == known.created,
            "the dead-letter stream was made anew while it was read: run it again"
        );
        Ok(None)
    }
}
