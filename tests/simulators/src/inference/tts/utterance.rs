//! One utterance: sentences in, sound and the times of its words out. It is spoken in a task of its own, sentence by
//! sentence, and given up when it is dropped.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::alignment::{self, Form};
use super::protocol::Alignment;
use crate::openai::synthesiser::Speaking;
use crate::openai::{Answers, OpenAi, canned};

/// Pieces of sound that are made before they are sent.
const AHEAD: usize = 8;
/// How much sound a piece has.
const PIECE: Duration = Duration::from_millis(100);

/// A sentence, and the voice that speaks it.
pub(super) struct Sentence {
    pub(super) text: String,
    pub(super) voice: &'static str,
}

/// A part of what is answered.
pub(super) enum Piece {
    Sound(Vec<i16>),
    Alignment(Alignment),
    Failed(anyhow::Error),
}

/// An utterance that is being spoken.
pub(super) struct Utterance {
    /// `None` when all sentences are there.
    sentences: Option<mpsc::UnboundedSender<Sentence>>,
    pieces: mpsc::Receiver<Piece>,
    task: JoinHandle<()>,
}

impl Utterance {
    pub(super) fn begin(openai: &OpenAi, rate: u32, form: Option<Form>) -> Self {
        let (sentences, rx) = mpsc::unbounded_channel();
        let (tx, pieces) = mpsc::channel(AHEAD);
        let speaker = Speaker {
            openai: openai.clone(),
            rate,
            form,
            first_sound: Instant::now() + openai.settings().first_audio_delay(),
            spoken: 0,
            tx,
        };
        Self { sentences: Some(sentences), pieces, task: tokio::spawn(speaker.speak(rx)) }
    }

    /// Adds a sentence; `false` where it is too late for it.
    pub(super) fn add(&self, sentence: Sentence) -> bool {
        self.sentences.as_ref().is_some_and(|sentences| sentences.send(sentence).is_ok())
    }

    /// There are no further sentences.
    pub(super) fn flush(&mut self) {
        self.sentences = None;
    }

    /// The next piece; `None` behind the last one. It may be given up at any time.
    pub(super) async fn next(&mut self) -> Option<Piece> {
        self.pieces.recv().await
    }
}

impl Drop for Utterance {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Speaker {
    openai: OpenAi,
    rate: u32,
    form: Option<Form>,
    first_sound: Instant,
    /// Samples that were spoken.
    spoken: usize,
    tx: mpsc::Sender<Piece>,
}

impl Speaker {
    async fn speak(mut self, mut sentences: mpsc::UnboundedReceiver<Sentence>) {
        while let Some(sentence) = sentences.recv().await {
            // Where nobody listens any more, nothing is left to be said.
            let spoken = match self.say(&sentence).await {
                Ok(spoken) => spoken,
                Err(error) => self.tx.send(Piece::Failed(error)).await.is_ok(),
            };
            if !spoken {
                return;
            }
        }
    }

    /// Speaks a sentence; `false` where nobody listens.
    async fn say(&mut self, sentence: &Sentence) -> anyhow::Result<bool> {
        if !sentence.text.contains(char::is_alphanumeric) {
            return Ok(true);
        }
        let mut speech = Vec::new();
        let mut sent = 0;
        let piece = (f64::from(self.rate) * PIECE.as_secs_f64()) as usize;
        let mut source = Source::start(&self.openai, sentence, self.rate).await?;
        while let Some(samples) = source.next().await? {
            speech.extend(samples);
            while speech.len() - sent >= piece {
                if !self.send(speech[sent..sent + piece].to_vec()).await {
                    return Ok(false);
                }
                sent += piece;
            }
        }
        if !self.send(speech[sent..].to_vec()).await {
            return Ok(false);
        }
        let Some(form) = self.form else { return Ok(true) };
        let before = (self.spoken - speech.len()) as f64 / f64::from(self.rate);
        let (start, end) = alignment::voice(&speech, self.rate);
        let alignment = alignment::align(&sentence.text, (before + start, before + end), form);
        Ok(self.tx.send(Piece::Alignment(alignment)).await.is_ok())
    }

    async fn send(&mut self, samples: Vec<i16>) -> bool {
        sleep_until(self.first_sound).await;
        self.spoken += samples.len();
        samples.is_empty() || self.tx.send(Piece::Sound(samples)).await.is_ok()
    }
}

/// Where sound comes from.
enum Source {
    Voice(Box<Speaking>),
    Canned(Option<Vec<i16>>),
}

impl Source {
    async fn start(openai: &OpenAi, sentence: &Sentence, rate: u32) -> anyhow::Result<Self> {
        match openai.config().answers {
            Answers::Made { .. } => {
                let speaking = Speaking::start(sentence.voice, 1.0, &sentence.text, rate).await?;
                Ok(Self::Voice(Box::new(speaking)))
            }
            Answers::Canned => Ok(Self::Canned(Some(canned::sound()))),
        }
    }

    async fn next(&mut self) -> anyhow::Result<Option<Vec<i16>>> {
        match self {
            Self::Voice(speaking) => speaking.next().await,
            Self::Canned(sound) => Ok(sound.take()),
        }
    }
}
