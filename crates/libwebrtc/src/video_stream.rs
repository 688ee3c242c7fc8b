//! Decoded video of a remote track: there is none.

pub mod native {
    //! The stream a program would read frames from.

    use std::pin::Pin;
    use std::task::{Context, Poll};

    use futures::Stream;

    use crate::video_frame::BoxVideoFrame;
    use crate::video_track::RtcVideoTrack;

    /// A stream that ends at once, since nothing decodes video here.
    #[derive(Debug)]
    pub struct NativeVideoStream {
        track: RtcVideoTrack,
    }

    impl NativeVideoStream {
        /// Logs an error: nothing decodes the track.
        pub fn new(video_track: RtcVideoTrack) -> Self {
            tracing::error!("receiving video is not supported: the stream ends at once");
            Self { track: video_track }
        }

        pub fn track(&self) -> RtcVideoTrack {
            self.track.clone()
        }

        /// Closes nothing, since nothing was ever opened.
        pub fn close(&mut self) {}
    }

    impl Stream for NativeVideoStream {
        type Item = BoxVideoFrame;

        fn poll_next(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(None)
        }
    }
}
