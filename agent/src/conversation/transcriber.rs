//! Turns the caller's audio into events of turn taking, by VAD, and into the words of the turn so far, by speech to text.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use livekit::webrtc::audio_frame::AudioFrame;
use tokio::time::timeout;
use tracing::debug;

use super::assistant::Assistant;
use super::record::Record;
use super::turn_taking::Event;
use super::turn_words::TurnWords;
use super::vad::{SpeechDetector, VAD_SAMPLE_RATE, VadEvent};
use crate::budget::kinds::Cut;
use crate::providers::error::ProviderError;
use crate::providers::transcription::{Spoken, TranscriptEvent, TranscriptionStream};
use crate::providers::usage::Account;

/// How much audio is received between two entries in the journal, seconds.
const RECEIVED_STEP: f64 = 1.0;
/// Longest that the pre-connect audio is waited for.
const PRE_CONNECT_AUDIO_LIMIT: Duration = Duration::from_secs(3);
/// Samples that are listened to at a time where there are many: 100 ms.
pub(super) const PART: usize = VAD_SAMPLE_RATE as usize / 10;
/// Longest that the caller's last words are waited for when the call is over.
const LAST_WORDS_LIMIT: Duration = Duration::from_secs(2);

/// Listens to the caller: what is voice is found out here, and what the words are by a stream of speech to text.
pub(super) struct Transcriber {
    record: Record,
    detector: SpeechDetector,
    stream: TranscriptionStream,
    /// Samples that came while the pre-connect audio is waited for, and until when it is.
    held: Option<(Instant, Vec<i16>)>,
    /// Seconds of audio that are not in the journal yet.
    received_seconds: f64,
    /// How long before the last sample speech ended.
    silence: Duration,
    /// Somebody waits for the words of the turn so far.
    wanted: bool,
    words: TurnWords,
}

/// What was heard of the turn so far.
#[derive(Debug)]
pub(super) enum Heard {
    /// All words, of which the last may change.
    Interim(String),
    /// The words that were heard last are all that was said until then.
    Until(Instant),
    /// All words, and none of them changes; more may follow.
    Final(String),
    /// All words, and no more follow.
    Words(String),
    /// The turn is probably over, or is, by how the service hears it.
    EagerEndOfTurn,
    EndOfTurn,
    Language(String),
    Failed(ProviderError),
}

