//! Tones: published by a task, and measured in what arrives.

use std::f64::consts::TAU;
use std::time::Duration;

use futures::StreamExt;
use livekit::options::TrackPublishOptions;
use livekit::prelude::*;
use livekit::webrtc::audio_source::native::NativeAudioSource;
use livekit::webrtc::audio_stream::native::NativeAudioStream;
use livekit::webrtc::prelude::*;

/// Publishes a tone until it is dropped.
pub(crate) struct Tone {
    pub(crate) publication: LocalTrackPublication,
    pusher: tokio::task::JoinHandle<()>,
}

impl Tone {
    pub(crate) async fn publish(participant: &LocalParticipant, hertz: f64, sample_rate: u32) -> Self {
        let source = NativeAudioSource::new(AudioSourceOptions::default(), sample_rate, 1, 200);
        let track = LocalAudioTrack::create_audio_track("tone", RtcAudioSource::Native(source.clone()));
        let options =
            TrackPublishOptions { source: TrackSource::Microphone, ..TrackPublishOptions::default() };
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
    let mut time = 0u32;
    loop {
        let mut frame = AudioFrame::new(rate, 1, rate / 100);
        for sample in frame.data.to_mut() {
            *sample = (12_000.0 * (f64::from(time) * hertz * TAU / f64::from(rate)).sin()) as i16;
            time += 1;
        }
        source.capture_frame(&frame).await.expect("capture frame");
    }
}

/// Reads the next `duration` of audio.
pub(crate) async fn record(stream: &mut NativeAudioStream, duration: Duration) -> Vec<i16> {
    record_if_alive(stream, duration).await.expect("the stream ended")
}

/// Like [`record`]; `None` when the stream ends or has nothing.
pub(crate) async fn record_if_alive(stream: &mut NativeAudioStream, duration: Duration) -> Option<Vec<i16>> {
    let mut samples = Vec::new();
    let reading = async {
        while let Some(frame) = stream.next().await {
            samples.extend_from_slice(&frame.data);
            let wanted =
                duration.as_secs_f64() * f64::from(frame.sample_rate) * f64::from(frame.num_channels);
            if samples.len() as f64 >= wanted {
                return true;
            }
        }
        false
    };
    let complete = tokio::time::timeout(duration + Duration::from_secs(10), reading).await;
    complete.is_ok_and(|complete| complete).then_some(samples)
}

/// How many dB a tone stands above everything else: the median over windows of 50 ms.
pub(crate) fn signal_to_noise(samples: &[i16], hertz: f64, sample_rate: u32) -> f64 {
    let mut ratios: Vec<f64> = samples
        .chunks_exact(sample_rate as usize / 20)
        .map(|window| {
            let phase = |n: usize| n as f64 * hertz * TAU / f64::from(sample_rate);
            let project = |part: fn(f64) -> f64| {
                let sum: f64 =
                    window.iter().enumerate().map(|(n, sample)| f64::from(*sample) * part(phase(n))).sum();
                2.0 * sum / window.len() as f64
            };
            let (sine, cosine) = (project(f64::sin), project(f64::cos));
            let noise: f64 = window
                .iter()
                .enumerate()
                .map(|(n, sample)| {
                    (f64::from(*sample) - sine * phase(n).sin() - cosine * phase(n).cos()).powi(2)
                })
                .sum();
            let signal = (sine.powi(2) + cosine.powi(2)) / 2.0 * window.len() as f64;
            10.0 * (signal / noise.max(1e-9)).log10()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}
