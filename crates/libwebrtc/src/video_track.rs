//! Video tracks: they exist, so that a room with video can be joined, and carry nothing.

use std::fmt::{self, Debug};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::media_stream_track::{RtcTrackState, TrackIdentity};
use crate::native::packet_trailer::PacketTrailerHandler;

/// A local or remote video track; clones are the same track.
#[derive(Clone)]
pub struct RtcVideoTrack {
    inner: Arc<Inner>,
}

struct Inner {
    identity: TrackIdentity,
    packet_trailer_handler: Mutex<Option<PacketTrailerHandler>>,
}

impl RtcVideoTrack {
    pub(crate) fn new(id: impl Into<String>) -> Self {
        let inner = Inner { identity: TrackIdentity::new(id), packet_trailer_handler: Mutex::new(None) };
        Self { inner: Arc::new(inner) }
    }

    pub fn id(&self) -> String {
        self.inner.identity.id()
    }

    pub fn enabled(&self) -> bool {
        self.inner.identity.enabled()
    }

    pub fn set_enabled(&self, enabled: bool) -> bool {
        self.inner.identity.set_enabled(enabled)
    }

    pub fn state(&self) -> RtcTrackState {
        self.inner.identity.state()
    }

    pub fn set_packet_trailer_handler(&self, handler: PacketTrailerHandler) {
        *self.inner.packet_trailer_handler.lock() = Some(handler);
    }

    pub fn packet_trailer_handler(&self) -> Option<PacketTrailerHandler> {
        self.inner.packet_trailer_handler.lock().clone()
    }

    pub(crate) fn end(&self) {
        self.inner.identity.end();
    }
}

impl Debug for RtcVideoTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtcVideoTrack")
            .field("id", &self.id())
            .field("enabled", &self.enabled())
            .field("state", &self.state())
            .finish()
    }
}
