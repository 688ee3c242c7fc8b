//! Captures a reply into the agent's track, and takes back what the caller has not heard when the reply is paused or stopped.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use chrono::Utc;
use livekit::webrtc::audio_frame::AudioFrame;
use livekit::webrtc::audio_source::native::NativeAudioSource;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::event::SpeechEvent;
use super::progress::{Progress, Said, Sentence, duration};
use crate::conversation::call_io::{CHANNELS, SAMPLE_RATE};
use crate::providers::error::ProviderError;

/// Samples captured at a time: 20 ms.
const FRAME: usize = SAMPLE_RATE as usize / 50;

/// A part of a reply's audio, in order.
pub(super) enum Part {
    Sentence(String),
    Samples(Arc<[i16]>),
    SentenceEnd,
    Failed(ProviderError),
}

/// Captures the parts of a reply into the agent's track, no faster than they are sent.
pub(super) struct Player {
    voice: NativeAudioSource,
    events_tx: mpsc::UnboundedSender<SpeechEvent>,
    paused_rx: watch::Receiver<bool>,
    /// What was captured last, as much as the track's queue may hold.
    recent: VecDeque<i16>,
    /// When what was captured will have been sent.
    audible_until: Instant,
    progress: Progress,
}

impl Player {
    pub(super) fn new(
        voice: NativeAudioSource,
        events_tx: mpsc::UnboundedSender<SpeechEvent>,
        paused_rx: watch::Receiver<bool>,
    ) -> Self {
        let (audible_until, progress) = (Instant::now(), Progress::default());
        Self { voice, events_tx, paused_rx, recent: VecDeque::new(), audible_until, progress }
    }

    pub(super) async fn play(
        mut self,
        mut audio_rx: mpsc::Receiver<Part>,
        stop: CancellationToken,
    ) -> anyhow::Result<Said> {
        let played = stop.run_until_cancelled(self.play_all(&mut audio_rx)).await;
        let unplayed = self.take_back();
        let mut said = self.progress.said(unplayed.len());
        match played {
            Some(played) => played?,
            None => said.whole = false,
        }
        Ok(said)
    }

    async fn play_all(&mut self, audio_rx: &mut mpsc::Receiver<Part>) -> anyhow::Result<()> {
        while let Some(part) = audio_rx.recv().await {
            match part {
                Part::Sentence(text) => {
                    self.progress.sentences.push(Sentence::new(text.clone()));
                    self.tell(SpeechEvent::Sentence(text));
                }
                Part::Samples(samples) => {
                    self.progress.synthesised(samples.len());
                    for frame in samples.chunks(FRAME) {
                        self.wait_while_paused().await?;
                        self.capture(frame).await?;
                    }
                }
                Part::SentenceEnd => self.progress.sentence_whole(),
                Part::Failed(error) => {
                    self.tell(SpeechEvent::Failed(error));
                    self.progress.failed = true;
                    return Ok(());
                }
            }
        }
        loop {
            self.wait_while_paused().await?;
            let left = self.audible_until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.tell(SpeechEvent::Ended);
                return Ok(());
            }
            tokio::select! {
                () = sleep(left) => {}
                _ = self.paused_rx.changed() => {}
            }
        }
    }

    async fn capture(&mut self, frame: &[i16]) -> anyhow::Result<()> {
        let captured = AudioFrame {
            data: frame.into(),
            sample_rate: SAMPLE_RATE,
            num_channels: CHANNELS,
            samples_per_channel: frame.len() as u32,
        };
        self.voice.capture_frame(&captured).await.context("speak")?;
        let now = Instant::now();
        if self.progress.start_time.is_none() {
            self.progress.start_time = Some(Utc::now());
            self.tell(SpeechEvent::Began(now));
        }
        self.audible_until = self.audible_until.max(now) + duration(frame.len());
        self.progress.captured += frame.len();
        self.recent.extend(frame);
        let surplus = self.recent.len().saturating_sub(SAMPLE_RATE as usize / 2);
        self.recent.drain(..surplus);
        Ok(())
    }

    /// Takes back what was not sent yet when it is paused, and says it again when it goes on.
    async fn wait_while_paused(&mut self) -> anyhow::Result<()> {
        if !*self.paused_rx.borrow_and_update() {
            return Ok(());
        }
        let unplayed = self.take_back();
        // Without its handle the speech is being stopped.
        drop(self.paused_rx.wait_for(|paused| !paused).await);
        for frame in unplayed.chunks(FRAME) {
            self.progress.captured -= frame.len();
            self.capture(frame).await?;
        }
        Ok(())
    }

    /// Clears what the track has not sent yet, which the caller has not heard.
    fn take_back(&mut self) -> Vec<i16> {
        self.voice.clear_buffer();
        let now = Instant::now();
        let seconds = self.audible_until.saturating_duration_since(now).as_secs_f64();
        let unplayed = ((seconds * f64::from(SAMPLE_RATE)) as usize).min(self.recent.len());
        self.audible_until = now;
        self.recent.split_off(self.recent.len() - unplayed).into()
    }

    fn tell(&self, event: SpeechEvent) {
        // Without a receiver the reply is being given up.
        drop(self.events_tx.send(event));
    }
}
