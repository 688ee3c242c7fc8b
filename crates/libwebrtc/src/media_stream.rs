//! Groups of tracks, as `a=msid` names them.

use std::fmt::{self, Debug};

use crate::{audio_track::RtcAudioTrack, media_stream_track::MediaStreamTrack, video_track::RtcVideoTrack};

/// The stream a remote track belongs to.
#[derive(Clone)]
pub struct MediaStream {
    id: String,
    track: MediaStreamTrack,
}

impl MediaStream {
    pub(crate) fn new(id: String, track: MediaStreamTrack) -> Self {
        Self { id, track }
    }

    pub fn id(&self) -> String {
        self.id.clone()
    }

    pub fn audio_tracks(&self) -> Vec<RtcAudioTrack> {
        match &self.track {
            MediaStreamTrack::Audio(track) => vec![track.clone()],
            MediaStreamTrack::Video(_) => Vec::new(),
        }
    }

    pub fn video_tracks(&self) -> Vec<RtcVideoTrack> {
        match &self.track {
            MediaStreamTrack::Video(track) => vec![track.clone()],
            MediaStreamTrack::Audio(_) => Vec::new(),
        }
    }
}

impl Debug for MediaStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaStream").field("id", &self.id).field("track", &self.track).finish()
    }
}
