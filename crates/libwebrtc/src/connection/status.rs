//! The connection's state, from what ICE and DTLS report and from the clock.

use std::time::{Duration, Instant};

use crate::peer_connection::PeerConnectionState;

/// After so long without the peer the connection has failed.
const FAILED_AFTER: Duration = Duration::from_secs(15);

/// Knows no IO; every call answers the state it leads to, if that is a new one.
pub(super) struct Status {
    state: PeerConnectionState,
    ice_connected: bool,
    dtls_connected: bool,
    /// When the connection will have failed.
    fails_at: Option<Instant>,
}

impl Default for Status {
    fn default() -> Self {
        Self { state: PeerConnectionState::New, ice_connected: false, dtls_connected: false, fails_at: None }
    }
}

impl Status {
    pub(super) fn state(&self) -> PeerConnectionState {
        self.state
    }

    pub(super) fn is_connected(&self) -> bool {
        self.state == PeerConnectionState::Connected
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.fails_at
    }

    /// Offer and answer are complete: the transport starts, or starts anew after an ICE restart.
    pub(super) fn negotiated(&mut self, ice_restart: bool, now: Instant) -> Option<PeerConnectionState> {
        match self.state {
            PeerConnectionState::New => {}
            PeerConnectionState::Failed | PeerConnectionState::Disconnected if ice_restart => {}
            _ => return None,
        }
        // What was known is of the ICE session before.
        self.ice_connected = false;
        self.fails_at = Some(now + FAILED_AFTER);
        self.enter(PeerConnectionState::Connecting)
    }

    pub(super) fn ice_connected(&mut self) -> Option<PeerConnectionState> {
        self.ice_connected = true;
        self.evaluate()
    }

    pub(super) fn dtls_connected(&mut self) -> Option<PeerConnectionState> {
        self.dtls_connected = true;
        self.evaluate()
    }

    pub(super) fn ice_disconnected(&mut self, now: Instant) -> Option<PeerConnectionState> {
        self.ice_connected = false;
        self.lose(now)
    }

    /// The peer closed the transport. It may say more over signalling, so this is not a failure yet.
    pub(super) fn closed_by_peer(&mut self, now: Instant) -> Option<PeerConnectionState> {
        self.dtls_connected = false;
        self.lose(now)
    }

    /// The transport cannot go on.
    pub(super) fn broken(&mut self) -> Option<PeerConnectionState> {
        self.fails_at = None;
        self.enter(PeerConnectionState::Failed)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<PeerConnectionState> {
        if self.fails_at.is_some_and(|at| now >= at) { self.broken() } else { None }
    }

    fn evaluate(&mut self) -> Option<PeerConnectionState> {
        // A failure ends with a restart of ICE only (W3C): programs answer it with one, and take the next `Connected` for
        // the restart's success.
        let failed = self.state == PeerConnectionState::Failed;
        if failed || !self.ice_connected || !self.dtls_connected {
            return None;
        }
        self.fails_at = None;
        self.enter(PeerConnectionState::Connected)
    }

    fn lose(&mut self, now: Instant) -> Option<PeerConnectionState> {
        if self.state != PeerConnectionState::Connected {
            return None;
        }
        self.fails_at = Some(now + FAILED_AFTER);
        self.enter(PeerConnectionState::Disconnected)
    }

    fn enter(&mut self, state: PeerConnectionState) -> Option<PeerConnectionState> {
        if self.state == state {
            return None;
        }
        self.state = state;
        Some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_peer_is_a_failure_after_a_while_and_a_restart_recovers() {
        let mut status = Status::default();
        let start = Instant::now();
        assert_eq!(status.negotiated(false, start), Some(PeerConnectionState::Connecting));
        assert_eq!(status.ice_connected(), None);
        assert_eq!(status.dtls_connected(), Some(PeerConnectionState::Connected));
        assert_eq!(status.next_timeout(), None);
        assert_eq!(status.ice_disconnected(start), Some(PeerConnectionState::Disconnected));
        assert_eq!(status.handle_timeout(start + FAILED_AFTER / 2), None);
        assert_eq!(status.handle_timeout(start + FAILED_AFTER), Some(PeerConnectionState::Failed));
        assert_eq!(status.negotiated(false, start), None);
        assert_eq!(status.negotiated(true, start), Some(PeerConnectionState::Connecting));
        assert_eq!(status.ice_connected(), Some(PeerConnectionState::Connected));
    }

    #[test]
    fn a_failure_lasts_until_ice_is_restarted() {
        let mut status = Status::default();
        let start = Instant::now();
        status.negotiated(false, start);
        status.ice_connected();
        status.dtls_connected();
        assert_eq!(status.broken(), Some(PeerConnectionState::Failed));
        assert_eq!(status.ice_connected(), None);
        assert_eq!(status.negotiated(true, start), Some(PeerConnectionState::Connecting));
        assert_eq!(status.dtls_connected(), None);
        assert_eq!(status.ice_connected(), Some(PeerConnectionState::Connected));
    }

    #[test]
    fn a_peer_that_never_answers_is_a_failure() {
        let mut status = Status::default();
        let start = Instant::now();
        status.negotiated(false, start);
        assert_eq!(status.handle_timeout(start + FAILED_AFTER), Some(PeerConnectionState::Failed));
    }
}
