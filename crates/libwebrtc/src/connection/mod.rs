//! A running connection: [`Connection`] is the half the program calls, [`driver`] the task that owns everything else.
//!
//! Both share the negotiation; what follows from it reaches the task as a [`Command`]. The task is the only one of a
//! connection: its [`transport`], which decides without IO, its sockets, relays, encoders and timers end with it. The
//! protocols of STUN and TURN in [`servers`] do no IO either.

pub(crate) mod callbacks;
pub(crate) mod channel;
mod channels;
mod command;
mod driver;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod media;
mod network;
mod relay;
mod servers;
mod sockets;
mod state_machine;
pub(crate) mod statistics;
mod status;
mod stream;
mod tcp;
#[cfg(any(test, fuzzing))]
#[cfg_attr(not(test), expect(dead_code, reason = "the tests use all of it"))]
mod tests;
mod tls;
mod transport;

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use str0m::IceCreds;
use tokio::sync::mpsc;

use crate::data_channel::{DataChannel, DataChannelInit};
use crate::ice_candidate::IceCandidate;
use crate::media_stream_track::MediaStreamTrack;
use crate::negotiation::transceiver::{MediaKind, Transceiver, refuse_unsendable};
use crate::negotiation::{Applied, Negotiation};
use crate::peer_connection::{OfferOptions, PeerConnectionState, SignalingState, TrackEvent};
use crate::peer_connection_factory::RtcConfiguration;
use crate::rtp_sender::RtpSender;
use crate::rtp_transceiver::{RtpTransceiver, RtpTransceiverInit};
use crate::runtime;
use crate::sdp::IceCredentials;
use crate::session_description::{SdpType, SessionDescription};
use crate::{MediaType, RtcError};

use callbacks::Callbacks;
use channel::Channel;
use command::Command;
use driver::Driver;
use statistics::Reports;
use transport::Transport;

/// The half of a connection the program calls.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    command_tx: mpsc::UnboundedSender<Command>,
}

/// What the program's calls and the task share.
struct Shared {
    negotiation: Mutex<Negotiation>,
    callbacks: Callbacks,
    state: Mutex<PeerConnectionState>,
    configuration: Mutex<RtcConfiguration>,
}

impl Connection {
    pub(crate) fn start(configuration: RtcConfiguration) -> Result<Self, RtcError> {
        let runtime = runtime::handle()?;
        let credentials = new_credentials();
        let (command_tx, command_rx) = mpsc::unbounded_channel();
        let mut transport = Transport::new(&credentials, command_tx.downgrade(), Instant::now());
        let fingerprint = transport.fingerprint();
        let shared = Arc::new(Shared {
            negotiation: Mutex::new(Negotiation::new(credentials, fingerprint)),
            callbacks: Callbacks::default(),
            state: Mutex::new(PeerConnectionState::New),
            configuration: Mutex::new(configuration),
        });
        runtime.spawn(Driver::new(transport, shared.clone(), command_rx).run());
        Ok(Self { shared, command_tx })
    }

    pub(crate) fn set_configuration(&self, configuration: RtcConfiguration) {
        *self.shared.configuration.lock() = configuration;
        self.command(Command::Reconfigured);
    }

    pub(crate) fn create_offer(&self, options: OfferOptions) -> Result<SessionDescription, RtcError> {
        let restart = options.ice_restart.then(new_credentials);
        self.shared.negotiation.lock().create_offer(restart)
    }

    pub(crate) fn create_answer(&self) -> Result<SessionDescription, RtcError> {
        self.shared.negotiation.lock().create_answer()
    }

    pub(crate) fn set_local_description(&self, description: &SessionDescription) -> Result<(), RtcError> {
        let applied = self.shared.negotiation.lock().set_local_description(description)?;
        if description.sdp_type() != SdpType::Rollback {
            self.command(Command::Gather);
        }
        self.carry_out(applied);
        Ok(())
    }

    pub(crate) fn set_remote_description(&self, description: &SessionDescription) -> Result<(), RtcError> {
        let applied = self.shared.negotiation.lock().set_remote_description(description, new_credentials)?;
        self.carry_out(applied);
        Ok(())
    }

    fn carry_out(&self, applied: Applied) {
        if let Some(outcome) = applied.outcome {
            self.command(Command::Negotiated(Box::new(outcome)));
        }
        for transceiver in applied.started {
            let transceiver = RtpTransceiver::new(transceiver, self.reports());
            let receiver = transceiver.receiver();
            let Some(track) = receiver.track() else { continue };
            let event = TrackEvent { streams: receiver.streams(), receiver, track, transceiver };
            self.shared.callbacks.track.with(|on_track| on_track(event));
        }
    }

