//! What became of the messages of a batch. An address can have several records, and then a message has a result from each.

use sink::{WriteError, Written};

use crate::plan::Settled;

/// Outcomes from the weakest to the strongest: what was done for one record of a message outweighs what was needless for
/// another one.
pub(crate) const OUTCOMES: [&str; 6] =
    ["no_email", "no_match", "stale", "superseded", "unchanged", "updated"];

/// The results of a batch, in its order.
pub struct Results(Vec<Option<Result<Written, WriteError>>>);

impl Results {
    /// The results of so many messages, none of which has one yet.
    pub fn none(messages: usize) -> Self {
        Self(vec![None; messages])
    }

    /// Adds what became of a message at one record. The graver one counts: while a record lacks the session, it is not
    /// written; and what is written twice ends as what is written once.
    pub fn add(&mut self, index: usize, result: Result<Written, WriteError>) {
        let Some(known) = self.0.get_mut(index) else { return };
        match known {
            Some(known) if weight(known) >= weight(&result) => {}
            _ => *known = Some(result),
        }
    }

    pub fn add_all(&mut self, settled: impl IntoIterator<Item = Settled>) {
        settled.into_iter().for_each(|(index, result)| self.add(index, result));
    }

    /// Whether it was left for want of time.
    pub(crate) fn is_left(&self, index: usize) -> bool {
        matches!(self.0.get(index), Some(Some(Err(WriteError::Busy { .. }))))
    }

    /// One for each message; those that have none have no address.
    pub fn finish(self) -> Vec<Result<Written, WriteError>> {
        let no_email = || Ok(Written { outcome: "no_email" });
        self.0.into_iter().map(|result| result.unwrap_or_else(no_email)).collect()
    }
}

fn weight(result: &Result<Written, WriteError>) -> usize {
    match result {
        Ok(written) => OUTCOMES.iter().position(|outcome| *outcome == written.outcome).unwrap_or(0),
        // A dead letter is replayed to all records of the message, so it may wait until the others have passed.
        Err(WriteError::Reject { .. }) => 10,
        Err(WriteError::Retry { .. }) => 11,
        Err(WriteError::Busy { .. }) => 12,
        Err(WriteError::Unavailable { .. }) => 13,
    }
}

#[cfg(test)]
mod tests {
    use sink::PERMANENT;

    use super::*;

    fn written(outcome: &'static str) -> Result<Written, WriteError> {
        Ok(Written { outcome })
    }

    #[test]
    fn the_graver_result_of_a_message_counts() {
        let retry = || Err(WriteError::Retry { reason: "locked".to_owned() });
        let reject = || Err(WriteError::Reject { outcome: PERMANENT, reason: "too long".to_owned() });
        let mut results = Results::none(4);
        results.add_all([
            (0, written("stale")),
            (0, written("updated")),
            (0, written("unchanged")),
            (1, reject()),
            (1, retry()),
        ]);
        results.add(2, retry());
        results.add(2, written("updated"));
        assert_eq!(results.finish(), [written("updated"), retry(), retry(), written("no_email")]);
    }
}
