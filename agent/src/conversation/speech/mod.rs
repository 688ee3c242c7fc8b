//! Speaks one reply: sentence by sentence through text to speech, into the agent's track. It can be paused, goes on where it
//! was, and knows at any moment how much of its text the caller has heard.
//!
//! Here the sentences are synthesised, `player` captures their samples into the track, and `progress` counts them.

pub(super) mod event;
mod player;
pub(super) mod progress;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use anyhow::Context as _;
use futures::StreamExt as _;
use livekit::webrtc::audio_source::native::NativeAudioSource;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::cached_speech::{CachedSpeech, SharedPart, SpeechStream};
use crate::budget::Budget;
use crate::budget::kinds::Budgeted;
use crate::providers::error::ProviderError;
use crate::providers::usage::Account;
use event::SpeechEvent;
use player::{Part, Player};
use progress::{Said, Sentence};

/// Parts of synthesised audio that wait to be spoken: the next sentence is synthesised while the present one is spoken, and no
/// further than this (backpressure).
const AHEAD: usize = 64;

/// What sentences are synthesised with.
pub(super) struct Synthesis {
    pub(super) cached_speech: Arc<CachedSpeech>,
    /// None for what goes beyond it.
    pub(super) budget: Option<Budget>,
    pub(super) account: Arc<dyn Account>,
}

/// A reply that is being spoken. It stops when it is dropped.
pub(super) struct Speech {
    paused_tx: watch::Sender<bool>,
    player: JoinHandle<anyhow::Result<Said>>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl Speech {
    /// Speaks the sentences as they come, until their channel is closed, or as far as the budget goes, where one counts. A paused
    /// one is synthesised as far as there is room, and nothing of it is heard.
    pub(super) fn start(
        synthesis: Synthesis,
        voice: NativeAudioSource,
        sentences_rx: mpsc::UnboundedReceiver<String>,
        paused: bool,
    ) -> (Self, mpsc::UnboundedReceiver<SpeechEvent>) {
        let (paused_tx, paused_rx) = watch::channel(paused);
        let (events_tx, events_rx) = mpsc::unbounded_channel();
        let (audio_tx, audio_rx) = mpsc::channel(AHEAD);
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(synthesis.run(sentences_rx, audio_tx)));
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

impl Synthesis {
    async fn run(self, mut sentences_rx: mpsc::UnboundedReceiver<String>, audio_tx: mpsc::Sender<Part>) {
        let mut synthesising = Synthesising { synthesis: self, audio_tx, breaks: 0, broke_off: None };
        while let Some(sentence) = sentences_rx.recv().await {
            let characters = sentence.chars().count() as u64;
            let may = |budget: &Budget| budget.spend(Budgeted::SpeechCharacters, characters).is_ok();
            if !synthesising.synthesis.budget.as_ref().is_none_or(may) {
                return;
            }
            if let Err(Over) = synthesising.say(sentence).await {
                return;
            }
        }
        // A caller who has not heard the end of what was said last cannot answer it.
        if let Some(error) = synthesising.broke_off {
            drop(synthesising.audio_tx.send(Part::Failed(error)).await);
        }
    }
}

/// Nothing more is said.
struct Over;

/// A reply on its way to the player.
struct Synthesising {
    synthesis: Synthesis,
    audio_tx: mpsc::Sender<Part>,
    /// How often a service has broken off within a sentence.
    breaks: usize,
    /// Why the end of the last sentence is not said.
    broke_off: Option<ProviderError>,
}

impl Synthesising {
    /// Where a service breaks off, the next one says the rest of the sentence, as far as that can be told, and all that follows.
    async fn say(&mut self, sentence: String) -> Result<(), Over> {
        let (mut rest, mut has_begun) = (sentence.clone(), false);
        loop {
            let Synthesis { cached_speech, account, .. } = &self.synthesis;
            let parts = match cached_speech.speak(&rest, account).await {
                Ok(parts) => parts,
                Err(error) => return self.fail(error).await,
            };
            if !std::mem::replace(&mut has_begun, true) {
                self.send(Part::Sentence(sentence.clone())).await?;
            }
            let mut spoken = Sentence::new(rest);
            let Err(error) = self.pass_on(parts, &mut spoken).await? else {
                self.broke_off = None;
                return self.send(Part::SentenceEnd).await;
            };
            self.breaks += 1;
            if !self.synthesis.cached_speech.may_go_on(&error, self.breaks) {
                return self.fail(error).await;
            }
            let Some(at) = spoken.broke_off() else {
                self.broke_off = Some(error);
                return self.send(Part::BrokeOff).await;
            };
            self.send(Part::Resumed(at)).await?;
            rest = spoken.rest(at);
            if rest.is_empty() {
                self.broke_off = None;
                return self.send(Part::SentenceEnd).await;
            }
        }
    }

    /// Hands on what a service makes, until it is done or breaks off.
    async fn pass_on(
        &self,
        mut parts: SpeechStream,
        spoken: &mut Sentence,
    ) -> Result<Result<(), ProviderError>, Over> {
        while let Some(part) = parts.next().await {
            let part = match part {
                Ok(SharedPart::Samples(samples)) => {
                    spoken.synthesised(samples.len());
                    Part::Samples(samples)
                }
                Ok(SharedPart::Words(words)) => {
                    spoken.timed(&words);
                    Part::Words(words)
                }
                Err(error) => return Ok(Err(error)),
            };
            self.send(part).await?;
        }
        Ok(Ok(()))
    }

    async fn fail(&self, error: ProviderError) -> Result<(), Over> {
        self.send(Part::Failed(error)).await?;
        Err(Over)
    }

    async fn send(&self, part: Part) -> Result<(), Over> {
        self.audio_tx.send(part).await.map_err(|_| Over)
    }
}
