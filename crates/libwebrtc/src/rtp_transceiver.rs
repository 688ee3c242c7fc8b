//! A pair of sender and receiver that share a media section.

use std::fmt::{self, Debug};
use std::sync::Arc;

use crate::connection::statistics::Reports;
use crate::negotiation::transceiver::Transceiver;
use crate::rtp_parameters::{RtpCodecCapability, RtpEncodingParameters};
use crate::{RtcError, rtp_receiver::RtpReceiver, rtp_sender::RtpSender};

/// How a transceiver starts.
#[derive(Debug, Clone)]
pub struct RtpTransceiverInit {
    pub direction: RtpTransceiverDirection,
    pub stream_ids: Vec<String>,
    pub send_encodings: Vec<RtpEncodingParameters>,
}

/// Seen from this side.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum RtpTransceiverDirection {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
    Stopped,
}

/// A transceiver; clones are the same one.
#[derive(Clone)]
pub struct RtpTransceiver {
    inner: Arc<Transceiver>,
    reports: Reports,
}

impl RtpTransceiver {
    pub(crate) fn new(inner: Arc<Transceiver>, reports: Reports) -> Self {
        Self { inner, reports }
    }

    /// The name of its media section, once a local description has one for it.
    pub fn mid(&self) -> Option<String> {
        self.inner.state().mid.clone()
    }

    /// What was negotiated last.
    pub fn current_direction(&self) -> Option<RtpTransceiverDirection> {
        self.inner.state().current_direction
    }

    /// What the next offer asks for.
    pub fn direction(&self) -> RtpTransceiverDirection {
        self.inner.state().direction
    }

    pub fn sender(&self) -> RtpSender {
        RtpSender::new(self.inner.clone(), self.reports.clone())
    }

    pub fn receiver(&self) -> RtpReceiver {
        RtpReceiver::new(self.inner.clone(), self.reports.clone())
    }

    /// Accepts a list that has the one codec there is; fails with any other.
    pub fn set_codec_preferences(&self, codecs: Vec<RtpCodecCapability>) -> Result<(), RtcError> {
        if codecs.iter().any(|codec| codec.mime_type.eq_ignore_ascii_case("audio/opus")) {
            return Ok(());
        }
        Err(RtcError::not_supported("any codec but Opus"))
    }

    /// Stops both directions with the next negotiation.
    pub fn stop(&self) -> Result<(), RtcError> {
        self.inner.stop();
        Ok(())
    }
}

impl Debug for RtpTransceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpTransceiver")
            .field("mid", &self.mid())
            .field("direction", &self.direction())
            .finish()
    }
}
