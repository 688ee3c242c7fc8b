//! A streaming front of the recogniser: sound in, interim and final transcripts out. The sockets of all dialects share it.
//!
//! The recogniser hears whole clips. So it is run again on an utterance that grows: `voice` says where somebody speaks,
//! `listener` when it is worth it, `recogniser` what makes words of them, and `stability` which words may be shown.

mod listener;
mod outbox;
mod recogniser;
pub(crate) mod sound;
mod stability;
mod voice;

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::error;

use crate::openai::OpenAi;
use crate::openai::faults::endpoint::Endpoint;
use crate::openai::heard::{Heard, Word};
use crate::openai::settings::Settings;
use listener::{Clip, Listener, Step};
use outbox::Outbox;
use recogniser::Recogniser;
use stability::Stability;

pub(crate) use listener::Turns;

/// What happens on a stream of sound. Times are seconds from its begin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    SpeechStarted {
        at: f64,
    },
    /// The words so far; their front stays as it is.
    Interim(Transcript),
    /// All words, unless the caller goes on.
    Eager(Transcript),
    SpeechStopped {
        at: f64,
    },
    /// All words. Each utterance has one, an empty one too.
    Final(Transcript),
    /// In place of a final transcript.
    Failed,
}

/// Words of an utterance.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Transcript {
    pub(crate) words: Vec<Word>,
    /// Where the voice begins and ends.
    pub(crate) speech: (f64, f64),
    /// Up to where it was listened.
    pub(crate) listened: f64,
}

impl Transcript {
    pub(crate) fn text(&self) -> String {
        Heard { words: self.words.clone() }.text()
    }
}

impl Turns {
    /// The turns of the settings.
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            endpointing: Some(Duration::from_millis(settings.endpointing_ms)),
            eager: Duration::from_millis(settings.eager_ms),
            interim: Duration::from_millis(settings.interim_ms),
        }
    }
}

/// Hears one stream of sound. Dropping it gives up what is being recognised.
pub(crate) struct Transcriber {
    openai: OpenAi,
    endpoint: Endpoint,
    listener: Listener,
    /// The utterances so far.
    number: u64,
    utterance: Option<Utterance>,
    runs: JoinSet<Run>,
    outbox: Outbox,
}

/// The utterance that goes on.
struct Utterance {
    recogniser: Recogniser,
    stability: Stability,
    /// Whether a hypothesis is on its way.
    asking: bool,
    /// The end of the speech whose words are on their way, or there.
    whole: Option<(u64, Option<Vec<Word>>)>,
}

/// What the recogniser said about a clip.
struct Run {
    number: u64,
    extent: Extent,
    speech: (f64, f64),
    listened: f64,
    heard: anyhow::Result<Option<Vec<Word>>>,
}

#[derive(Clone, Copy)]
enum Extent {
    Partly,
    /// Of the speech that ends there.
    Whole(u64),
}

impl Transcriber {
    pub(crate) fn new(openai: &OpenAi, endpoint: Endpoint, turns: Turns) -> Self {
        Self {
            openai: openai.clone(),
            endpoint,
            listener: Listener::new(turns, voice::earshot()),
            number: 0,
            utterance: None,
            runs: JoinSet::new(),
            outbox: Outbox::default(),
        }
    }

    /// Changes when utterances end, from now on.
    pub(crate) fn turn_by(&mut self, turns: Turns) {
        self.listener.turns = turns;
    }

    /// Takes samples at 16 kHz.
    pub(crate) fn hear(&mut self, samples: &[i16]) {
        for step in self.listener.hear(samples) {
            self.take(step);
        }
    }

    /// Ends the utterance; whether there is one.
    pub(crate) fn finalize(&mut self) -> bool {
        let step = self.listener.finalize();
        let ended = step.is_some();
        step.into_iter().for_each(|step| self.take(step));
        ended
    }

    /// Whether an utterance goes on.
    pub(crate) fn hears_speech(&self) -> bool {
        self.utterance.is_some()
    }

    /// Forgets what was said and is not final.
    pub(crate) fn clear(&mut self) {
        self.listener.clear();
        self.utterance = None;
    }

    /// Seconds that came so far.
    pub(crate) fn now(&self) -> f64 {
        self.listener.now()
    }

