//! The running connection.
pub(crate) mod callbacks;
pub(crate) mod channel;
use crate::data_channel::{DataChannel, DataChannelInit};
use crate::ice_candidate::IceCandidate;
use crate::media_stream_track::MediaStreamTrack;
use crate::peer_connection::{OfferOptions, PeerConnectionState, SignalingState};
use crate::peer_connection_factory::RtcConfiguration;
use crate::rtp_sender::RtpSender;
use crate::rtp_transceiver::{RtpTransceiver, RtpTransceiverInit};
use crate::session_description::SessionDescription;
use crate::{MediaType, RtcError};
pub(crate) struct Connection {
    callbacks: callbacks::Callbacks,
}
fn no<T>() -> Result<T, RtcError> {
    Err(RtcError::not_supported("connecting"))
}
impl Connection {
    pub(crate) fn start(_config: RtcConfiguration) -> Result<Self, RtcError> {
        no()
    }
    pub(crate) fn set_configuration(&self, _c: RtcConfiguration) -> Result<(), RtcError> {
        no()
    }
    pub(crate) fn create_offer(&self, _o: OfferOptions) -> Result<SessionDescription, RtcError> {
        no()
    }
    pub(crate) fn create_answer(&self) -> Result<SessionDescription, RtcError> {
        no()
    }
    pub(crate) fn set_local_description(&self, _d: &SessionDescription) -> Result<(), RtcError> {
        no()
    }
    pub(crate) fn set_remote_description(&self, _d: &SessionDescription) -> Result<(), RtcError> {
        no()
    }
    pub(crate) fn add_ice_candidate(&self, _c: &IceCandidate) -> Result<(), RtcError> {
        no()
    }
    pub(crate) fn create_data_channel(&self, _l: &str, _i: DataChannelInit) -> Result<DataChannel, RtcError> {
        no()
    }
    pub(crate) fn remove_track(&self, _s: &RtpSender) -> Result<(), RtcError> {
        no()
    }
    pub(crate) fn add_transceiver(
        &self,
        _t: Option<MediaStreamTrack>,
        _m: Option<MediaType>,
        _i: RtpTransceiverInit,
    ) -> Result<RtpTransceiver, RtcError> {
        no()
    }
    pub(crate) fn close(&self) {}
    pub(crate) fn connection_state(&self) -> PeerConnectionState {
        PeerConnectionState::Closed
    }
    pub(crate) fn signaling_state(&self) -> SignalingState {
        SignalingState::Closed
    }
    pub(crate) fn current_local_description(&self) -> Option<SessionDescription> {
        None
    }
    pub(crate) fn current_remote_description(&self) -> Option<SessionDescription> {
        None
    }
    pub(crate) fn transceivers(&self) -> Vec<RtpTransceiver> {
        Vec::new()
    }
    pub(crate) fn callbacks(&self) -> &callbacks::Callbacks {
        &self.callbacks
    }
}
