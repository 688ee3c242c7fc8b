//! `--dry-run`: what sessions would change, shown and not written.

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::time::Duration;

use futures::{Stream, TryStreamExt as _};
use serde::Serialize;
use sink::{Message, RETRIED, StoredEvent, UNDECODABLE, WriteError, Written, print_line};
use tokio::time::Instant;

use crate::client::MOST_ROWS;
use crate::fields::Change;
use crate::plan::{plan, settle};
use crate::records::{Kind, Record};
use crate::results::Results;
use crate::row_error::Verdict;
use crate::writer::SalesforceWriter;

/// Looks up the records of some events and prints each field that would change: a line of tab-separated record, session,
/// field, value now and value then (as JSON), or one JSON object with `json`. The last line counts the outcomes.
///
/// # Errors
/// The events or Salesforce cannot be reached, or nobody reads what is printed.
pub async fn preview(
    events: impl Stream<Item = anyhow::Result<StoredEvent>>,
    writer: &SalesforceWriter,
    json: bool,
) -> anyhow::Result<()> {
    let mut preview = Preview { json, ..Preview::default() };
    let mut batches = pin!(events.try_chunks(MOST_ROWS).map_err(|error| error.1));
    while let Some(events) = batches.try_next().await? {
        let mut messages = Vec::new();
        for event in events {
            let sequence = event.sequence;
            match event.into_message() {
                Ok(message) => messages.push(message),
                Err(error) => preview.not_written(sequence, UNDECODABLE, &error.to_string())?,
            }
        }
        preview.show(&messages, writer).await?;
    }
    preview.show_outcomes()
}

/// Nobody waits for a preview: only each of its calls has a limit.
const A_DAY: Duration = Duration::from_secs(86_400);

#[derive(Default)]
struct Preview {
    json: bool,
    /// The records as they would be by now.
    after: HashMap<(Kind, String), Record>,
    outcomes: BTreeMap<&'static str, u64>,
}

/// A field of a record that would change.
#[derive(Serialize)]
struct ChangedField<'a> {
    object: &'static str,
    id: &'a str,
    session_id: &'a str,
    #[serde(flatten)]
    change: Change,
}

/// A message that would not be written.
#[derive(Serialize)]
struct NotWritten<'a> {
    sequence: u64,
    outcome: &'static str,
    error: &'a str,
}

impl Preview {
    async fn show(&mut self, batch: &[Message], writer: &SalesforceWriter) -> anyhow::Result<()> {
        let mut results = Results::none(batch.len());
        let sessions = writer.sessions(batch, &mut results);
        let sessions: Vec<_> = sessions.iter().collect();
        if !sessions.is_empty() {
            let (fields, mut lookup) = writer.ask(&sessions, Instant::now() + A_DAY).await?;
            lookup.values_mut().flatten().flatten().for_each(|record| self.catch_up(record));
            let (updates, settled) = plan(&sessions, &lookup, &fields);
            results.add_all(settled);
            for update in updates {
                for change in fields.changes(&update.record, &update.wanted) {
                    self.changed(&update.record, update.newest.session_id, change)?;
                }
                let after = update.record.clone().after(update.wanted.clone());
                self.after.insert((after.kind, after.id.clone()), after);
                let (settled, _) = settle(update, Verdict::Updated, true);
                results.add_all(settled);
            }
        }
        for (message, result) in batch.iter().zip(results.finish()) {
            match result {
                Ok(Written { outcome }) => *self.outcomes.entry(outcome).or_default() += 1,
                Err(WriteError::Reject { outcome, reason }) => {
                    self.not_written(message.stream_sequence, outcome, &reason)?;
                }
                Err(WriteError::Retry { reason }) => {
                    self.not_written(message.stream_sequence, RETRIED, &reason)?;
                }
                Err(error) => anyhow::bail!(error),
            }
        }
        Ok(())
    }

    /// Replaces a record that an earlier batch would have written.
    fn catch_up(&self, record: &mut Record) {
        if let Some(after) = self.after.get(&(record.kind, record.id.clone())) {
            record.clone_from(after);
        }
    }

    fn changed(&self, record: &Record, session_id: &str, change: Change) -> anyhow::Result<()> {
        let (object, id) = (record.kind.object(), record.id.as_str());
        if self.json {
            return print_line(&serde_json::to_string(&ChangedField { object, id, session_id, change })?);
        }
        let Change { field, now, then } = change;
        print_line(&format!("{object} {id}\t{session_id}\t{field}\t{now}\t{then}"))
    }

    fn not_written(&mut self, sequence: u64, outcome: &'static str, error: &str) -> anyhow::Result<()> {
        *self.outcomes.entry(outcome).or_default() += 1;
        match self.json {
            true => print_line(&serde_json::to_string(&NotWritten { sequence, outcome, error })?),
            false => print_line(&format!("event {sequence}\t{outcome}: {error}")),
        }
    }

    fn show_outcomes(&self) -> anyhow::Result<()> {
        if self.json {
            return print_line(&serde_json::to_string(&serde_json::json!({ "outcomes": self.outcomes }))?);
        }
        let outcomes: Vec<_> =
            self.outcomes.iter().map(|(outcome, count)| format!("{outcome} {count}")).collect();
        match outcomes.is_empty() {
            true => print_line("no event: nothing would be written"),
            false => print_line(&format!("nothing is written; it would be: {}", outcomes.join(", "))),
        }
    }
}
