//! Where a local audio track takes its samples from.

/// Hz, of a source that was not asked for another rate.
pub const DEFAULT_SAMPLE_RATE: u32 = 48_000;
pub const DEFAULT_NUM_CHANNELS: u32 = 1;

/// Processing asked for. None of it is available: an option that is on is reported as an error in the log.
#[derive(Default, Debug, Clone)]
pub struct AudioSourceOptions {
    pub echo_cancellation: bool,
    pub noise_suppression: bool,
    pub auto_gain_control: bool,
}

/// The source of a local audio track.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub enum RtcAudioSource {
    /// Samples pushed by the program.
    Native(native::NativeAudioSource),
    /// A microphone: there is no device support, so a track of it cannot be published.
    Device,
}

impl RtcAudioSource {
    pub fn set_audio_options(&self, options: AudioSourceOptions) {
        match self {
            Self::Native(source) => source.set_audio_options(options),
            Self::Device => tracing::error!("audio devices are not supported: the options have no effect"),
        }
    }

    pub fn audio_options(&self) -> AudioSourceOptions {
        match self {
            Self::Native(source) => source.audio_options(),
            Self::Device => AudioSourceOptions::default(),
        }
    }

    /// In Hz, of each channel.
    pub fn sample_rate(&self) -> u32 {
        match self {
            Self::Native(source) => source.sample_rate(),
            Self::Device => DEFAULT_SAMPLE_RATE,
        }
    }

    pub fn num_channels(&self) -> u32 {
        match self {
            Self::Native(source) => source.num_channels(),
            Self::Device => DEFAULT_NUM_CHANNELS,
        }
    }
}

pub mod native {
    //! The source a program pushes samples into.

    use std::fmt::{self, Debug};
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::AudioSourceOptions;
    use crate::audio::source_queue::SourceQueue;
    use crate::{RtcError, audio_frame::AudioFrame};

    /// A queue of samples that a published track drains in real time; clones are the same source.
    #[derive(Clone)]
    pub struct NativeAudioSource {
        queue: Arc<SourceQueue>,
        options: Arc<Mutex<AudioSourceOptions>>,
    }

    impl NativeAudioSource {
        /// `sample_rate` in Hz; `queue_size_ms` a multiple of 10: how much audio is buffered before
        /// [`capture_frame`](Self::capture_frame) waits. With 0 it never waits and takes frames of 10 ms only.
        ///
        /// # Panics
        /// When `queue_size_ms` is not a multiple of 10, or the rate or the number of channels (1 or 2) cannot be sent.
        pub fn new(
            options: AudioSourceOptions,
            sample_rate: u32,
            num_channels: u32,
            queue_size_ms: u32,
        ) -> NativeAudioSource {
            assert!(queue_size_ms.is_multiple_of(10), "queue_size_ms must be a multiple of 10");
            assert!((8_000..=192_000).contains(&sample_rate), "sample_rate must be 8000 to 192000 Hz");
            assert!(matches!(num_channels, 1 | 2), "num_channels must be 1 or 2");
            report_processing(&options);
            Self {
                queue: Arc::new(SourceQueue::new(sample_rate, num_channels, queue_size_ms)),
                options: Arc::new(Mutex::new(options)),
            }
        }

        /// Forgets the samples that were not sent yet.
        pub fn clear_buffer(&self) {
            self.queue.clear();
        }

        /// Queues a frame and waits while more than the queue's size is buffered: a caller that only awaits this is
        /// paced in real time. A source without a published track discards its samples at the same pace.
        ///
        /// Fails when the frame's format is not the source's.
        pub async fn capture_frame(&self, frame: &AudioFrame<'_>) -> Result<(), RtcError> {
            self.queue.capture(frame).await
        }

        pub fn set_audio_options(&self, options: AudioSourceOptions) {
            report_processing(&options);
            *self.options.lock() = options;
        }

        pub fn audio_options(&self) -> AudioSourceOptions {
            self.options.lock().clone()
        }

        /// In Hz, of each channel.
        pub fn sample_rate(&self) -> u32 {
            self.queue.sample_rate()
        }

        pub fn num_channels(&self) -> u32 {
            self.queue.num_channels()
        }

        pub(crate) fn queue(&self) -> &Arc<SourceQueue> {
            &self.queue
        }
    }

    impl Debug for NativeAudioSource {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("NativeAudioSource").finish_non_exhaustive()
        }
    }

    fn report_processing(options: &AudioSourceOptions) {
        if options.echo_cancellation || options.noise_suppression || options.auto_gain_control {
            tracing::error!(?options, "audio processing is not supported: the samples are sent as they are");
        }
    }
}
