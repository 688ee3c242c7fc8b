//! The turns that an agent has answered, from its log.

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde::Deserialize;

/// Has the agent log each turn, and nothing else that it does not log always.
pub(super) const RUST_LOG: &str = "warn,agent=info,agent::conversation::latencies=debug";

/// A spoken turn with its answer; the times are the agent's own.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(super) struct AnsweredTurn {
    /// When the answer was over.
    pub(super) timestamp: DateTime<Utc>,
    /// From the end of the caller's speech, as the agent hears it, to the end of the caller's turn.
    #[serde(rename = "turn.endpointing_seconds")]
    pub(super) endpointing: f64,
    /// From the end of the caller's speech to the first frame of the answer in the agent's track.
    #[serde(rename = "turn.first_audio_seconds")]
    pub(super) first_audio: f64,
    #[serde(flatten)]
    pub(super) steps: Steps,
}

/// When an answer was how far, from the end of the caller's speech.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub(super) struct Steps {
    #[serde(rename = "turn.transcribed_seconds")]
    pub(super) transcribed: Option<f64>,
    #[serde(rename = "turn.asked_seconds")]
    pub(super) asked: Option<f64>,
    #[serde(rename = "turn.first_token_seconds")]
    pub(super) first_token: Option<f64>,
    #[serde(rename = "turn.first_sentence_seconds")]
    pub(super) first_sentence: Option<f64>,
}

pub(super) fn answered_turns(log: &str) -> Result<Vec<AnsweredTurn>> {
    let lines = log.lines().filter(|line| line.contains("turn.first_audio_seconds"));
    lines.map(|line| serde_json::from_str(line).with_context(|| format!("parse {line}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_found_among_other_lines() {
        let log = concat!(
            r#"{"timestamp":"2026-01-02T03:04:05.678901Z","level":"INFO","message":"who the agent is"}"#,
            "\n",
            r#"{"timestamp":"2026-01-02T03:04:06Z","level":"DEBUG","message":"answered a spoken turn","#,
            r#""turn.endpointing_seconds":0.501,"turn.first_audio_seconds":0.509,"span":{"name":"session"}}"#,
            "\n",
        );
        let turns = answered_turns(log).expect("parse");
        assert_eq!(turns.len(), 1);
        assert_eq!([turns[0].endpointing, turns[0].first_audio], [0.501, 0.509]);
        assert!(answered_turns(r#"{"turn.first_audio_seconds":"#).is_err());
    }
}
