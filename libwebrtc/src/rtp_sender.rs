//! The sending half of a transceiver.

use std::fmt::{self, Debug};
use std::sync::Arc;

use crate::RtcError;
use crate::media_stream_track::MediaStreamTrack;
use crate::negotiation::transceiver::Transceiver;
use crate::rtp_parameters::RtpParameters;
use crate::stats::RtcStats;

/// A video encoder to prefer; there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum VideoEncoderBackend {
    #[default]
    Auto,
    Software,
    Hardware,
    Nvenc,
    Vaapi,
    VideoToolbox,
    PreEncoded,
}

impl VideoEncoderBackend {
    /// Nothing.
    pub fn list_available() -> impl IntoIterator<Item = VideoEncoderBackend> {
        []
    }
}

/// A sender; clones are the same one.
#[derive(Clone)]
pub struct RtpSender {
    inner: Arc<Transceiver>,
}

impl RtpSender {
    pub(crate) fn new(inner: Arc<Transceiver>) -> Self {
        Self { inner }
    }

    pub(crate) fn transceiver(&self) -> &Arc<Transceiver> {
        &self.inner
    }

    pub(crate) fn forbid_media(&self) {
        self.inner.forbid_sending();
    }

    pub fn track(&self) -> Option<MediaStreamTrack> {
        self.inner.state().sender.track.clone()
    }

    #[expect(clippy::unused_async, reason = "the signature livekit calls")]
    pub async fn get_stats(&self) -> Result<Vec<RtcStats>, RtcError> {
        Err(RtcError::not_supported("reading statistics"))
    }

    /// Sends another track of the same kind, without a negotiation.
    pub fn set_track(&self, track: Option<MediaStreamTrack>) -> Result<(), RtcError> {
        self.inner.set_sender_track(track)
    }

    pub fn parameters(&self) -> RtpParameters {
        self.inner.sender_parameters()
    }

    /// Takes the encodings (`active`, `max_bitrate`) and the degradation preference; the rest is negotiated.
    pub fn set_parameters(&self, parameters: RtpParameters) -> Result<(), RtcError> {
        self.inner.set_sender_parameters(parameters)
    }

    pub fn set_video_encoder_backend(&self, backend: VideoEncoderBackend) {
        tracing::error!(?backend, "video is not supported: no encoder is chosen");
    }
}

impl Debug for RtpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpSender").field("track", &self.track()).finish()
    }
}
