//! Decoded audio of a remote track.

pub mod native {
    //! The stream a program reads frames from.

    use std::fmt::{self, Debug};
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use futures::Stream;

    use crate::audio::sink::StreamSink;
    use crate::audio_frame::AudioFrame;
    use crate::audio_track::{AudioOrigin, RtcAudioTrack};

    /// Frames of 10 ms a stream holds when its reader is slow: a second.
    const DEFAULT_QUEUE_SIZE_FRAMES: usize = 100;

    #[derive(Clone, Debug, Default)]
    pub struct NativeAudioStreamOptions {
        /// Frames of 10 ms to hold for a slow reader; then the oldest is dropped. `None`: a second, `Some(0)`: no limit.
        pub queue_size_frames: Option<usize>,
    }

    /// Frames of 10 ms of a remote track, decoded to the rate and the number of channels asked for.
    ///
    /// From the first packet on, frames come in real time, whatever the network does: up to 30 ms before the clock, and up
    /// to 100 ms behind it while nothing has come for a second, as from a muted track. What is missing is made up or
    /// silence. On a quiet network a packet is heard as it comes; the delay grows up to 500 ms with what the network needs.
    /// The stream ends when its track does or when it is closed.
    pub struct NativeAudioStream {
        track: RtcAudioTrack,
        sink: Arc<StreamSink>,
    }

    impl NativeAudioStream {
        /// `sample_rate` in Hz (8,000 to 192,000), `num_channels` 1 or 2. With any other, or on a track that is not
        /// remote, the log has an error and the stream ends at once.
        pub fn new(audio_track: RtcAudioTrack, sample_rate: i32, num_channels: i32) -> Self {
            Self::with_options(audio_track, sample_rate, num_channels, NativeAudioStreamOptions::default())
        }

        /// Like [`new`](Self::new), with another size of queue.
        pub fn with_options(
            audio_track: RtcAudioTrack,
            sample_rate: i32,
            num_channels: i32,
            options: NativeAudioStreamOptions,
        ) -> Self {
            let capacity = match options.queue_size_frames {
                None => DEFAULT_QUEUE_SIZE_FRAMES,
                Some(0) => usize::MAX,
                Some(frames) => frames,
            };
            let sink = Arc::new(StreamSink::new(capacity));
            match audio_track.origin() {
                AudioOrigin::Remote(remote) => remote.attach(&sink, sample_rate, num_channels),
                AudioOrigin::Source(_) | AudioOrigin::Device => {
                    tracing::error!("reading a local track is not supported: the stream ends at once");
                    sink.close();
                }
            }
            Self { track: audio_track, sink }
        }

        pub fn track(&self) -> RtcAudioTrack {
            self.track.clone()
        }

        /// Stops decoding for this stream and ends it.
        pub fn close(&mut self) {
            if let AudioOrigin::Remote(remote) = self.track.origin() {
                remote.detach(&self.sink);
            }
            self.sink.close();
        }
    }

    impl Drop for NativeAudioStream {
        fn drop(&mut self) {
            self.close();
        }
    }

    impl Stream for NativeAudioStream {
        type Item = AudioFrame<'static>;

        fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.sink.poll_frame(context)
        }
    }

    impl Debug for NativeAudioStream {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("NativeAudioStream").field("track", &self.track).finish_non_exhaustive()
        }
    }
}
