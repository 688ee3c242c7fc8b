//! Payloads as rows of typed columns.

use std::sync::Arc;

use anyhow::Context as _;
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use schemas::json::Json;

use crate::columns::{COLUMNS, Kind, MODEL_USAGE, MODEL_USAGE_PATH};
use crate::compact::payload::{Payload, any_as_text, integer, number, text, time};
use crate::compact::structs::{Structs, entries_as_map};
use crate::compact::transcript::Transcript;
use crate::compact::values::Values;

/// Columns beside [`COLUMNS`] that are worked out of the payload.
const WORKED_OUT: [(&str, Kind); 6] = [
    ("user_email_domain", Kind::Text),
    ("transcript_entries", Kind::Integer),
    ("transcript_characters", Kind::Integer),
    ("user_talk_seconds", Kind::Number),
    ("agent_talk_seconds", Kind::Number),
    ("interruptions", Kind::Integer),
];

/// Rows that are not yet in a file.
pub(crate) struct Rows {
    values: Vec<Values>,
    worked_out: [Values; WORKED_OUT.len()],
    discovered_signals: Structs,
    signals: Structs,
    tool_calls: Structs,
    truncated: Structs,
    model_usage: Structs,
    object_key: StringBuilder,
    payload: StringBuilder,
    rows: usize,
    bytes: usize,
}

impl Rows {
    pub(crate) fn new() -> Self {
        Self {
            values: COLUMNS.iter().map(|column| Values::new(column.kind)).collect(),
            worked_out: WORKED_OUT.map(|(_, kind)| Values::new(kind)),
            discovered_signals: Structs::new(&[("key", Kind::Text), ("value", Kind::Text)]),
            signals: Structs::new(&[
                ("name", Kind::Text),
                ("value", Kind::Text),
                ("turn", Kind::Integer),
                ("recorded_at", Kind::Time),
            ]),
            tool_calls: Structs::new(&[
                ("name", Kind::Text),
                ("outcome", Kind::Text),
                ("error", Kind::Text),
                ("start_time", Kind::Time),
                ("duration_seconds", Kind::Number),
                ("arguments", Kind::Text),
            ]),
            truncated: Structs::new(&[("field", Kind::Text)]),
            model_usage: Structs::new(&MODEL_USAGE),
            object_key: StringBuilder::new(),
            payload: StringBuilder::new(),
            rows: 0,
            bytes: 0,
        }
    }

