use anyhow::{Context as _, ensure};
use async_nats::jetstream::Context;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use futures::stream::{self, BoxStream, StreamExt as _};
use schemas::names;

/// The dead letters of one sink.
pub(crate) struct DeadLetters {
    stream: Stream,
    subject: String,
}

/// Some of them.
pub(crate) enum Selection {
    /// All that are there now.
    All,
    /// Those with these sequences in the dead-letter stream.
    Sequences(Vec<u64>),
}

impl DeadLetters {
    pub(crate) async fn open(jetstream: &Context, sink: &str) -> anyhow::Result<Self> {
        let stream = jetstream
            .get_stream(names::DEAD_LETTERS_STREAM)
            .await
            .context("look up the dead-letter stream")?;
        Ok(Self { stream, subject: names::dead_letter_subject(sink) })
    }

    /// One by its sequence; an error where it is another sink's.
    pub(crate) async fn get(&self, sequence: u64) -> anyhow::Result<StreamMessage> {
        let reading = || format!("read dead letter {sequence}");
        let letter = self.stream.get_raw_message(sequence).await.with_context(reading)?;
        ensure!(
            *letter.subject == *self.subject,
            "dead letter {sequence} is another sink's: {}",
            letter.subject
        );
        Ok(letter)
    }

    /// The selected ones, one after the other.
    pub(crate) fn read(&self, selection: Selection) -> BoxStream<'_, anyhow::Result<StreamMessage>> {
        match selection {
            Selection::Sequences(sequences) => {
                stream::iter(sequences).then(|sequence| self.get(sequence)).boxed()
            }
            Selection::All => stream::try_unfold(1, move |from| async move {
                let letter = self.next(from).await?;
                Ok(letter.map(|letter| {
                    let after = letter.sequence + 1;
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
    async fn next(&self, from: u64) -> anyhow::Result<Option<StreamMessage>> {
        if from > self.stream.cached_info().state.last_sequence {
            return Ok(None);
        }
        match self.stream.raw_message_builder().sequence(from).next_by_subject(&*self.subject).send().await {
            Ok(letter) => Ok(Some(letter)),
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("read the dead letters from {from}")),
        }
    }
}
