//! What all sessions of a worker have in common.

use std::sync::Arc;

use crate::budget::BudgetArgs;
use crate::configuration::SessionArgs;
use crate::conversation::Assistant;
use crate::metrics::Metrics;
use crate::room_service::RoomService;
use crate::spool::Spool;

/// Runs sessions: each with a journal, a budget and a conversation of its own. Clones share the rest.
#[derive(Clone)]
pub struct Sessions {
    /// Limits of a session.
    pub args: SessionArgs,
    /// What one call may use.
    pub budget: BudgetArgs,
    /// Name under which calls are dispatched.
    pub agent_name: Arc<str>,
    /// Where sessions are kept until they are published.
    pub spool: Spool,
    /// What the agent counts.
    pub metrics: Metrics,
    /// Who talks with the callers.
    pub assistant: Arc<Assistant>,
    /// Ends calls for the participant, too, and tells who is in a room.
    pub rooms: RoomService,
}
