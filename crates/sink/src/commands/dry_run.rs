//! `--dry-run` of a sink that cannot tell what it would change: the events that it would write.

use std::pin::pin;

use chrono::{DateTime, SecondsFormat, Utc};
use futures::{Stream, TryStreamExt as _};
use serde::Serialize;

use crate::commands::output::print_line;
use crate::streams::events::StoredEvent;
use crate::writer::UNDECODABLE;

/// What is printed of an event with `--json`.
#[derive(Serialize)]
#[serde(untagged)]
enum PreviewedEvent<'a> {
    ToWrite { sequence: u64, session_id: &'a str, end_time: DateTime<Utc> },
    Undecodable { sequence: u64, outcome: &'static str, error: String },
}

/// Prints a line for each event, and with the last one how many there are.
///
/// # Errors
/// The events cannot be read, or nobody reads what is printed.
pub(crate) async fn list(
    events: impl Stream<Item = anyhow::Result<StoredEvent>>,
    json: bool,
) -> anyhow::Result<()> {
    let (mut to_write, mut undecodable) = (0_u64, 0_u64);
    let mut events = pin!(events);
    while let Some(StoredEvent { sequence, decoded, .. }) = events.try_next().await? {
        *(if decoded.is_ok() { &mut to_write } else { &mut undecodable }) += 1;
        let line = match &decoded {
            Ok(event) => {
                let session_id = event.identity.session_id.as_str();
                PreviewedEvent::ToWrite { sequence, session_id, end_time: event.end_time }
            }
            Err(error) => {
                PreviewedEvent::Undecodable { sequence, outcome: UNDECODABLE, error: error.to_string() }
            }
        };
        match line {
            _ if json => print_line(&serde_json::to_string(&line)?)?,
            PreviewedEvent::ToWrite { session_id, end_time, .. } => {
                let ended = end_time.to_rfc3339_opts(SecondsFormat::Millis, true);
                print_line(&format!("event {sequence}\t{}\t{ended}", session_id.escape_debug()))?;
            }
            PreviewedEvent::Undecodable { outcome, error, .. } => {
                print_line(&format!("event {sequence}\t{outcome}: {error}"))?;
            }
        }
    }
    if json {
        return Ok(());
    }
    print_line(&format!("nothing is written; to be written: {to_write}, {UNDECODABLE}: {undecodable}"))
}
