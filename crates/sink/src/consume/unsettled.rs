//! The messages that the NATS client could not receive, until they are settled.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use schemas::names::SESSIONS_STREAM;
use tracing::warn;

use crate::consume::health::{Part, Readiness};

/// The messages that could not be received and are not yet settled; while there are any, the sink is not ready and says so.
#[derive(Clone)]
pub(crate) struct UnsettledMessages {
    state: Arc<Mutex<State>>,
    readiness: Arc<Readiness>,
}

#[derive(Default)]
struct State {
    sequences: BTreeSet<u64>,
    /// Up to which sequence there may be more, because nobody could look; and why.
    not_looked_at: Option<(u64, String)>,
}

/// A message that could not be received. Dropped, it is settled, or is delivered again.
pub(crate) struct Unsettled {
    messages: UnsettledMessages,
    sequence: u64,
}

impl UnsettledMessages {
    pub(crate) fn none(readiness: Arc<Readiness>) -> Self {
        Self { state: Arc::default(), readiness }
    }

    pub(crate) fn add(&self, sequence: u64) -> Unsettled {
        warn!(
            stream.sequence = sequence,
            "a message that the NATS client cannot receive: it is read by its sequence"
        );
        self.change(|state| state.sequences.extend([sequence]));
        Unsettled { messages: self.clone(), sequence }
    }

    /// What was delivered could not be looked at; now it could.
    pub(crate) fn looked(&self, looked: Result<(), (u64, String)>) {
        self.change(|state| state.not_looked_at = looked.err());
    }

    /// All messages up to this one are settled, those that could not be looked at included.
    pub(crate) fn settled_up_to(&self, ack_floor: u64) {
        self.change(|state| drop(state.not_looked_at.take_if(|(last, _)| *last <= ack_floor)));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let count = state.sequences.len();
        let reason = match (state.sequences.first(), &state.not_looked_at) {
            (None, None) => Ok(()),
            (Some(first), _) => Err(format!(
                "{count} that cannot be received are being read by their sequence, the first is {first} of {SESSIONS_STREAM}"
            )),
            (None, Some((last, error))) => Err(format!(
                "one up to sequence {last} of {SESSIONS_STREAM} may be what ends the connection, and cannot be looked at: {error}"
            )),
        };
        self.readiness.set(Part::Messages, reason);
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        self.messages.change(|state| state.sequences.retain(|sequence| *sequence != self.sequence));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readiness_says_which_message_it_is() {
        let readiness = Arc::new(Readiness::starting());
        let messages = UnsettledMessages::none(Arc::clone(&readiness));
        let unsettled = (messages.add(7), messages.add(4));
        assert!(readiness.reasons().unwrap().contains("the first is 4 of SESSIONS"));
        drop(unsettled);
        assert!(!readiness.reasons().unwrap().contains("SESSIONS"));
        messages.looked(Err((9, "no answer".to_owned())));
        messages.settled_up_to(8);
        assert!(readiness.reasons().unwrap().contains("one up to sequence 9 of SESSIONS"));
        messages.settled_up_to(9);
        assert!(!readiness.reasons().unwrap().contains("SESSIONS"));
    }
}
