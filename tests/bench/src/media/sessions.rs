//! The program that is measured: a process that holds sessions.
//!
//! Its standard input tells it what to do. The first line is a [`Setup`]; it joins, and answers `ready` when audio flows.
//! Each further line is answered with its [`Counts`]. At the end of the input it leaves. `tests/python/media_sessions.py`
//! does the same on the Python SDK.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::StreamExt as _;
use livekit::options::TrackPublishOptions;
use livekit::prelude::{
    LocalAudioTrack, LocalTrack, RemoteTrack, Room, RoomEvent, RoomOptions, RtcAudioSource, TrackSource,
};
use livekit::webrtc::audio_frame::AudioFrame;
use livekit::webrtc::audio_source::AudioSourceOptions;
use livekit::webrtc::audio_source::native::NativeAudioSource;
use livekit::webrtc::audio_stream::native::NativeAudioStream;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use crate::host::answer;
use crate::recording::Recording;

/// How much a source holds before it lets its pusher wait.
const QUEUE_MILLISECONDS: u32 = 200;
const HEARD_WITHIN: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) url: String,
    /// One for each session.
    pub(super) tokens: Vec<String>,
    /// What each session says, over and over.
    pub(super) speech: Option<Recording>,
    /// Hz, mono; nothing is subscribed to without.
    pub(super) listening_rate: Option<u32>,
}

/// Frames of 10 ms that were read so far, for each session that listens.
#[derive(Serialize, Deserialize)]
pub(super) struct Counts {
    /// Of a clock of the process.
    pub(super) seconds: f64,
    /// With a sample that is not 0.
    pub(super) sounding: Vec<u64>,
    /// With none: nobody sends silence here, so these fill gaps.
    pub(super) silent: Vec<u64>,
}

pub(crate) async fn run() -> Result<()> {
    let started = Instant::now();
    // This thread is none of the runtime's workers: it may block.
    let mut lines = std::io::stdin().lines();
    let setup: Setup = serde_json::from_str(&lines.next().context("read setup")??).context("parse setup")?;
    let samples = match &setup.speech {
        Some(speech) => speech.samples()?,
        None => Arc::default(),
    };
    let mut sessions = Vec::new();
    for (index, token) in setup.tokens.iter().enumerate() {
        // Sessions do not speak in chorus.
        let offset = samples.len() * index / setup.tokens.len();
        sessions.push(Session::join(&setup, token, samples.clone(), offset).await?);
    }
    if setup.listening_rate.is_some() {
        wait_until_heard(&sessions).await?;
    }
    answer("ready")?;
    while lines.next().transpose()?.is_some() {
        let counts = Counts {
            seconds: started.elapsed().as_secs_f64(),
            sounding: sessions.iter().map(|session| session.heard.sounding()).collect(),
            silent: sessions.iter().map(|session| session.heard.silent()).collect(),
        };
        answer(&serde_json::to_string(&counts)?)?;
    }
    for session in sessions {
        session.leave().await?;
    }
    Ok(())
}

async fn wait_until_heard(sessions: &[Session]) -> Result<()> {
    let started = Instant::now();
    while sessions.iter().any(|session| session.heard.sounding() == 0) {
        if started.elapsed() > HEARD_WITHIN {
            bail!("not every session hears something within {HEARD_WITHIN:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[derive(Default)]
struct FrameCounts {
    sounding: AtomicU64,
    silent: AtomicU64,
}

impl FrameCounts {
    fn count(&self, samples: &[i16]) {
        let sounds = samples.iter().any(|&sample| sample != 0);
        if sounds { &self.sounding } else { &self.silent }.fetch_add(1, Ordering::Relaxed);
    }

    fn sounding(&self) -> u64 {
        self.sounding.load(Ordering::Relaxed)
    }

    fn silent(&self) -> u64 {
        self.silent.load(Ordering::Relaxed)
    }
}

struct Session {
    room: Room,
    heard: Arc<FrameCounts>,
    speaking: Option<JoinHandle<()>>,
}

impl Session {
    async fn join(setup: &Setup, token: &str, samples: Arc<[i16]>, offset: usize) -> Result<Self> {
        let mut options = RoomOptions::default();
        options.auto_subscribe = setup.listening_rate.is_some();
        let (room, events) = Room::connect(&setup.url, token, options).await.context("join room")?;
        let heard = Arc::new(FrameCounts::default());
        tokio::spawn(attend(events, setup.listening_rate, heard.clone()));
        let mut speaking = None;
        if let Some(speech) = &setup.speech {
            let source =
                NativeAudioSource::new(AudioSourceOptions::default(), speech.rate, 1, QUEUE_MILLISECONDS);
            publish(&room, &source).await?;
            speaking = Some(tokio::spawn(speak(source, samples, offset)));
        }
        Ok(Self { room, heard, speaking })
    }

    async fn leave(self) -> Result<()> {
        if let Some(speaking) = self.speaking {
            speaking.abort();
        }
        self.room.close().await.context("leave room")
    }
}

async fn publish(room: &Room, source: &NativeAudioSource) -> Result<()> {
    let track = LocalAudioTrack::create_audio_track("voice", RtcAudioSource::Native(source.clone()));
    let options = TrackPublishOptions { source: TrackSource::Microphone, ..Default::default() };
    room.local_participant().publish_track(LocalTrack::Audio(track), options).await.context("publish")?;
    Ok(())
}

/// Reads every audio track that the room offers.
async fn attend(mut events: UnboundedReceiver<RoomEvent>, rate: Option<u32>, heard: Arc<FrameCounts>) {
    while let Some(event) = events.recv().await {
        let (RoomEvent::TrackSubscribed { track: RemoteTrack::Audio(track), .. }, Some(rate)) = (event, rate)
        else {
            continue;
        };
        tokio::spawn(listen(NativeAudioStream::new(track.rtc_track(), rate as i32, 1), heard.clone()));
    }
}

async fn listen(mut stream: NativeAudioStream, heard: Arc<FrameCounts>) {
    while let Some(frame) = stream.next().await {
        heard.count(&frame.data);
    }
}

/// Pushes frames of 10 ms at the pace at which the source takes them.
async fn speak(source: NativeAudioSource, samples: Arc<[i16]>, offset: usize) {
    let rate = source.sample_rate();
    let frames = samples.chunks_exact(rate as usize / 100);
    for frame in frames.cycle().skip(offset * 100 / rate as usize) {
        let frame = AudioFrame {
            data: frame.into(),
            sample_rate: rate,
            num_channels: 1,
            samples_per_channel: frame.len() as u32,
        };
        // The source ends with the track.
        if source.capture_frame(&frame).await.is_err() {
            return;
        }
    }
}
