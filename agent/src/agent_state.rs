//! How an agent appears in its room: the attributes that front ends read.

use std::collections::HashMap;

use schemas::EndReason;

use crate::metrics::end_reason_word;

/// What the agent does at the moment, as front ends know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentState {
    /// In the room, and not yet ready for the participant.
    Initializing,
    /// Waits for the participant to speak.
    Listening,
    /// Makes a reply to the participant's turn.
    Thinking,
    /// Speaks, so that the participant hears it.
    Speaking,
}

impl AgentState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Initializing => "initializing",
            Self::Listening => "listening",
            Self::Thinking => "thinking",
            Self::Speaking => "speaking",
        }
    }
}

/// The attribute by which servers know an agent's name; LiveKit itself sets it.
pub(crate) const SERVERS_AGENT_NAME: &str = "lk.agent_name";

/// The agent's attributes: its name as servers and as front ends (`lk.agent.name`) look it up, and its state.
pub fn attributes(agent_name: &str, state: AgentState) -> HashMap<String, String> {
    let pairs =
        [(SERVERS_AGENT_NAME, agent_name), ("lk.agent.name", agent_name), ("lk.agent.state", state.as_str())];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Why the agent ends the call or leaves it, in the payload's word, so that a front end can say so.
pub(crate) fn end_reason(reason: EndReason) -> HashMap<String, String> {
    HashMap::from([("postcall.end_reason".to_owned(), end_reason_word(reason))])
}
