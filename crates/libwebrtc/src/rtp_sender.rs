//! The sending half of a transceiver.

use std::fmt::{self, Debug};
use std::sync::Arc;

use crate::RtcError;
use crate::connection::statistics::{Reports, Scope};
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
    /// Answers none: video is not encoded here.
    pub fn list_available() -> impl IntoIterator<Item = VideoEncoderBackend> {
        []
    }
}

/// A sender; clones are the same one.
#[derive(Clone)]
pub struct RtpSender {
    inner: Arc<Transceiver>,
    reports: Reports,
}

impl RtpSender {
    pub(crate) fn new(inner: Arc<Transceiver>, reports: Reports) -> Self {
        Self { inner, reports }
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

    /// The reports of this stream, its codec and the transport. Fails once the connection is closed.
    pub async fn get_stats(&self) -> Result<Vec<RtcStats>, RtcError> {
        self.reports.ask(Scope::Sender(self.inner.clone())).await
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
