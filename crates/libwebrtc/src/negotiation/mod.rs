//! Offers, answers and transceivers (JSEP, RFC 9429), without IO.
//!
//! [`Negotiation`] holds what was said so far. `write` makes the next description, `apply` takes one, and what follows
//! from a completed exchange is an [`Outcome`], which the connection's task carries out.

mod apply;
pub(crate) mod codecs;
mod outcome;
pub(crate) mod transceiver;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::RtcError;
use crate::peer_connection::SignalingState;
use crate::rtp_transceiver::RtpTransceiverDirection;
use crate::sdp::{Description, IceCredentials};
use crate::session_description::SessionDescription;

pub(crate) use apply::Applied;
pub(crate) use outcome::{NegotiatedMedia, Outcome};
use transceiver::Transceiver;

/// The state of a connection's negotiation.
pub(crate) struct Negotiation {
    transceivers: Vec<Arc<Transceiver>>,
    /// In the order of the media lines; an offer that is pending may have added the last ones.
    sections: Vec<Section>,
    /// How many sections stay when the pending offer is rolled back.
    settled_sections: usize,
    wants_data: bool,
    local: LocalTransport,
    /// Session id and version of the next description.
    origin: (u64, u64),
    /// Whether this side starts the DTLS handshake, once agreed.
    dtls_active: Option<bool>,
    signaling: SignalingState,
    current_local: Option<SessionDescription>,
    current_remote: Option<SessionDescription>,
    pending: Option<Pending>,
}

/// What this side's descriptions say about its transport.
pub(crate) struct LocalTransport {
    pub(crate) credentials: IceCredentials,
    /// Credentials of an ICE restart that was offered and not yet answered.
    pub(crate) restart: Option<IceCredentials>,
    /// For example `sha-256 AB:CD:…`.
    pub(crate) fingerprint: String,
    /// Without the prefix `candidate:`.
    pub(crate) candidates: Vec<String>,
}

/// An offer that has not been answered.
struct Pending {
    text: SessionDescription,
    description: Description,
}

struct Section {
    mid: String,
    kind: SectionKind,
}

enum SectionKind {
    Media(Arc<Transceiver>),
    Data,
    /// Of a kind this stack rejects.
    Rejected(String),
}

impl Negotiation {
    pub(crate) fn new(credentials: IceCredentials, fingerprint: String) -> Self {
        Self {
            transceivers: Vec::new(),
            sections: Vec::new(),
            settled_sections: 0,
            wants_data: false,
            local: LocalTransport { credentials, restart: None, fingerprint, candidates: Vec::new() },
            origin: (rand::random::<u64>() >> 2, 1),
            dtls_active: None,
            signaling: SignalingState::Stable,
            current_local: None,
            current_remote: None,
            pending: None,
        }
    }

    pub(crate) fn add_transceiver(&mut self, transceiver: Arc<Transceiver>) {
        self.transceivers.push(transceiver);
    }

    /// Asks for a data section in the next offer.
    pub(crate) fn want_data(&mut self) {
        self.wants_data = true;
    }

    /// Stops sending on a transceiver with the next offer.
    pub(crate) fn remove_track(&self, transceiver: &Arc<Transceiver>) -> Result<(), RtcError> {
        if !self.transceivers.iter().any(|known| Arc::ptr_eq(known, transceiver)) {
            return Err(RtcError::invalid_state("the sender is not of this connection"));
        }
        let mut state = transceiver.state();
        state.sender.track = None;
        state.direction = match state.direction {
            RtpTransceiverDirection::SendRecv => RtpTransceiverDirection::RecvOnly,
            RtpTransceiverDirection::SendOnly => RtpTransceiverDirection::Inactive,
            unchanged => unchanged,
        };
        Ok(())
    }

    /// Adds a candidate to the descriptions that are written from now on.
    pub(crate) fn add_local_candidate(&mut self, candidate: String) {
        self.local.candidates.push(candidate);
    }

    pub(crate) fn remove_local_candidate(&mut self, candidate: &str) {
        self.local.candidates.retain(|known| known != candidate);
    }

    pub(crate) fn signaling_state(&self) -> SignalingState {
        self.signaling
    }

    pub(crate) fn current_local_description(&self) -> Option<SessionDescription> {
        self.current_local.clone()
    }

    pub(crate) fn current_remote_description(&self) -> Option<SessionDescription> {
        self.current_remote.clone()
    }

    pub(crate) fn transceivers(&self) -> &[Arc<Transceiver>] {
        &self.transceivers
    }

    /// The section candidates are announced with.
    pub(crate) fn first_mid(&self) -> Option<String> {
        self.sections.first().map(|section| section.mid.clone())
    }

    /// Ends all tracks. Only reading the last descriptions stays possible.
    pub(crate) fn close(&mut self) {
        self.signaling = SignalingState::Closed;
        for transceiver in self.transceivers.drain(..) {
            transceiver.close();
        }
        self.sections.clear();
    }
}
