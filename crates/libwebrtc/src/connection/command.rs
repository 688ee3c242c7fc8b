//! What the program asks of a connection's task.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::negotiation::Outcome;
use crate::stats::RtcStats;

use super::channel::Channel;
use super::statistics::Scope;

pub(crate) enum Command {
    /// Open sockets and announce their addresses.
    Gather,
    /// There are other servers, or another policy, to gather with.
    Reconfigured,
    Negotiated(Box<Outcome>),
    /// A candidate line from `candidate:` on.
    AddRemoteCandidate(String),
    OpenChannel(Arc<Channel>),
    SendMessage {
        channel: Arc<Channel>,
        binary: bool,
        data: Vec<u8>,
    },
    CloseChannel(Arc<Channel>),
    /// Tracks were replaced or removed.
    SendersChanged,
    Report(Scope, oneshot::Sender<Vec<RtcStats>>),
    Close,
}
