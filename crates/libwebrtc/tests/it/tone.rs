//! Tones, published by a task, and audio read from a stream.

use std::f64::consts::TAU;
use std::time::Duration;

use futures::StreamExt;
use livekit::options::{AudioEncoding, TrackPublishOptions};
use livekit::prelude::*;
use livekit::webrtc::audio_source::native::NativeAudioSource;
use livekit::webrtc::audio_stream::native::NativeAudioStream;
use livekit::webrtc::prelude::*;

use crate::sound::Recording;

/// Hz, where nothing else is wanted.
pub(crate) const RATE: u32 = 48_000;
/// Bits per second of tones that are measured, LiveKit's preset for music of high quality: at the 24,000 that are sent
/// by default, Opus itself leaves 34 to 39 dB of a tone.
pub(crate) const BITRATE: u64 = 96_000;
const AMPLITUDE: f64 = 12_000.0;

/// Publishes a tone until it is dropped.
pub(crate) struct Tone {
    pub(crate) publication: LocalTrackPublication,
    pusher: tokio::task::JoinHandle<()>,
}

impl Tone {
    pub(crate) async fn publish(participant: &LocalParticipant, hertz: f64, sample_rate: u32) -> Self {
        let source = NativeAudioSource::new(AudioSourceOptions::default(), sample_rate, 1, 200);
        let track = LocalAudioTrack::create_audio_track("tone", RtcAudioSource::Native(source.clone()));
        let options = TrackPublishOptions {
            source: TrackSource::Microphone,
            audio_encoding: Some(AudioEncoding { max_bitrate: BITRATE }),
            ..TrackPublishOptions::default()
        };
        let publication =
            participant.publish_track(LocalTrack::Audio(track), options).await.expect("publish track");
        let pusher = tokio::spawn(push(source, hertz));
        Self { publication, pusher }
    }
}

impl Drop for Tone {
    fn drop(&mut self) {
        self.pusher.abort();
    }
}

async fn push(source: NativeAudioSource, hertz: f64) {
    let rate = source.sample_rate();
    // A second has a whole number of periods.
    let second = sine(hertz, rate, rate);
    for samples in second.chunks(rate as usize / 100).cycle() {
        let mut frame = AudioFrame::new(rate, 1, samples.len() as u32);
        frame.data.to_mut().copy_from_slice(samples);
        source.capture_frame(&frame).await.expect("capture frame");
    }
}

pub(crate) fn sine(hertz: f64, sample_rate: u32, samples: u32) -> Vec<i16> {
    let sample = |n: u32| AMPLITUDE * (f64::from(n) * hertz * TAU / f64::from(sample_rate)).sin();
    (0..samples).map(|n| sample(n).round() as i16).collect()
}

/// Reads the next `duration` of audio; channels are interleaved.
pub(crate) async fn record(stream: &mut NativeAudioStream, duration: Duration) -> Recording {
    record_if_alive(stream, duration).await.expect("the stream ended")
}

/// Reads second after second until one has hardly anything but this tone: on a machine whose cores are all busy packets come
/// late, and what is played in their place is heard.
pub(crate) async fn hear_clean(stream: &mut NativeAudioStream, hertz: f64, at_least: f64) {
    let mut ratios = Vec::new();
    while ratios.len() < 30 {
        let ratio = record(stream, Duration::from_secs(1)).await.signal_to_noise(hertz);
        if ratio > at_least {
            return;
        }
        ratios.push(ratio);
    }
    panic!("{hertz} Hz is never {at_least} dB above all else: {ratios:?}");
}

/// Like [`record`]; `None` when the stream ends or has nothing.
pub(crate) async fn record_if_alive(stream: &mut NativeAudioStream, duration: Duration) -> Option<Recording> {
    let mut recording = Recording { samples: Vec::new(), sample_rate: 0 };
    let reading = async {
        while let Some(frame) = stream.next().await {
            recording.samples.extend_from_slice(&frame.data);
            recording.sample_rate = frame.sample_rate;
            let wanted = duration.as_secs_f64() * f64::from(frame.sample_rate * frame.num_channels);
            if recording.samples.len() as f64 >= wanted {
                return true;
            }
        }
        false
    };
    let complete = tokio::time::timeout(duration + Duration::from_secs(60), reading).await;
    complete.is_ok_and(|complete| complete).then_some(recording)
}
