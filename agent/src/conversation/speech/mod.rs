//! Speaks one reply: sentence by sentence through text to speech, into the agent's track. It can be paused, goes on where it
//! was, and knows at any moment how much of its text the caller has heard.
//!
//! Here the sentences are synthesised, `player` captures their samples into the track, and `progress` counts them.

pub(super) mod event;
mod player;
pub(super) mod progress;

use std::sync::Arc;

use anyhow::Context as _;
use futures::StreamExt as _;
use livekit::webrtc::audio_source::native::NativeAudioSource;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::cached_speech::CachedSpeech;
use crate::budget::Budget;
use crate::budget::kinds::Budgeted;
use event::SpeechEvent;
use player::{Part, Player};
use progress::Said;

/// Parts of synthesised audio that wait to be spoken: the next sentence is synthesised while the present one is spoken, and no
/// further than this (backpressure).
const AHEAD: usize = 64;

/// A reply that is being spoken. It stops when it is dropped.
pub(super) struct Speech {
    paused_tx: watch::Sender<bool>,
    player: JoinHandle<anyhow::Result<Said>>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl Speech {
    /// Speaks the sentences as they come, until their channel is closed, or as far as the budget goes, where one counts.
    pub(super) fn start(
        cached_speech: Arc<CachedSpeech>,
        voice: NativeAudioSource,
        sentences_rx: mpsc::UnboundedReceiver<String>,
        budget: Option<Budget>,
    ) -> (Self, mpsc::UnboundedReceiver<SpeechEvent>) {
        let (paused_tx, paused_rx) = watch::channel(false);
        let (events_tx, events_rx) = mpsc::unbounded_channel();
        let (audio_tx, audio_rx) = mpsc::channel(AHEAD);
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(synthesise(
            cached_speech,
            sentences_rx,
            audio_tx,
            budget,
        )));
        let player = Player::new(voice, events_tx, paused_rx);
        let player = tokio::spawn(player.play(audio_rx, stop.clone()));
        let speech = Self { paused_tx, player, _stop_on_drop: stop.clone().drop_guard(), stop };
        (speech, events_rx)
    }

    pub(super) fn pause(&self) {
        self.paused_tx.send_replace(true);
    }

    pub(super) fn resume(&self) {
        self.paused_tx.send_replace(false);
    }

    /// Stops at once, if it has not ended; what the caller has heard.
    ///
    /// # Errors
    /// The agent's track takes no audio.
    pub(super) async fn stop(self) -> anyhow::Result<Said> {
        self.stop.cancel();
        self.player.await.context("join the player")?
    }
}

async fn synthesise(
    cached_speech: Arc<CachedSpeech>,
    mut sentences_rx: mpsc::UnboundedReceiver<String>,
    audio_tx: mpsc::Sender<Part>,
    budget: Option<Budget>,
) {
    while let Some(sentence) = sentences_rx.recv().await {
        let characters = sentence.chars().count() as u64;
        if budget.as_ref().is_some_and(|budget| budget.spend(Budgeted::SpeechCharacters, characters).is_err())
        {
            return;
        }
        let mut samples = match cached_speech.speak(&sentence).await {
            Ok(samples) => samples,
            Err(error) => return drop(audio_tx.send(Part::Failed(error)).await),
        };
        if audio_tx.send(Part::Sentence(sentence)).await.is_err() {
            return;
        }
        while let Some(part) = samples.next().await {
            let (part, failed) = match part {
                Ok(samples) => (Part::Samples(samples), false),
                Err(error) => (Part::Failed(error), true),
            };
            if audio_tx.send(part).await.is_err() || failed {
                return;
            }
        }
        if audio_tx.send(Part::SentenceEnd).await.is_err() {
            return;
        }
    }
}
