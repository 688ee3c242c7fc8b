//! Speaks one reply: sentence by sentence through text to speech, into the agent's track. It can be paused, goes on where it
//! was, and knows at any moment how much of its text the caller has heard.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use livekit::webrtc::audio_frame::AudioFrame;
use livekit::webrtc::audio_source::native::NativeAudioSource;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::cached_speech::CachedSpeech;
use super::call_io::{CHANNELS, SAMPLE_RATE};
use crate::budget::Budget;
use crate::budget::kinds::Budgeted;
use crate::providers::error::ProviderError;

/// Samples captured at a time: 20 ms.
const FRAME: usize = SAMPLE_RATE as usize / 50;
/// Parts of synthesised audio that wait to be spoken; the next sentence is synthesised while the present one is spoken.
const AHEAD: usize = 64;
/// Characters spoken in a second, where a sentence was cut before its audio was whole.
const CHARACTERS_A_SECOND: f64 = 15.0;

/// What happens while a reply is spoken.
#[derive(Debug)]
pub(super) enum SpeechEvent {
    /// The first sound went out.
    Began(Instant),
    /// This sentence begins to be heard.
    Sentence(String),
    /// The caller has heard all of it.
    Ended,
    /// The rest cannot be spoken.
    Failed(ProviderError),
}

/// What the caller has heard of a reply.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Said {
    pub(super) text: String,
    /// Whether the caller has heard all that was to be said.
    pub(super) whole: bool,
    pub(super) start_time: Option<DateTime<Utc>>,
    /// Seconds of audio that the caller has heard.
    pub(super) seconds: f64,
    /// Characters given to text to speech, and seconds that came of them: what a provider counts.
    pub(super) synthesised_characters: u64,
    pub(super) synthesised_seconds: f64,
}

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
        let player = Player {
            voice,
            events_tx,
            paused_rx,
            recent: VecDeque::new(),
            audible_until: Instant::now(),
            progress: Progress::default(),
        };
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

/// A part of a reply's audio, in order.
enum Part {
    Sentence(String),
    Samples(Arc<[i16]>),
    SentenceEnd,
    Failed(ProviderError),
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

/// Captures the parts of a reply into the agent's track, no faster than they are sent.
struct Player {
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
    async fn play(
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

/// How far a reply has come.
#[derive(Default)]
struct Progress {
    sentences: Vec<Sentence>,
    captured: usize,
    start_time: Option<DateTime<Utc>>,
    failed: bool,
}

struct Sentence {
    text: String,
    /// Samples synthesised so far, and whether that is all.
    samples: usize,
    whole: bool,
}

impl Sentence {
    fn new(text: String) -> Self {
        Self { text, samples: 0, whole: false }
    }

    /// The whole words of it that were played in so many samples.
    fn played_in(&self, samples: usize) -> &str {
        if self.whole && samples >= self.samples {
            return &self.text;
        }
        let all = if self.whole {
            self.samples as f64
        } else {
            self.text.chars().count() as f64 / CHARACTERS_A_SECOND * f64::from(SAMPLE_RATE)
        };
        part_of(&self.text, (samples as f64 / all).min(1.0))
    }
}

impl Progress {
    fn synthesised(&mut self, samples: usize) {
        if let Some(sentence) = self.sentences.last_mut() {
            sentence.samples += samples;
        }
    }

    fn sentence_whole(&mut self) {
        if let Some(sentence) = self.sentences.last_mut() {
            sentence.whole = true;
        }
    }

    /// `unplayed` samples were captured and taken back.
    fn said(&self, unplayed: usize) -> Said {
        let played = self.captured.saturating_sub(unplayed);
        let mut rest = played;
        let mut parts = Vec::new();
        for sentence in &self.sentences {
            let text = sentence.played_in(rest);
            rest = rest.saturating_sub(sentence.samples);
            if !text.is_empty() {
                parts.push(text);
            }
        }
        let synthesised: usize = self.sentences.iter().map(|sentence| sentence.samples).sum();
        Said {
            text: parts.join(" "),
            whole: !self.failed && unplayed == 0,
            start_time: self.start_time,
            seconds: seconds(played),
            synthesised_characters: self
                .sentences
                .iter()
                .map(|sentence| sentence.text.chars().count() as u64)
                .sum(),
            synthesised_seconds: seconds(synthesised),
        }
    }
}

fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE)
}

fn duration(samples: usize) -> Duration {
    Duration::from_secs_f64(seconds(samples))
}

/// The whole words of a text up to a share of it, 0 to 1.
fn part_of(text: &str, share: f64) -> &str {
    if share >= 1.0 {
        return text;
    }
    let end = (text.len() as f64 * share) as usize;
    let words = text.match_indices(' ').map(|(index, _)| index).take_while(|index| *index <= end);
    &text[..words.last().unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_text_ends_with_a_word() {
        assert_eq!(part_of("Hello there you", 0.0), "");
        assert_eq!(part_of("Hello there you", 0.5), "Hello");
        assert_eq!(part_of("Hello there you", 0.99), "Hello there");
        assert_eq!(part_of("Hello there you", 1.0), "Hello there you");
    }

    #[test]
    fn what_was_played_is_counted_over_sentences() {
        let sentence = |text: &str, samples, whole| Sentence { text: text.to_owned(), samples, whole };
        let second = SAMPLE_RATE as usize;
        let progress = Progress {
            sentences: vec![
                sentence("One two three four.", second, true),
                sentence("Five six seven eight.", 2 * second, true),
                sentence("Nine ten.", 0, false),
            ],
            captured: 2 * second,
            start_time: None,
            failed: false,
        };
        assert_eq!(progress.said(0).text, "One two three four. Five six");
        assert_eq!(progress.said(second / 2).text, "One two three four. Five");
        assert_eq!(progress.said(3 * second / 2).text, "One two");
        let said = progress.said(2 * second);
        assert_eq!((said.text.as_str(), said.whole, said.synthesised_seconds), ("", false, 3.0));
    }
}
