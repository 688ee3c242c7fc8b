//! What a stream counts and nobody can read, because its file is damaged. The server answers for it as for a message that was
//! removed; only its own list of those tells them apart.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use anyhow::{Context as _, bail, ensure};
use async_nats::jetstream;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use service::JetStream;

use crate::streams::stored_message::StoredMessages;

/// Sequences that an error names.
const NAMED: usize = 20;

/// What the server says of a stream.
#[derive(Deserialize)]
pub(crate) struct Extent {
    pub(crate) created: DateTime<Utc>,
    pub(crate) state: State,
}

#[derive(Deserialize)]
pub(crate) struct State {
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    #[serde(default)]
    deleted: Option<BTreeSet<u64>>,
    #[serde(default)]
    lost: Option<Lost>,
}

/// What the server itself has noticed.
#[derive(Deserialize)]
struct Lost {
    #[serde(default)]
    bytes: u64,
}

#[derive(Deserialize)]
struct Answer {
    error: Option<jetstream::Error>,
    #[serde(flatten)]
    extent: Option<Extent>,
}

impl Extent {
    /// As it is now, with the sequences that were removed.
    pub(crate) async fn of(jetstream: &JetStream, stream: &str) -> anyhow::Result<Self> {
        let wanted = json!({ "deleted_details": true });
        let asked = jetstream.request(format!("STREAM.INFO.{stream}"), &wanted);
        let answer = jetstream.unless_refused(&format!("$JS.API.STREAM.INFO.{stream}"), asked).await?;
        let answer: Answer = answer.with_context(|| format!("look up stream {stream} again"))?;
        match (answer.error, answer.extent) {
            (Some(error), _) => Err(error).with_context(|| format!("look up stream {stream} again")),
            (None, Some(extent)) => Ok(extent),
            (None, None) => bail!("the server says nothing of stream {stream}"),
        }
    }

    /// Holds what was not read against what the server has. `begins` is where reading began at some time and not at the first:
    /// what cannot be read right before it may belong to it.
    ///
    /// # Errors
    /// Some of it cannot be read.
    pub(crate) async fn account_for(
        &self,
        messages: &StoredMessages,
        not_read: &[RangeInclusive<u64>],
        begins: Option<u64>,
    ) -> anyhow::Result<()> {
        let mut unreadable = BTreeSet::new();
        for range in not_read {
            let range = (*range.start()).max(self.state.first_seq)..=(*range.end()).min(self.state.last_seq);
            for sequence in range.filter(|sequence| !self.is_removed(*sequence)) {
                if messages.get(sequence).await?.is_none() {
                    unreadable.insert(sequence);
                }
            }
        }
        let before = (self.state.first_seq.max(1)..begins.unwrap_or_default()).rev();
        for sequence in before.filter(|sequence| !self.is_removed(*sequence)) {
            if messages.get(sequence).await?.is_some() {
                break;
            }
            unreadable.insert(sequence);
        }
        // One that was removed, or has gone by its age, since the list was made.
        if !unreadable.is_empty() {
            let now = Self::of(messages.jetstream(), messages.stream()).await?;
            unreadable.retain(|sequence| *sequence >= now.state.first_seq && !now.is_removed(*sequence));
        }
        ensure!(unreadable.is_empty(), said(messages.stream(), &unreadable));
        if let Some(Lost { bytes: lost @ 1.. }) = self.state.lost {
            bail!(
                "the server has found its file of {} damaged and left {lost} bytes of messages out, which are in no count any \
                 more: look into its log, and restore the stream from a replica or a backup",
                messages.stream()
            );
        }
        Ok(())
    }

    fn is_removed(&self, sequence: u64) -> bool {
        self.state.deleted.as_ref().is_some_and(|deleted| deleted.contains(&sequence))
    }
}

fn said(stream: &str, unreadable: &BTreeSet<u64>) -> String {
    let named: Vec<_> = unreadable.iter().take(NAMED).map(u64::to_string).collect();
    let more = unreadable.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(
        "the server counts messages that it cannot read, sequence {}{more} of {stream}: its file is damaged; everything else \
         was read. Restore the stream from a replica or a backup, or remove them (`nats stream rmm {stream} SEQUENCE`) to give \
         them up",
        named.join(", ")
    )
}
