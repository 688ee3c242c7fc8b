//! When a caller hears the agent.

use std::time::Duration;

use anyhow::{Context, Result};
use futures::StreamExt as _;
use livekit::participant::ParticipantKind;
use livekit::prelude::{RemoteParticipant, RemoteTrack, RoomEvent};
use livekit::webrtc::audio_stream::native::NativeAudioStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// What a loudspeaker takes, Hz.
const RATE: i32 = 48_000;
/// A frame with a sample beyond this sounds; what codecs leave of silence is far below.
const SOUND: u16 = 300;
/// Silence after which the agent has finished.
const QUIET: Duration = Duration::from_millis(700);

/// What is known of the agent from its audio track.
#[derive(Clone, Copy, Default)]
struct AgentSound {
    /// The agent is in the room.
    agent: bool,
    /// When the first frame after a silence was read.
    began: Option<Instant>,
    /// When the last frame with sound was read.
    last: Option<Instant>,
}

#[derive(Clone)]
pub(super) struct Listener(watch::Receiver<AgentSound>);

/// Listens to every audio track that the room offers, until the room ends.
pub(super) fn listen(mut events: UnboundedReceiver<RoomEvent>) -> Listener {
    let (sound_tx, sound_rx) = watch::channel(AgentSound::default());
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            match event {
                RoomEvent::Connected { participants_with_tracks: others, .. } => {
                    let agent = others.iter().any(|(participant, _)| is_agent(participant));
                    sound_tx.send_modify(|sound| sound.agent |= agent);
                }
                RoomEvent::ParticipantConnected(other) if is_agent(&other) => {
                    sound_tx.send_modify(|sound| sound.agent = true);
                }
                RoomEvent::TrackSubscribed { track: RemoteTrack::Audio(track), .. } => {
                    let stream = NativeAudioStream::new(track.rtc_track(), RATE, 1);
                    tokio::spawn(watch_sound(stream, sound_tx.clone()));
                }
                _ => {}
            }
        }
    });
    Listener(sound_rx)
}

fn is_agent(participant: &RemoteParticipant) -> bool {
    participant.kind() == ParticipantKind::Agent
}

async fn watch_sound(mut stream: NativeAudioStream, sound_tx: watch::Sender<AgentSound>) {
    while let Some(frame) = stream.next().await {
        if frame.data.iter().any(|sample| sample.unsigned_abs() > SOUND) {
            let now = Instant::now();
            sound_tx.send_modify(|sound| {
                if sound.last.is_none_or(|last| now - last >= QUIET) {
                    sound.began = Some(now);
                }
                sound.last = Some(now);
            });
        }
    }
}

impl Listener {
    /// Waits for the agent, or with `speaks` for its first sound. A track on which nothing was sent yet is not offered.
    pub(super) async fn wait_for_agent(&mut self, limit: Duration, speaks: bool) -> Result<()> {
        let there = self.0.wait_for(|sound| if speaks { sound.began.is_some() } else { sound.agent });
        timeout(limit, there).await.context("wait for the agent")?.context("listen")?;
        Ok(())
    }

    /// When the first sound was heard that began after `then`.
    pub(super) async fn sound_after(&mut self, then: Instant) -> Instant {
        let sound = self.0.wait_for(|sound| sound.began.is_some_and(|began| began > then)).await;
        match sound.ok().and_then(|sound| sound.began) {
            Some(began) => began,
            // The room is over: nothing more is heard.
            None => std::future::pending().await,
        }
    }

    pub(super) async fn wait_until_quiet(&self) {
        loop {
            let Some(last) = self.0.borrow().last else { return };
            if last.elapsed() >= QUIET {
                return;
            }
            sleep_until(last + QUIET).await;
        }
    }
}
