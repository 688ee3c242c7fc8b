//! What became of what the callers of a row said.

use serde_json::{Value, json};

use super::agent_log::AnsweredTurn;
use super::callers::Turn;
use crate::report::share_below;

pub(super) struct Talk {
    /// Of the whole row, from the first sentence to the last.
    said: usize,
    heard_answers: usize,
    agent_answers: usize,
    /// Milliseconds, sorted, of the turns of the period: what the agent waited to be sure of the end of the turn.
    endpointing: Vec<f64>,
    /// The same, what it took beyond that.
    added: Vec<f64>,
    /// Milliseconds, sorted, from the last sample of a sentence at the caller to the first of the answer.
    outside: Vec<f64>,
}

impl Talk {
    /// `answered` is all that the agent has logged; latencies are those of turns `in_period`, seconds since 1970.
    pub(super) fn new(turns: &[Turn], answered: &[AnsweredTurn], in_period: impl Fn(f64) -> bool) -> Self {
        let logged: Vec<&AnsweredTurn> = answered
            .iter()
            .filter(|turn| in_period(turn.timestamp.timestamp_micros() as f64 / 1e6))
            .collect();
        let heard = turns.iter().filter(|turn| in_period(turn.ended_at));
        Self {
            said: turns.len(),
            heard_answers: turns.iter().filter(|turn| turn.answered_after.is_some()).count(),
            agent_answers: answered.len(),
            endpointing: milliseconds(logged.iter().map(|turn| turn.endpointing)),
            added: milliseconds(logged.iter().map(|turn| turn.first_audio - turn.endpointing)),
            outside: milliseconds(heard.filter_map(|turn| turn.answered_after)),
        }
    }

    /// What the agent adds to a wait, in milliseconds, at this share of the turns.
    pub(super) fn added(&self, share: f64) -> f64 {
        share_below(&self.added, share)
    }

    /// What the agent waits to be sure of the end of a turn, in milliseconds, at this share of the turns.
    pub(super) fn endpointing(&self, share: f64) -> f64 {
        share_below(&self.endpointing, share)
    }

    /// How long a caller waits for the answer to be heard, in milliseconds, at this share of the turns.
    pub(super) fn heard_after(&self, share: f64) -> f64 {
        share_below(&self.outside, share)
    }

    pub(super) fn answered_of_said(&self) -> String {
        format!("{}/{}", self.heard_answers, self.said)
    }

    /// Share of the sentences to which no answer was heard.
    pub(super) fn unanswered(&self) -> f64 {
        1.0 - self.heard_answers as f64 / self.said as f64
    }

    /// Answers of which only one side knows.
    pub(super) fn miscounted(&self) -> f64 {
        self.agent_answers.abs_diff(self.heard_answers) as f64
    }

    pub(super) fn json(&self) -> Value {
        let spread = |values: &[f64]| {
            json!({
                "count": values.len(), "p50": share_below(values, 0.5), "p95": share_below(values, 0.95),
                "most": share_below(values, 1.0),
            })
        };
        json!({
            "sentences": self.said, "answers_heard": self.heard_answers, "answers_logged": self.agent_answers,
            "added_ms": spread(&self.added), "endpointing_ms": spread(&self.endpointing),
            "heard_by_caller_ms": spread(&self.outside),
        })
    }
}

fn milliseconds(seconds: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = seconds.map(|seconds| seconds * 1000.0).collect();
    values.sort_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::voice::agent_log::Steps;

    fn logged(at: i64, first_audio: f64) -> AnsweredTurn {
        let timestamp = DateTime::from_timestamp(at, 0).expect("a time");
        AnsweredTurn { timestamp, endpointing: 0.5, first_audio, steps: Steps::default() }
    }

    #[test]
    fn every_sentence_counts_and_only_latencies_of_the_period() {
        let said = |ended_at, answered_after| Turn { ended_at, answered_after };
        let turns = [said(5.0, Some(9.0)), said(15.0, Some(0.65)), said(16.0, None), said(17.0, Some(0.7))];
        let answered = [logged(6, 0.9), logged(16, 0.51), logged(18, 0.502)];
        let talk = Talk::new(&turns, &answered, |time| (10.0..20.0).contains(&time));
        assert_eq!(talk.answered_of_said(), "3/4");
        assert_eq!([talk.unanswered(), talk.miscounted()], [0.25, 0.0]);
        assert_eq!([talk.added(0.5).round(), talk.added(1.0).round()], [2.0, 10.0]);
        assert_eq!([talk.heard_after(0.5), talk.heard_after(1.0)], [650.0, 700.0]);
    }

    #[test]
    fn an_answer_that_one_side_missed_and_a_row_without_a_word_show() {
        let turns = [Turn { ended_at: 1.0, answered_after: Some(0.6) }];
        assert_eq!(Talk::new(&turns, &[], |_| true).miscounted(), 1.0);
        let nothing = Talk::new(&[], &[], |_| true);
        assert!(nothing.unanswered().is_nan() && nothing.added(0.5).is_nan());
    }
}
