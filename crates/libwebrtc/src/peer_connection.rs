//! The connection to a peer.

use std::fmt::{self, Debug};
use std::sync::Arc;

use crate::connection::Connection;
use crate::connection::statistics::Scope;
use crate::data_channel::{DataChannel, DataChannelInit};
use crate::ice_candidate::IceCandidate;
use crate::media_stream::MediaStream;
use crate::media_stream_track::MediaStreamTrack;
use crate::peer_connection_factory::RtcConfiguration;
use crate::rtp_receiver::RtpReceiver;
use crate::rtp_sender::RtpSender;
use crate::rtp_transceiver::{RtpTransceiver, RtpTransceiverInit};
use crate::session_description::SessionDescription;
use crate::stats::RtcStats;
use crate::{MediaType, RtcError};

#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum PeerConnectionState {
    New,
    Connecting,
    Connected,
    /// The peer is silent; this may pass.
    Disconnected,
    /// It did not pass: only an ICE restart or a new connection helps.
    Failed,
    Closed,
}

#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum IceConnectionState {
    New,
    Checking,
    Connected,
    Completed,
    Failed,
    Disconnected,
    Closed,
    Max,
}

#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum IceGatheringState {
    New,
    Gathering,
    Complete,
}

#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum SignalingState {
    Stable,
    HaveLocalOffer,
    HaveLocalPrAnswer,
    HaveRemoteOffer,
    HaveRemotePrAnswer,
    Closed,
}

#[derive(Debug, Clone, Default)]
pub struct OfferOptions {
    /// Makes new ICE credentials.
    pub ice_restart: bool,
    pub offer_to_receive_audio: bool,
    pub offer_to_receive_video: bool,
}

#[derive(Debug, Clone, Default)]
pub struct AnswerOptions {}

#[derive(Debug, Clone)]
pub struct IceCandidateError {
    pub address: String,
    pub port: i32,
    pub url: String,
    pub error_code: i32,
    pub error_text: String,
}

/// The peer began to send a track.
#[derive(Debug, Clone)]
pub struct TrackEvent {
    pub receiver: RtpReceiver,
    pub streams: Vec<MediaStream>,
    pub track: MediaStreamTrack,
    pub transceiver: RtpTransceiver,
}

pub type OnConnectionChange = Box<dyn FnMut(PeerConnectionState) + Send + Sync>;
pub type OnDataChannel = Box<dyn FnMut(DataChannel) + Send + Sync>;
pub type OnIceCandidate = Box<dyn FnMut(IceCandidate) + Send + Sync>;
pub type OnIceCandidateError = Box<dyn FnMut(IceCandidateError) + Send + Sync>;
pub type OnTrack = Box<dyn FnMut(TrackEvent) + Send + Sync>;

/// A peer connection; clones are the same one. Dropping the last clone closes it.
///
/// Callbacks run on the connection's task and must not block.
#[derive(Clone)]
pub struct PeerConnection {
    inner: Arc<Connection>,
}

impl PeerConnection {
    pub(crate) fn new(config: RtcConfiguration) -> Result<Self, RtcError> {
        Ok(Self { inner: Arc::new(Connection::start(config)?) })
    }

    /// Takes the servers and the policy. Candidates that the new policy excludes are withdrawn at once; new servers are
    /// asked at once where candidates were gathered already, else with the next local description. What servers that are
    /// no longer named gave lasts for another 30 s.
    pub fn set_configuration(&self, config: RtcConfiguration) -> Result<(), RtcError> {
        self.inner.set_configuration(config);
        Ok(())
    }

    #[expect(clippy::unused_async, reason = "the signature livekit calls")]
    pub async fn create_offer(&self, options: OfferOptions) -> Result<SessionDescription, RtcError> {
        self.inner.create_offer(options)
    }

    #[expect(clippy::unused_async, reason = "the signature livekit calls")]
    pub async fn create_answer(&self, _options: AnswerOptions) -> Result<SessionDescription, RtcError> {
        self.inner.create_answer()
    }

    /// Names the new media sections and starts gathering candidates.
    #[expect(clippy::unused_async, reason = "the signature livekit calls")]
    pub async fn set_local_description(&self, description: SessionDescription) -> Result<(), RtcError> {
        self.inner.set_local_description(&description)
    }

