//! A caller's microphone: the sentence when it is asked for, and the faint noise of a quiet room in between.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use livekit::options::TrackPublishOptions;
use livekit::prelude::{LocalAudioTrack, LocalTrack, Room, RtcAudioSource, TrackSource};
use livekit::webrtc::audio_frame::AudioFrame;
use livekit::webrtc::audio_source::AudioSourceOptions;
use livekit::webrtc::audio_source::native::NativeAudioSource;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// How much waits to be sent. The microphone is always ahead by as much.
const QUEUE: Duration = Duration::from_millis(40);
const FRAMES_PER_SECOND: u32 = 50;
/// Of the noise, of 32,767.
const NOISE_PEAK: u32 = 16;

pub(super) struct Microphone {
    request_tx: mpsc::Sender<oneshot::Sender<Instant>>,
}

impl Microphone {
    /// Publishes the microphone. It ends with its room.
    pub(super) async fn open(room: &Room, sentence: Arc<[i16]>, rate: u32) -> Result<Self> {
        let source = NativeAudioSource::new(AudioSourceOptions::default(), rate, 1, QUEUE.as_millis() as u32);
        let track = LocalAudioTrack::create_audio_track("microphone", RtcAudioSource::Native(source.clone()));
        let options = TrackPublishOptions { source: TrackSource::Microphone, ..Default::default() };
        let participant = room.local_participant();
        participant.publish_track(LocalTrack::Audio(track), options).await.context("publish microphone")?;
        let (request_tx, request_rx) = mpsc::channel(1);
        tokio::spawn(speak(source, sentence, request_rx));
        Ok(Self { request_tx })
    }

    /// Says the sentence; when its last sample is sent.
    pub(super) async fn say(&self) -> Result<Instant> {
        let (done_tx, done_rx) = oneshot::channel();
        self.request_tx.send(done_tx).await.context("ask the microphone")?;
        done_rx.await.context("wait for the microphone")
    }
}

/// Pushes frames at the pace at which the source takes them.
async fn speak(
    source: NativeAudioSource,
    sentence: Arc<[i16]>,
    mut request_rx: mpsc::Receiver<oneshot::Sender<Instant>>,
) {
    let frame_length = (source.sample_rate() / FRAMES_PER_SECOND) as usize;
    let noise = noise(source.sample_rate());
    for silence in noise.chunks_exact(frame_length).cycle() {
        // The source ends with the track.
        if capture(&source, silence).await.is_none() {
            return;
        }
        let Ok(done_tx) = request_rx.try_recv() else { continue };
        for frame in sentence.chunks(frame_length) {
            if capture(&source, frame).await.is_none() {
                return;
            }
        }
        // The caller has hung up.
        if done_tx.send(Instant::now() + QUEUE).is_err() {
            return;
        }
    }
}

async fn capture(source: &NativeAudioSource, samples: &[i16]) -> Option<()> {
    let frame = AudioFrame {
        data: samples.into(),
        sample_rate: source.sample_rate(),
        num_channels: 1,
        samples_per_channel: samples.len() as u32,
    };
    source.capture_frame(&frame).await.ok()
}

/// A second of it, the same each time.
fn noise(rate: u32) -> Vec<i16> {
    let mut state = 1_u32;
    let sample = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 16) % (2 * NOISE_PEAK + 1)) as i16 - NOISE_PEAK as i16
    };
    (0..rate).map(sample).collect()
}
