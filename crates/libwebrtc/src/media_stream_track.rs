//! Tracks of either kind.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{audio_track::RtcAudioTrack, enum_dispatch, video_track::RtcVideoTrack};

/// Whether a track can still carry media.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum RtcTrackState {
    Live,
    Ended,
}

/// A local or remote track.
#[derive(Debug, Clone)]
pub enum MediaStreamTrack {
    Video(RtcVideoTrack),
    Audio(RtcAudioTrack),
}

impl MediaStreamTrack {
    enum_dispatch!(
        [Video, Audio];
        pub fn id(self: &Self) -> String;
        pub fn enabled(self: &Self) -> bool;
        pub fn set_enabled(self: &Self, enabled: bool) -> bool;
        pub fn state(self: &Self) -> RtcTrackState;
    );
}

impl From<RtcAudioTrack> for MediaStreamTrack {
    fn from(track: RtcAudioTrack) -> Self {
        Self::Audio(track)
    }
}

impl From<RtcVideoTrack> for MediaStreamTrack {
    fn from(track: RtcVideoTrack) -> Self {
        Self::Video(track)
    }
}

/// What every track has.
pub(crate) struct TrackIdentity {
    id: String,
    enabled: AtomicBool,
    ended: AtomicBool,
}

impl TrackIdentity {
    pub(crate) fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), enabled: AtomicBool::new(true), ended: AtomicBool::new(false) }
    }

    pub(crate) fn id(&self) -> String {
        self.id.clone()
    }

    pub(crate) fn enabled(&self) -> bool {
        self.enabled.load(Ordering::Acquire)
    }

    /// Answers whether the value changed.
    pub(crate) fn set_enabled(&self, enabled: bool) -> bool {
        self.enabled.swap(enabled, Ordering::AcqRel) != enabled
    }

    pub(crate) fn state(&self) -> RtcTrackState {
        if self.ended.load(Ordering::Acquire) { RtcTrackState::Ended } else { RtcTrackState::Live }
    }

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }
}
