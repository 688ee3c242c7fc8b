//! What LiveKit's lists say of a room: whether somebody waits there for an agent of ours.

use livekit_protocol::participant_info::{Kind, State};
use livekit_protocol::{AgentDispatch, CreateAgentDispatchRequest, ParticipantInfo};

use super::rounds::Next;
use crate::agent_state::SERVERS_AGENT_NAME;
use crate::room_service::is_person;

/// A room at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) company: Company,
    /// The dispatches to this agent's name, the oldest first; none where nobody waits.
    pub(super) orders: Vec<AgentDispatch>,
}

/// Who is in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Company {
    /// An agent of this name is there, or on its way into the room.
    Served,
    /// Somebody is about to be connected, or never will be: whoever has no media takes no place again.
    Connecting,
    /// Nobody with whom an agent would talk.
    Nobody,
    /// Somebody without an agent of this name: the id of whoever is there for the longest.
    Waiting(String),
}

impl Seen {
    /// Whom an agent was ordered for, and does not have.
    pub(super) fn waits(&self) -> Option<&str> {
        match &self.company {
            Company::Waiting(who) if !self.orders.is_empty() => Some(who),
            _ => None,
        }
    }

    pub(super) fn next(&self) -> Next {
        match self.company {
            Company::Served | Company::Connecting => Next::Soon,
            _ if self.waits().is_some() => Next::First,
            _ => Next::WhenItChanges,
        }
    }
}

pub(super) fn of(participants: &[ParticipantInfo], agent_name: &str) -> Company {
    let present = || participants.iter().filter(|participant| participant.state() != State::Disconnected);
    if present().any(|participant| is_agent(participant, agent_name)) {
        return Company::Served;
    }
    let people = || present().filter(|participant| is_person(participant));
    let waiting = people().filter(|person| person.state() == State::Active);
    let since = |person: &ParticipantInfo| (person.joined_at_ms, person.joined_at);
    match waiting.min_by(|a, b| since(a).cmp(&since(b)).then_with(|| a.sid.cmp(&b.sid))) {
        Some(longest) => Company::Waiting(longest.sid.clone()),
        None if people().next().is_some() => Company::Connecting,
        None => Company::Nobody,
    }
}

/// An agent that does not say its name may be ours: older servers did not add it.
fn is_agent(participant: &ParticipantInfo, agent_name: &str) -> bool {
    let name = participant.attributes.get(SERVERS_AGENT_NAME);
    participant.kind() == Kind::Agent && name.is_none_or(|name| name == agent_name)
}

/// The dispatches that workers of this name are offered, in an order that all of them see.
pub(super) fn orders(mut dispatches: Vec<AgentDispatch>, agent_name: &str) -> Vec<AgentDispatch> {
    dispatches.retain(|dispatch| dispatch.agent_name == agent_name && dispatch.deployment.is_empty());
    dispatches.sort_by_key(|dispatch| {
        (dispatch.state.as_ref().map_or(0, |state| state.created_at), dispatch.id.clone())
    });
    dispatches
}

/// The same order, to be given again.
pub(super) fn again(order: &AgentDispatch, room: &str) -> CreateAgentDispatchRequest {
    CreateAgentDispatchRequest {
        agent_name: order.agent_name.clone(),
        room: room.to_owned(),
        metadata: order.metadata.clone(),
        restart_policy: order.restart_policy,
        deployment: order.deployment.clone(),
        attributes: order.attributes.clone(),
    }
}
