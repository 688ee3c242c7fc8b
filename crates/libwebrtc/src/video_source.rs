//! Video sources, declared for `livekit`: publishing a video track is refused.

use crate::enum_dispatch;

/// Width and height in pixels.
#[derive(Debug, Clone)]
pub struct VideoResolution {
    pub width: u32,
    pub height: u32,
}

impl Default for VideoResolution {
    fn default() -> Self {
        Self { width: 1280, height: 720 }
    }
}

/// Where a local video track comes from.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub enum RtcVideoSource {
    Native(native::NativeVideoSource),
}

impl RtcVideoSource {
    enum_dispatch!(
        [Native];
        pub fn video_resolution(self: &Self) -> VideoResolution;
    );
}

pub mod native {
    //! A video source that refuses its frames.

    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::VideoResolution;
    use crate::native::packet_trailer::PacketTrailerHandler;
    use crate::video_frame::{VideoBuffer, VideoFrame};

    /// A resolution, since there is no video to capture; clones are the same source.
    #[derive(Debug, Clone, Default)]
    pub struct NativeVideoSource {
        resolution: VideoResolution,
        /// Whether it was said that frames are refused.
        refused: Arc<AtomicBool>,
    }

    impl NativeVideoSource {
        pub fn new(resolution: VideoResolution, _is_screencast: bool) -> Self {
            tracing::error!("video is not supported: a track of this source cannot be published");
            Self { resolution, refused: Arc::default() }
        }

        pub fn video_resolution(&self) -> VideoResolution {
            self.resolution.clone()
        }

        /// Drops the frame. The first one of a source is reported as an error in the log.
        pub fn capture_frame<B: AsRef<dyn VideoBuffer>>(&self, _frame: &VideoFrame<B>) {
            if !self.refused.swap(true, Ordering::AcqRel) {
                tracing::error!("video is not supported: the frames of this source are dropped");
            }
        }

        pub fn set_packet_trailer_handler(&self, _handler: PacketTrailerHandler) {
            tracing::error!("packet trailers are not supported");
        }
    }
}
