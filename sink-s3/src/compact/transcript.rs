//! Columns that are counted from a transcript.

use schemas::json::Json;

use crate::compact::payload::{text, time};

/// What is counted of a transcript.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Transcript {
    pub(crate) entries: i64,
    pub(crate) characters: i64,
    pub(crate) user_seconds: f64,
    pub(crate) agent_seconds: f64,
    /// Entries that the other side cut short.
    pub(crate) interruptions: i64,
}

impl Transcript {
    pub(crate) fn of(entries: &[Json<'_>]) -> Self {
        let mut transcript = Self { entries: entries.len() as i64, ..Self::default() };
        let (mut user, mut agent) = (0, 0);
        for entry in entries {
            let [mut start, mut end, mut role] = [None; 3];
            // Of a field that is given twice the last one counts.
            let (mut characters, mut interrupted) = (0, false);
            for (name, value) in entry.entries() {
                match &*name {
                    "text" => characters = text(Some(value)).map_or(0, |text| text.chars().count() as i64),
                    "interrupted" => interrupted = value.as_bool() == Some(true),
                    "start_time" => start = Some(value),
                    "end_time" => end = Some(value),
                    "role" => role = Some(value),
                    _ => {}
                }
            }
            transcript.characters += characters;
            transcript.interruptions += i64::from(interrupted);
            let times = time(start).zip(time(end));
            let milliseconds = times.map_or(0, |(start, end)| end.saturating_sub(start).max(0));
            match text(role).as_deref() {
                Some("user") => user += milliseconds,
                Some("agent") => agent += milliseconds,
                _ => {}
            }
        }
        transcript.user_seconds = user as f64 / 1_000.0;
        transcript.agent_seconds = agent as f64 / 1_000.0;
        transcript
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn odd_entries_count_for_what_they_have() {
        let entries = [
            json!({"role": "user", "text": "Grüß", "start_time": "2025-10-29T12:00:00Z",
                   "end_time": "2025-10-29T12:00:01.500Z", "interrupted": true}),
            json!({"role": "agent", "text": 7, "start_time": "2025-10-29T12:00:02Z", "end_time": "?"}),
            json!({"role": "agent", "text": "", "start_time": "2025-10-29T12:00:02Z",
                   "end_time": "2025-10-29T12:00:01Z"}),
            json!("?"),
        ];
        let expected =
            Transcript { entries: 4, characters: 4, user_seconds: 1.5, interruptions: 1, agent_seconds: 0.0 };
        let entries = entries.map(|entry| entry.to_string());
        let entries: Vec<_> = entries.iter().map(|entry| Json::parse(entry.as_bytes()).unwrap()).collect();
        assert_eq!(Transcript::of(&entries), expected);
        assert_eq!(Transcript::of(&[]), Transcript::default());
    }
}