impl Transcriber {
    pub(super) fn new(assistant: &Arc<Assistant>, record: Record, account: Arc<dyn Account>) -> Self {
        let persona = &assistant.persona;
        let spoken =
            Spoken { language: persona.language().to_owned(), vocabulary: persona.vocabulary().to_owned() };
        let stream = assistant.speech_to_text.listen(spoken, account);
        let is_judged = assistant.turn_detector.is_asked(persona);
        Self {
            record,
            detector: if is_judged { SpeechDetector::default() } else { SpeechDetector::without_sound() },
            stream,
            held: None,
            received_seconds: 0.0,
            silence: Duration::ZERO,
            wanted: false,
            words: TurnWords::default(),
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
        self.hand_on(part);
        self.detect(part, later)
    }

    /// Listens to a frame of the caller's track.
    pub(super) fn listen(&mut self, frame: &AudioFrame<'_>) -> Vec<Event> {
        self.received_seconds += f64::from(frame.samples_per_channel) / f64::from(frame.sample_rate);
        if self.received_seconds >= RECEIVED_STEP {
            self.record_received();
        }
        let Some((until, held)) = &mut self.held else {
            self.hand_on(&frame.data);
            return self.detect(&frame.data, 0);
        };
        held.extend_from_slice(&frame.data);
        if Instant::now() < *until {
            return Vec::new();
        }
        debug!("the pre-connect audio did not come in time");
        let held = std::mem::take(held);
        self.held = None;
        // Part by part: before speech is noticed the stream keeps no more than a moment.
        let mut later = held.len();
        let mut events = Vec::new();
        for part in held.chunks(PART) {
            later -= part.len();
            events.extend(self.listen_to_part(part, later));
        }
        events
    }

    fn hand_on(&self, samples: &[i16]) {
        if !self.stream.audio(samples) {
            self.record.budget().cut(Cut::Speech);
        }
    }

    fn detect(&mut self, samples: &[i16], later: usize) -> Vec<Event> {
        let now = Instant::now() - Duration::from_secs(later as u64) / VAD_SAMPLE_RATE;
        let mut events = Vec::new();
        for event in self.detector.detect(samples) {
            events.push(match event {
                VadEvent::SpeechBegan { ago } => {
                    self.stream.speech_began(ago);
                    Event::SpeechBegan(now - ago)
                }
                VadEvent::StillSpeaking { ago } => Event::StillSpeaking(now - ago),
                VadEvent::SpeechEnded { ago } => {
                    self.silence = ago;
                    Event::SpeechEnded(now - ago)
                }
                VadEvent::Murmured => {
                    self.silence = Duration::ZERO;
                    Event::Murmured
                }
            });
        }
        events
    }

    /// The last seconds of the turn, as they sounded: 16 kHz, mono.
    pub(super) fn heard_audio(&self) -> Vec<i16> {
        self.detector.heard()
    }

    /// The words of the turn so far are wanted.
    pub(super) fn transcribe(&mut self) {
        self.wanted = true;
        // A voice without a pause has no end.
        let ago = if self.detector.is_speaking() { Duration::ZERO } else { self.silence };
        self.stream.speech_ended(ago);
    }

    /// The caller goes on: nobody waits for the words so far, and they are kept.
    pub(super) fn drop_transcription(&mut self) {
        self.wanted = false;
    }

    /// What was said so far belongs to no turn to come.
    pub(super) fn forget(&mut self) {
        self.detector.forget();
        self.words = TurnWords::default();
        self.wanted = false;
        self.stream.forget();
        self.go_on();
    }

    /// What was asked for, or forgotten, in the middle of speech was not its end.
    fn go_on(&self) {
        if self.detector.is_speaking() {
            self.stream.speech_began(Duration::ZERO);
        }
    }

    /// What is heard next. It can be dropped and called again.
    pub(super) async fn hear(&mut self) -> Heard {
        loop {
            let Some(event) = self.stream.next().await else { return pending().await };
            match event {
                Ok(TranscriptEvent::Interim(interim)) => {
                    if !self.words.show(interim) {
                        self.record.budget().cut(Cut::Words);
                    }
                    return Heard::Interim(self.words.all());
                }
                Ok(TranscriptEvent::Final(words)) => {
                    if !self.words.settle(&words) {
                        self.record.budget().cut(Cut::Words);
                    }
                    // Words that come when nobody expects any are as good as others.
                    let is_late = !self.wanted && !self.detector.is_speaking() && !words.is_empty();
                    let words = self.words.settled().to_owned();
                    return if is_late { Heard::Words(words) } else { Heard::Final(words) };
                }
                Ok(TranscriptEvent::Finalized) if std::mem::take(&mut self.wanted) => {
                    // What a connection that broke had shown is not among them.
                    self.words.forget_interim();
                    self.go_on();
                    return Heard::Words(self.words.settled().to_owned());
                }
                Ok(TranscriptEvent::Finalized) => {}
                Ok(TranscriptEvent::HeardUntil(ago)) => return Heard::Until(Instant::now() - ago),
                Ok(TranscriptEvent::EagerEndOfTurn) => return Heard::EagerEndOfTurn,
                Ok(TranscriptEvent::EndOfTurn) => return Heard::EndOfTurn,
                Ok(TranscriptEvent::Language(language)) => return Heard::Language(language),
                Err(error) if std::mem::take(&mut self.wanted) => return Heard::Failed(error),
                Err(_) => self.record.provider_failed(),
            }
        }
    }

    /// What was said and not yet replied to when the call is over.
    pub(super) async fn last_words(&mut self) -> Option<String> {
        self.record_received();
        if self.wanted || self.detector.is_speaking() {
            self.transcribe();
            // What is known by then is better than nothing.
            let last = async { while !matches!(self.hear().await, Heard::Words(_) | Heard::Failed(_)) {} };
            drop(timeout(LAST_WORDS_LIMIT, last).await);
        }
        Some(self.words.all()).filter(|words| !words.is_empty())
    }

    fn record_received(&mut self) {
        self.record.received(std::mem::take(&mut self.received_seconds));
    }
}
