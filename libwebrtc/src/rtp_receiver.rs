//! The receiving half of a transceiver.

use std::fmt::{self, Debug};
use std::sync::Arc;

use crate::RtcError;
use crate::media_stream::MediaStream;
use crate::media_stream_track::MediaStreamTrack;
use crate::negotiation::transceiver::Transceiver;
use crate::rtp_parameters::RtpParameters;
use crate::stats::RtcStats;

/// A receiver; clones are the same one.
#[derive(Clone)]
pub struct RtpReceiver {
    inner: Arc<Transceiver>,
}

impl RtpReceiver {
    pub(crate) fn new(inner: Arc<Transceiver>) -> Self {
        Self { inner }
    }

    pub(crate) fn forbid_media(&self) {
        self.inner.forbid_receiving();
    }

    /// The remote track, while the peer sends one here.
    pub fn track(&self) -> Option<MediaStreamTrack> {
        self.inner.state().receiver.track.clone()
    }

    pub fn stream_ids(&self) -> Vec<String> {
        self.inner.state().receiver.stream_ids.clone()
    }

    pub fn streams(&self) -> Vec<MediaStream> {
        self.inner.state().receiver.streams()
    }

    #[expect(clippy::unused_async, reason = "the signature livekit calls")]
    pub async fn get_stats(&self) -> Result<Vec<RtcStats>, RtcError> {
        Err(RtcError::not_supported("reading statistics"))
    }

    pub fn parameters(&self) -> RtpParameters {
        self.inner.receiver_parameters()
    }
}

impl Debug for RtpReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpReceiver").field("track", &self.track()).finish()
    }
}