    /// Their number, and the bytes of their payloads.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.rows, self.bytes)
    }

    pub(crate) fn push(&mut self, object_key: &str, payload: &Payload<'_>) {
        for (column, values) in COLUMNS.iter().zip(&mut self.values) {
            values.push(column, payload);
        }
        self.work_out(payload);
        self.push_signals(payload);
        self.push_tool_calls(payload);
        let truncated = payload.array("truncated");
        for field in truncated.iter().flatten() {
            self.truncated.values[0].push_text(text(Some(*field)).as_deref());
        }
        self.truncated.end_row(truncated.as_ref().map(Vec::len));
        self.push_model_usage(payload);
        self.object_key.append_value(object_key);
        self.payload.append_value(payload.text);
        self.rows += 1;
        self.bytes += payload.text.len();
    }

    fn work_out(&mut self, payload: &Payload<'_>) {
        let [domain, entries, characters, user_seconds, agent_seconds, interruptions] = &mut self.worked_out;
        let address = text(payload.value("user_email"));
        let address = address.as_deref().and_then(|email| email.trim().rsplit_once('@'));
        domain.push_text(address.map(|(_, domain)| domain.to_lowercase()).as_deref());
        let transcript = payload.array("transcript").map(|entries| Transcript::of(&entries));
        entries.push_integer(transcript.map(|it| it.entries));
        characters.push_integer(transcript.map(|it| it.characters));
        user_seconds.push_number(transcript.map(|it| it.user_seconds));
        agent_seconds.push_number(transcript.map(|it| it.agent_seconds));
        interruptions.push_integer(transcript.map(|it| it.interruptions));
    }

    /// The signals as a map, and as a list with where each of them comes from.
    fn push_signals(&mut self, payload: &Payload<'_>) {
        let Some(signals) = payload.object("discovered_signals") else {
            self.discovered_signals.end_row(None);
            self.signals.end_row(None);
            return;
        };
        let sources = payload.object("signal_sources").unwrap_or_default();
        for (name, value) in &signals {
            let value = any_as_text(*value);
            let [key, of_key] = &mut self.discovered_signals.values[..] else { unreachable!("as declared") };
            key.push_text(Some(name));
            of_key.push_text(value.as_deref());
            let source = |field: &str| sources.get(name)?.get(field);
            let [name_of, value_of, turn, recorded_at] = &mut self.signals.values[..] else {
                unreachable!("as declared")
            };
            name_of.push_text(Some(name));
            value_of.push_text(value.as_deref());
            turn.push_integer(integer(source("turn")));
            recorded_at.push_integer(time(source("recorded_at")));
        }
        self.discovered_signals.end_row(Some(signals.len()));
        self.signals.end_row(Some(signals.len()));
    }

    fn push_tool_calls(&mut self, payload: &Payload<'_>) {
        let calls = payload.array("tool_calls").map(|calls| {
            let mut pushed = 0;
            for call in calls.into_iter().filter(|call| call.is_object()) {
                let [name, outcome, error, start_time, duration_seconds, arguments] =
                    &mut self.tool_calls.values[..]
                else {
                    unreachable!("as declared")
                };
                name.push_text(text(call.get("name")).as_deref());
                outcome.push_text(text(call.get("outcome")).as_deref());
                error.push_text(text(call.get("error")).as_deref());
                start_time.push_integer(time(call.get("start_time")));
                duration_seconds.push_number(number(call.get("duration_seconds")));
                arguments.push_text(call.get("arguments").and_then(any_as_text).as_deref());
                pushed += 1;
            }
            pushed
        });
        self.tool_calls.end_row(calls);
    }

    fn push_model_usage(&mut self, payload: &Payload<'_>) {
        let models = payload.array(MODEL_USAGE_PATH).map(|models| {
            let mut pushed = 0;
            for usage in models.into_iter().filter_map(Json::members) {
                for ((field, _), values) in MODEL_USAGE.iter().zip(&mut self.model_usage.values) {
                    values.push_json(usage.get(*field).copied());
                }
                pushed += 1;
            }
            pushed
        });
        self.model_usage.end_row(models);
    }

    /// The rows as a batch; then there are none.
    pub(crate) fn take(&mut self) -> anyhow::Result<RecordBatch> {
        let names = COLUMNS.iter().map(|column| column.name);
        let mut columns: Vec<(&str, ArrayRef)> =
            names.zip(self.values.iter_mut().map(Values::finish)).collect();
        let worked_out = WORKED_OUT.iter().zip(&mut self.worked_out);
        columns.extend(worked_out.map(|((name, _), values)| (*name, values.finish())));
        columns.extend([
            ("discovered_signals", entries_as_map(&mut self.discovered_signals)?),
            ("signals", self.signals.finish_lists()?),
            ("tool_calls", self.tool_calls.finish_lists()?),
            ("truncated", self.truncated.finish_plain_lists()?),
            ("model_usage", self.model_usage.finish_lists()?),
            ("object_key", Arc::new(self.object_key.finish()) as ArrayRef),
            ("payload", Arc::new(self.payload.finish()) as ArrayRef),
        ]);
        (self.rows, self.bytes) = (0, 0);
        let columns = columns.into_iter().map(|(name, column)| (name, column, true));
        RecordBatch::try_from_iter_with_nullable(columns).context("put the columns together")
    }
}

/// The columns of every file, in their order.
pub(crate) fn schema() -> anyhow::Result<SchemaRef> {
    Ok(Rows::new().take()?.schema())
}

#[cfg(test)]
mod tests;
