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
use crate::providers::text_to_speech::WordTime;

/// Samples captured at a time: 20 ms.
const FRAME: usize = SAMPLE_RATE as usize / 50;

/// A part of a reply's audio, in order.
pub(super) enum Part {
    Sentence(String),
    Samples(Arc<[i16]>),
    Words(Vec<WordTime>),
    SentenceEnd,
    /// The sentence broke off, and goes on at this byte of what was to be said.
    Resumed(usize),
    /// It broke off, and its end is not said.
    BrokeOff,
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
                Part::Words(words) => self.progress.timed(&words),
                Part::SentenceEnd => self.progress.sentence_whole(),
                Part::Resumed(at) => self.progress.resumed(at),
                Part::BrokeOff => self.progress.broke_off = true,
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
        self.progress.captured -= unplayed.len();
        // Without its handle the speech is being stopped.
        drop(self.paused_rx.wait_for(|paused| !paused).await);
        for frame in unplayed.chunks(FRAME) {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use livekit::webrtc::audio_source::AudioSourceOptions;

    use super::*;

    /// What was captured and not sent when it was paused was not heard, also where it never goes on.
    #[tokio::test]
    async fn what_is_stopped_while_it_is_paused_was_heard_up_to_the_pause() {
        // Less than the player can take back, and room for all of it, so that it is captured at once.
        let samples: Arc<[i16]> = vec![1; SAMPLE_RATE as usize * 48 / 100].into();
        let voice = NativeAudioSource::new(AudioSourceOptions::default(), SAMPLE_RATE, CHANNELS, 1_000);
        let (events_tx, mut events_rx) = mpsc::unbounded_channel();
        let (paused_tx, paused_rx) = watch::channel(false);
        let (audio_tx, audio_rx) = mpsc::channel(8);
        let stop = CancellationToken::new();
        let player = tokio::spawn(Player::new(voice, events_tx, paused_rx).play(audio_rx, stop.clone()));
        for part in [Part::Sentence("One.".to_owned()), Part::Samples(samples), Part::SentenceEnd] {
            assert!(audio_tx.send(part).await.is_ok());
        }
        drop(audio_tx);
        while !matches!(events_rx.recv().await.unwrap(), SpeechEvent::Began(_)) {}
        paused_tx.send_replace(true);
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.cancel();
        let said = player.await.unwrap().unwrap();
        assert!(!said.whole && said.seconds < 0.48, "{said:?}");
    }
}
