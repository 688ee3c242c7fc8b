//! Turns the caller's audio into events of turn taking, by VAD, and into the words of the turn so far, by speech to text.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use livekit::webrtc::audio_frame::AudioFrame;
use tokio::time::timeout;
use tracing::debug;

use super::assistant::Assistant;
use super::record::Record;
use super::turn_taking::Event;
use super::typed::LONGEST_TURN;
use super::vad::{SpeechDetector, VAD_SAMPLE_RATE, VadEvent};
use crate::budget::kinds::{Budgeted, Cut};
use crate::providers::error::ProviderError;

/// How much audio is received between two entries in the journal, seconds.
const RECEIVED_STEP: f64 = 1.0;
/// Longest that the pre-connect audio is waited for.
const PRE_CONNECT_AUDIO_LIMIT: Duration = Duration::from_secs(3);
/// Longest that the caller's last words are waited for when the call is over.
const LAST_WORDS_LIMIT: Duration = Duration::from_secs(2);

/// Listens to the caller, and has what was said transcribed: each part of a turn once, one request at a time. A pause within
/// a turn sends what was said since the words that are known; if the caller goes on, the request goes on as well.
pub(super) struct Transcriber {
    assistant: Arc<Assistant>,
    record: Record,
    detector: SpeechDetector,
    /// Samples that came while the pre-connect audio is waited for, and until when it is.
    held: Option<(Instant, Vec<i16>)>,
    /// Seconds of audio that are not in the journal yet.
    received_seconds: f64,
    /// The request that is under way.
    transcription: Option<BoxFuture<'static, Transcription>>,
    /// Somebody waits for the words of the turn so far.
    wanted: bool,
    /// The words of the turn that are known; the detector has what was said since.
    words: String,
}

struct Transcription {
    words: Result<String, ProviderError>,
    samples: usize,
}

impl Transcriber {
    pub(super) fn new(assistant: Arc<Assistant>, record: Record) -> Self {
        Self {
            assistant,
            record,
            detector: SpeechDetector::default(),
            held: None,
            received_seconds: 0.0,
            transcription: None,
            wanted: false,
            words: String::new(),
        }
    }

    /// What was said before the agent was there is transcribed before what is said now; it has three seconds to come.
    pub(super) fn wait_for_pre_connect_audio(&mut self) {
        self.held = Some((Instant::now() + PRE_CONNECT_AUDIO_LIMIT, Vec::new()));
    }

    /// What was said before, and what was held meanwhile: to be listened to part by part.
    pub(super) fn with_held(&mut self, mut samples: Vec<i16>) -> Vec<i16> {
        samples.extend(self.held.take().map(|(_, held)| held).unwrap_or_default());
        samples
    }

    /// Listens to a part of what [`Self::with_held`] gave; `later` samples came after it.
    pub(super) fn listen_to_part(&mut self, part: &[i16], later: usize) -> Vec<Event> {
        self.detect(part, later)
    }

    /// Listens to a frame of the caller's track.
    pub(super) fn listen(&mut self, frame: &AudioFrame<'_>) -> Vec<Event> {
        self.received_seconds += f64::from(frame.samples_per_channel) / f64::from(frame.sample_rate);
        if self.received_seconds >= RECEIVED_STEP {
            self.record_received();
        }
        let Some((until, held)) = &mut self.held else { return self.detect(&frame.data, 0) };
        held.extend_from_slice(&frame.data);
        if Instant::now() < *until {
            return Vec::new();
        }
        debug!("the pre-connect audio did not come in time");
        let held = std::mem::take(held);
        self.held = None;
        self.detect(&held, 0)
    }

    fn detect(&mut self, samples: &[i16], later: usize) -> Vec<Event> {
        let now = Instant::now() - Duration::from_secs(later as u64) / VAD_SAMPLE_RATE;
        let event = |event| match event {
            VadEvent::SpeechBegan { ago } => Event::SpeechBegan(now - ago),
            VadEvent::StillSpeaking { ago } => Event::StillSpeaking(now - ago),
            VadEvent::SpeechEnded { ago } => Event::SpeechEnded(now - ago),
        };
        self.detector.detect(samples).into_iter().map(event).collect()
    }

    /// Has the turn so far transcribed.
    pub(super) fn transcribe(&mut self) {
        self.wanted = true;
        if self.transcription.is_none() {
            self.transcription = self.transcription();
        }
    }

    /// The caller goes on: nobody waits for the words so far, and they are kept.
    pub(super) fn drop_transcription(&mut self) {
        self.wanted = false;
    }

    /// What was said so far belongs to no turn to come.
    pub(super) fn forget(&mut self) {
        self.detector.forget();
        self.words.clear();
        self.transcription = None;
        self.wanted = false;
    }

    /// The words of the turn so far, once they are known. Where nobody waits for them it waits for ever.
    pub(super) async fn transcribed(&mut self) -> Result<String, ProviderError> {
        loop {
            let Some(transcription) = &mut self.transcription else { return pending().await };
            let transcription = transcription.await;
            self.transcription = None;
            let result = self.learn(transcription);
            if !self.wanted {
                // What failed is sent again with what follows.
                if result.is_err() {
                    self.record.provider_failed();
                }
                continue;
            }
            if result.is_err() || self.detector.turn().is_empty() {
                self.wanted = false;
                return result.map(|()| self.words.clone());
            }
            self.transcription = self.transcription();
        }
    }

    /// What was said and not yet replied to when the call is over.
    pub(super) async fn last_words(&mut self) -> Option<String> {
        self.record_received();
        if self.transcription.is_some() || !self.detector.turn().is_empty() {
            self.transcribe();
            // What is known by then is better than nothing.
            drop(timeout(LAST_WORDS_LIMIT, self.transcribed()).await);
        }
        Some(std::mem::take(&mut self.words)).filter(|words| !words.is_empty())
    }

    /// Of what was said since the words that are known. What the budget does not allow is not sent; it ends the call.
    fn transcription(&self) -> Option<BoxFuture<'static, Transcription>> {
        let milliseconds = self.detector.turn().len() as u64 * 1_000 / u64::from(VAD_SAMPLE_RATE);
        self.record.budget().spend(Budgeted::TranscribedMilliseconds, milliseconds).ok()?;
        let (assistant, turn, record) =
            (Arc::clone(&self.assistant), self.detector.turn().to_vec(), self.record.clone());
        let transcribing = async move {
            let persona = &assistant.persona;
            let seconds = turn.len() as f64 / f64::from(VAD_SAMPLE_RATE);
            let sent = || record.transcribed(seconds);
            let words = assistant
                .speech_to_text
                .transcribe(&turn, persona.language(), &persona.vocabulary(), sent)
                .await;
            Transcription { words, samples: turn.len() }
        };
        Some(transcribing.boxed())
    }

    fn learn(&mut self, transcription: Transcription) -> Result<(), ProviderError> {
        let words = transcription.words?;
        self.detector.forget_first(transcription.samples);
        if !self.words.is_empty() && !words.is_empty() {
            self.words.push(' ');
        }
        self.words.push_str(&words);
        // Nobody says as much: it was made up by the service.
        if self.words.len() > LONGEST_TURN {
            self.words.truncate(self.words.floor_char_boundary(LONGEST_TURN));
            self.record.budget().cut(Cut::Words);
        }
        Ok(())
    }

    fn record_received(&mut self) {
        self.record.received(std::mem::take(&mut self.received_seconds));
    }
}
