//! Audio tracks: a local one reads a source, a remote one feeds streams.

use std::fmt::{self, Debug};
use std::sync::Arc;

use crate::audio::receive::RemoteAudio;
use crate::audio_source::native::NativeAudioSource;
use crate::media_stream_track::{RtcTrackState, TrackIdentity};

/// A local or remote audio track; clones are the same track.
#[derive(Clone)]
pub struct RtcAudioTrack {
    inner: Arc<Inner>,
}

struct Inner {
    identity: TrackIdentity,
    origin: AudioOrigin,
}

/// Where the audio of a track comes from.
pub(crate) enum AudioOrigin {
    Source(NativeAudioSource),
    /// A microphone, which this stack cannot open: publishing such a track is refused.
    Device,
    Remote(RemoteAudio),
}

impl RtcAudioTrack {
    pub(crate) fn new(id: impl Into<String>, origin: AudioOrigin) -> Self {
        Self { inner: Arc::new(Inner { identity: TrackIdentity::new(id), origin }) }
    }

    pub fn id(&self) -> String {
        self.inner.identity.id()
    }

    pub fn enabled(&self) -> bool {
        self.inner.identity.enabled()
    }

    /// A disabled local track sends silence; a disabled remote one hands out no frames. Answers whether that changed.
    pub fn set_enabled(&self, enabled: bool) -> bool {
        self.inner.identity.set_enabled(enabled)
    }

    pub fn state(&self) -> RtcTrackState {
        self.inner.identity.state()
    }

    pub(crate) fn origin(&self) -> &AudioOrigin {
        &self.inner.origin
    }

    /// Marks the track as ended and ends the streams that read it.
    pub(crate) fn end(&self) {
        self.inner.identity.end();
        if let AudioOrigin::Remote(remote) = &self.inner.origin {
            remote.close();
        }
    }
}

impl Debug for RtcAudioTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtcAudioTrack")
            .field("id", &self.id())
            .field("enabled", &self.enabled())
            .field("state", &self.state())
            .finish()
    }
}
