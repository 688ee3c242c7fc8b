//! Something like speech: syllables of harmonics under a moving envelope, with pauses between phrases.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};

use crate::audio_frame::AudioFrame;
use crate::audio_source::{AudioSourceOptions, native::NativeAudioSource};
use crate::audio_stream::native::NativeAudioStream;
use crate::audio_track::{AudioOrigin, RtcAudioTrack};
use crate::media_stream_track::MediaStreamTrack;
use crate::negotiation::transceiver::{MediaKind, Transceiver};
use crate::rtp_transceiver::{RtpTransceiverDirection, RtpTransceiverInit};

use super::link::Link;

pub(in crate::connection) const RATE: u32 = 24_000;
/// Phrases last so long, with a pause in between.
const PHRASE: f64 = 1.6;
const PAUSE: f64 = 0.4;

/// Speaks at the first end of a link, and listens at the second.
pub(in crate::connection) struct Call {
    source: NativeAudioSource,
    stream: NativeAudioStream,
    time: u64,
    pub(in crate::connection) heard: Vec<i16>,
}

impl Call {
    /// Joins the ends by a source without a queue, changes the offer's text by `change`, and waits until both are connected.
    pub(in crate::connection) fn start(link: &mut Link, change: impl FnOnce(&str) -> String) -> Self {
        Self::start_queued(link, 0, change)
    }

    /// Like [`start`](Self::start), with a queue of so many ms.
    pub(in crate::connection) fn start_queued(
        link: &mut Link,
        queue_size_ms: u32,
        change: impl FnOnce(&str) -> String,
    ) -> Self {
        let source = NativeAudioSource::new(AudioSourceOptions::default(), RATE, 1, queue_size_ms);
        let track = RtcAudioTrack::new("voice", AudioOrigin::Source(source.clone()));
        let init = RtpTransceiverInit {
            direction: RtpTransceiverDirection::SendOnly,
            stream_ids: Vec::new(),
            send_encodings: Vec::new(),
        };
        let transceiver = Transceiver::new(MediaKind::Audio, Some(MediaStreamTrack::Audio(track)), init);
        link.ends[0].negotiation.add_transceiver(Arc::new(transceiver));
        let [_, started] = link.negotiate_with(None, change);
        let Some(MediaStreamTrack::Audio(track)) = started[0].state().receiver.track.clone() else {
            panic!("the track is not announced");
        };
        let stream = NativeAudioStream::new(track, 16_000, 1);
        link.connect();
        Self { source, stream, time: 0, heard: Vec::new() }
    }

    /// Speaks and listens for so long.
    pub(in crate::connection) fn run(&mut self, link: &mut Link, duration: Duration) {
        for _ in 0..duration.as_millis() / 10 {
            self.speak(Duration::from_millis(10));
            self.listen(link, Duration::from_millis(10));
        }
    }

    /// Listens for so long.
    pub(in crate::connection) fn listen(&mut self, link: &mut Link, duration: Duration) {
        link.run(duration);
        while let Some(Some(frame)) = self.stream.next().now_or_never() {
            self.heard.extend_from_slice(&frame.data);
        }
    }

    /// Hands speech of this length to the source.
    pub(in crate::connection) fn speak(&mut self, duration: Duration) {
        let samples = (duration.as_millis() as u32) * RATE / 1000;
        let mut frame = AudioFrame::new(RATE, 1, samples);
        for sample in frame.data.to_mut() {
            *sample = voice(self.time as f64 / f64::from(RATE));
            self.time += 1;
        }
        self.source.capture_frame(&frame).now_or_never().expect("wait for nothing").expect("capture frame");
    }

    /// Forgets what was spoken and not sent.
    pub(in crate::connection) fn interrupt(&self) {
        self.source.clear_buffer();
    }

    /// What was heard so far.
    pub(in crate::connection) fn duration(&self) -> Duration {
        Duration::from_millis(self.heard.len() as u64 / 16)
    }
}

fn voice(time: f64) -> i16 {
    use std::f64::consts::TAU;
    if time % (PHRASE + PAUSE) > PHRASE {
        return 0;
    }
    let syllable = (time * 4.0 * TAU).sin().abs();
    let pitch = 120.0 + 15.0 * (time * 0.7 * TAU).sin();
    let sum: f64 = (1..12).map(|n| (f64::from(n) * pitch * time * TAU).sin() / f64::from(n)).sum();
    (6_000.0 * syllable * sum) as i16
}
