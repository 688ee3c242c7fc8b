//! The receiving half of a transceiver.

use std::fmt::{self, Debug};
use std::sync::Arc;

use crate::RtcError;
use crate::connection::statistics::{Reports, Scope};
use crate::media_stream::MediaStream;
use crate::media_stream_track::MediaStreamTrack;
use crate::negotiation::transceiver::Transceiver;
use crate::rtp_parameters::RtpParameters;
use crate::stats::RtcStats;

/// A receiver; clones are the same one.
#[derive(Clone)]
pub struct RtpReceiver {
    inner: Arc<Transceiver>,
    reports: Reports,
}

impl RtpReceiver {
    pub(crate) fn new(inner: Arc<Transceiver>, reports: Reports) -> Self {
        Self { inner, reports }
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

    /// The reports of this stream, its codec and the transport. Fails once the connection is closed.
    pub async fn get_stats(&self) -> Result<Vec<RtcStats>, RtcError> {
        self.reports.ask(Scope::Receiver(self.inner.clone())).await
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