    pub(crate) fn add_ice_candidate(&self, candidate: &IceCandidate) -> Result<(), RtcError> {
        if self.connection_state() == PeerConnectionState::Closed {
            return Err(RtcError::invalid_state("the connection is closed"));
        }
        self.demand(Command::AddRemoteCandidate(candidate.candidate()))
    }

    pub(crate) fn create_data_channel(
        &self,
        label: &str,
        init: DataChannelInit,
    ) -> Result<DataChannel, RtcError> {
        if self.connection_state() == PeerConnectionState::Closed {
            return Err(RtcError::invalid_state("the connection is closed"));
        }
        if init.negotiated && u16::try_from(init.id).is_err() {
            return Err(RtcError::invalid_state("a negotiated data channel needs a stream id"));
        }
        let channel = Arc::new(Channel::new(label, init, self.command_tx.clone()));
        self.shared.negotiation.lock().want_data();
        self.demand(Command::OpenChannel(channel.clone()))?;
        Ok(DataChannel::new(channel))
    }

    pub(crate) fn remove_track(&self, sender: &RtpSender) -> Result<(), RtcError> {
        self.shared.negotiation.lock().remove_track(sender.transceiver())?;
        self.command(Command::SendersChanged);
        Ok(())
    }

    pub(crate) fn add_transceiver(
        &self,
        track: Option<MediaStreamTrack>,
        media_type: Option<MediaType>,
        init: RtpTransceiverInit,
    ) -> Result<RtpTransceiver, RtcError> {
        let kind = match (&track, media_type) {
            (Some(MediaStreamTrack::Audio(_)), _) | (None, Some(MediaType::Audio)) => MediaKind::Audio,
            (Some(MediaStreamTrack::Video(_)), _) | (None, Some(MediaType::Video)) => MediaKind::Video,
            (None, _) => return Err(RtcError::invalid_state("a transceiver is for audio or video")),
        };
        if let Some(track) = &track {
            refuse_unsendable(track)?;
        }
        let mut negotiation = self.shared.negotiation.lock();
        if negotiation.signaling_state() == SignalingState::Closed {
            return Err(RtcError::invalid_state("the connection is closed"));
        }
        let transceiver = Arc::new(Transceiver::new(kind, track, init));
        negotiation.add_transceiver(transceiver.clone());
        Ok(RtpTransceiver::new(transceiver, self.reports()))
    }

    pub(crate) fn close(&self) {
        let before = std::mem::replace(&mut *self.shared.state.lock(), PeerConnectionState::Closed);
        if before != PeerConnectionState::Closed {
            self.shared.negotiation.lock().close();
            self.command(Command::Close);
        }
    }

    pub(crate) fn connection_state(&self) -> PeerConnectionState {
        *self.shared.state.lock()
    }

    pub(crate) fn signaling_state(&self) -> SignalingState {
        self.shared.negotiation.lock().signaling_state()
    }

    pub(crate) fn current_local_description(&self) -> Option<SessionDescription> {
        self.shared.negotiation.lock().current_local_description()
    }

    pub(crate) fn current_remote_description(&self) -> Option<SessionDescription> {
        self.shared.negotiation.lock().current_remote_description()
    }

    pub(crate) fn transceivers(&self) -> Vec<RtpTransceiver> {
        let negotiation = self.shared.negotiation.lock();
        let handle =
            |transceiver: &Arc<Transceiver>| RtpTransceiver::new(transceiver.clone(), self.reports());
        negotiation.transceivers().iter().map(handle).collect()
    }

    /// Where statistics are asked for.
    pub(crate) fn reports(&self) -> Reports {
        Reports::new(self.command_tx.downgrade())
    }

    pub(crate) fn callbacks(&self) -> &Callbacks {
        &self.shared.callbacks
    }

    fn demand(&self, command: Command) -> Result<(), RtcError> {
        self.command_tx.send(command).map_err(|_| RtcError::invalid_state("the connection has ended"))
    }

    /// Without effect once the task has ended.
    fn command(&self, command: Command) {
        if let Err(error) = self.demand(command) {
            tracing::debug!(%error, "a command is dropped");
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

fn new_credentials() -> IceCredentials {
    let IceCreds { ufrag, pass } = IceCreds::new();
    IceCredentials { ufrag, password: pass }
}