    /// What happens next. It may be given up at any time.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.outbox.pop(Instant::now()) {
                return event;
            }
            tokio::select! {
                Some(run) = self.runs.join_next() => match run {
                    Ok(run) => self.finish(run),
                    Err(error) => error!("the recogniser's task ended: {error}"),
                },
                () = self.outbox.due() => {}
            }
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Began { at } => {
                self.number += 1;
                self.utterance = Some(Utterance {
                    recogniser: Recogniser::next(&self.openai, self.endpoint),
                    stability: Stability::default(),
                    asking: false,
                    whole: None,
                });
                self.outbox.push(Event::SpeechStarted { at });
            }
            Step::Partly(clip) => {
                let Some(utterance) = self.utterance.as_mut().filter(|utterance| !utterance.asking) else {
                    return;
                };
                utterance.asking = true;
                let recogniser = utterance.recogniser.clone();
                self.run(recogniser, clip, Extent::Partly);
            }
            Step::Whole(clip) => {
                let Some(utterance) = &mut self.utterance else { return };
                utterance.whole = Some((clip.end, None));
                let (recogniser, extent) = (utterance.recogniser.clone(), Extent::Whole(clip.end));
                self.run(recogniser, clip, extent);
            }
            Step::Ended { clip, silence } => self.end(clip, silence),
        }
    }

    fn end(&mut self, clip: Clip, silence: Duration) {
        let Some(utterance) = self.utterance.take() else { return };
        let delay = Duration::from_millis(self.openai.settings().final_delay_ms);
        let not_before = Instant::now() + delay.saturating_sub(silence);
        self.outbox.push(Event::SpeechStopped { at: clip.speech.1 });
        let id = (self.number, clip.end);
        self.outbox.expect(id, utterance.stability, not_before);
        match utterance.whole {
            // Nothing was said since it was recognised.
            Some((end, Some(words))) if end == clip.end => {
                self.outbox.arrived(id, Transcript { words, speech: clip.speech, listened: clip.listened });
            }
            Some((end, None)) if end == clip.end => {}
            _ => {
                let extent = Extent::Whole(clip.end);
                self.run(utterance.recogniser, clip, extent);
            }
        }
    }

    fn run(&mut self, recogniser: Recogniser, clip: Clip, extent: Extent) {
        let number = self.number;
        self.runs.spawn(async move {
            let heard = match extent {
                Extent::Partly => recogniser.recognise_partly(&clip).await,
                Extent::Whole(_) => recogniser.recognise_whole(&clip).await.map(Some),
            };
            let heard = heard.map(|heard| heard.map(|heard| heard.later(clip.start).words));
            Run { number, extent, speech: clip.speech, listened: clip.listened, heard }
        });
    }

    fn finish(&mut self, run: Run) {
        let Run { number, extent, speech, listened, heard } = run;
        let transcript = |words| Transcript { words, speech, listened };
        let heard = heard.unwrap_or_else(|error| {
            error!("{error:#}");
            None
        });
        let current = self.utterance.as_mut().filter(|_| number == self.number);
        match (extent, current) {
            (Extent::Partly, Some(utterance)) => {
                utterance.asking = false;
                let shown = heard.and_then(|words| utterance.stability.agree(words));
                if let Some(words) = shown {
                    self.outbox.push(Event::Interim(transcript(words)));
                }
            }
            (Extent::Partly, None) => {}
            (Extent::Whole(end), Some(utterance)) => {
                // Whoever went on speaking makes it worth nothing.
                if utterance.whole != Some((end, None)) {
                    return;
                }
                utterance.whole = heard.clone().map(|words| (end, Some(words)));
                let Some(words) = heard.filter(|words| !words.is_empty()) else { return };
                if let Some(words) = utterance.stability.settle(&words) {
                    self.outbox.push(Event::Interim(transcript(words)));
                }
                self.outbox.push(Event::Eager(transcript(words)));
            }
            (Extent::Whole(end), None) => match heard {
                Some(words) => self.outbox.arrived((number, end), transcript(words)),
                None => self.outbox.failed((number, end)),
            },
        }
    }
}

#[cfg(test)]
mod tests;