    /// Takes the peer's offer or answer. An answer that was taken before cancels the offer that is pending.
    #[expect(clippy::unused_async, reason = "the signature livekit calls")]
    pub async fn set_remote_description(&self, description: SessionDescription) -> Result<(), RtcError> {
        self.inner.set_remote_description(&description)
    }

    #[expect(clippy::unused_async, reason = "the signature livekit calls")]
    pub async fn add_ice_candidate(&self, candidate: IceCandidate) -> Result<(), RtcError> {
        self.inner.add_ice_candidate(&candidate)
    }

    pub fn create_data_channel(&self, label: &str, init: DataChannelInit) -> Result<DataChannel, RtcError> {
        self.inner.create_data_channel(label, init)
    }

    /// Stops sending; the media section stays, to be reused by the peer.
    pub fn remove_track(&self, sender: RtpSender) -> Result<(), RtcError> {
        self.inner.remove_track(&sender)
    }

    /// Reports of the transport, the streams and the data channels. Fails once the connection is closed.
    pub async fn get_stats(&self) -> Result<Vec<RtcStats>, RtcError> {
        self.inner.reports().ask(Scope::Connection).await
    }

    /// Fails for tracks that cannot be sent: video, and audio devices.
    pub fn add_transceiver(
        &self,
        track: MediaStreamTrack,
        init: RtpTransceiverInit,
    ) -> Result<RtpTransceiver, RtcError> {
        self.inner.add_transceiver(Some(track), None, init)
    }

    pub fn add_transceiver_for_media(
        &self,
        media_type: MediaType,
        init: RtpTransceiverInit,
    ) -> Result<RtpTransceiver, RtcError> {
        self.inner.add_transceiver(None, Some(media_type), init)
    }

    /// Ends the connection's task, its sockets, tracks and channels.
    pub fn close(&self) {
        self.inner.close();
    }

    pub fn connection_state(&self) -> PeerConnectionState {
        self.inner.connection_state()
    }

    pub fn ice_connection_state(&self) -> IceConnectionState {
        match self.inner.connection_state() {
            PeerConnectionState::New => IceConnectionState::New,
            PeerConnectionState::Connecting => IceConnectionState::Checking,
            PeerConnectionState::Connected => IceConnectionState::Connected,
            PeerConnectionState::Disconnected => IceConnectionState::Disconnected,
            PeerConnectionState::Failed => IceConnectionState::Failed,
            PeerConnectionState::Closed => IceConnectionState::Closed,
        }
    }

    pub fn signaling_state(&self) -> SignalingState {
        self.inner.signaling_state()
    }

    pub fn current_local_description(&self) -> Option<SessionDescription> {
        self.inner.current_local_description()
    }

    pub fn current_remote_description(&self) -> Option<SessionDescription> {
        self.inner.current_remote_description()
    }

    /// Senders of transceivers that have not been stopped; none of a closed connection.
    pub fn senders(&self) -> Vec<RtpSender> {
        self.transceivers().iter().map(RtpTransceiver::sender).collect()
    }

    pub fn receivers(&self) -> Vec<RtpReceiver> {
        self.transceivers().iter().map(RtpTransceiver::receiver).collect()
    }

    pub fn transceivers(&self) -> Vec<RtpTransceiver> {
        self.inner.transceivers()
    }

    pub fn on_connection_state_change(&self, callback: Option<OnConnectionChange>) {
        self.inner.callbacks().connection_state.set(callback);
    }

    pub fn on_data_channel(&self, callback: Option<OnDataChannel>) {
        self.inner.callbacks().data_channel.set(callback);
    }

    pub fn on_ice_candidate(&self, callback: Option<OnIceCandidate>) {
        self.inner.callbacks().ice_candidate.set(callback);
    }

    /// Called for each STUN or TURN server that cannot be used, with the server's own code, or with 701 where it did not
    /// answer; and with 701 and no URL when only relayed candidates are allowed and the connection failed without any.
    pub fn on_ice_candidate_error(&self, callback: Option<OnIceCandidateError>) {
        self.inner.callbacks().ice_candidate_error.set(callback);
    }

    pub fn on_track(&self, callback: Option<OnTrack>) {
        self.inner.callbacks().track.set(callback);
    }
}

impl Debug for PeerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerConnection").field("state", &self.connection_state()).finish_non_exhaustive()
    }
}
