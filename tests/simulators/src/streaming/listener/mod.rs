//! What becomes of samples: utterances, and the moments at which it is worth recognising one. It has no IO and no clock:
//! time is counted in samples.

use std::time::Duration;

use super::voice::{FRAME, NOTICED, Score, Speech, Voice};
use crate::openai::audio::RECOGNISER_RATE;

/// What is kept from before speech was noticed: its first sound may be too soft to be noticed.
const PRE_ROLL: u64 = RECOGNISER_RATE as u64 * 3 / 10;
/// What is recognised behind the last voice: a soft consonant may be there.
const TAIL: u64 = RECOGNISER_RATE as u64 / 5;
/// Longest utterance, its pauses included: nobody speaks for a minute without an end.
const LONGEST: u64 = RECOGNISER_RATE as u64 * 60;

/// When utterances end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turns {
    /// Silence that ends an utterance. `None` where only the client ends it.
    pub(crate) endpointing: Option<Duration>,
    /// Silence after which it may have ended.
    pub(crate) eager: Duration,
    /// Speech between two interim transcripts.
    pub(crate) interim: Duration,
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Somebody began to speak.
    Began { at: f64 },
    /// The words so far are wanted.
    Partly(Clip),
    /// The caller may have finished.
    Whole(Clip),
    /// The utterance is over since `silence`.
    Ended { clip: Clip, silence: Duration },
}

/// The sound of an utterance so far.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clip {
    pub(super) samples: Vec<i16>,
    /// Where the samples begin, seconds.
    pub(super) start: f64,
    /// Where the voice in them begins and ends, seconds.
    pub(super) speech: (f64, f64),
    /// Up to where it was listened, seconds.
    pub(super) listened: f64,
    /// Where the voice ends, in samples: as long as it does not change, it is the same utterance.
    pub(super) end: u64,
}

/// Cuts what comes into utterances.
pub(super) struct Listener {
    pub(super) turns: Turns,
    voice: Voice,
    frame: Vec<i16>,
    /// The utterance, or what may become its begin.
    kept: Vec<i16>,
    utterance: Option<Utterance>,
}

#[derive(Debug, Clone, Copy)]
struct Utterance {
    speech: Speech,
    /// The speech that there was when its words were wanted last.
    asked: u64,
    /// The end of the speech after which it was taken for finished.
    eager: Option<u64>,
}

impl Listener {
    pub(super) fn new(turns: Turns, score: Score) -> Self {
        Self {
            turns,
            voice: Voice::new(score),
            frame: Vec::with_capacity(FRAME),
            kept: Vec::new(),
            utterance: None,
        }
    }

    /// Takes the next samples, of any number.
    pub(super) fn hear(&mut self, samples: &[i16]) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut rest = samples;
        while !rest.is_empty() {
            let (now, later) = rest.split_at((FRAME - self.frame.len()).min(rest.len()));
            self.frame.extend_from_slice(now);
            rest = later;
            if let Some(frame) = self.frame.first_chunk::<FRAME>() {
                self.kept.extend_from_slice(frame);
                let speech = self.voice.judge(frame);
                self.frame.clear();
                match speech {
                    Some(speech) => self.speak(speech, &mut steps),
                    None => self.keep(PRE_ROLL + NOTICED),
                }
            }
        }
        steps
    }

    /// The client says that the utterance is over.
    pub(super) fn finalize(&mut self) -> Option<Step> {
        self.utterance.map(|utterance| self.end(&utterance))
    }

    /// The client wants nothing to become of what it sent.
    pub(super) fn clear(&mut self) {
        self.utterance = None;
        self.voice.forget();
        self.kept.clear();
    }

    /// Seconds that came so far.
    pub(super) fn now(&self) -> f64 {
        seconds(self.voice.judged() + self.frame.len() as u64)
    }

    fn speak(&mut self, speech: Speech, steps: &mut Vec<Step>) {
        let mut utterance = self.utterance.unwrap_or_else(|| {
            steps.push(Step::Began { at: seconds(speech.start) });
            Utterance { speech, asked: speech.start, eager: None }
        });
        utterance.speech = speech;
        let quiet = self.voice.judged() - speech.end;
        if speech.end - utterance.asked >= samples(self.turns.interim) {
            utterance.asked = speech.end;
            steps.push(Step::Partly(self.clip(speech)));
        }
        let eager = self.turns.endpointing.map_or(self.turns.eager, |end| end.min(self.turns.eager));
        if quiet >= samples(eager) && utterance.eager != Some(speech.end) {
            utterance.eager = Some(speech.end);
            steps.push(Step::Whole(self.clip(speech)));
        }
        self.utterance = Some(utterance);
        let over = self.turns.endpointing.is_some_and(|silence| quiet >= samples(silence));
        if over || self.voice.judged() - speech.start >= LONGEST {
            steps.push(self.end(&utterance));
        }
    }

    fn end(&mut self, utterance: &Utterance) -> Step {
        let clip = self.clip(utterance.speech);
        let silence = Duration::from_secs_f64(self.now() - seconds(clip.end));
        self.utterance = None;
        self.voice.forget();
        // What was said in this utterance does not belong to the next one.
        self.keep(PRE_ROLL.min(self.voice.judged() - clip.end));
        Step::Ended { clip, silence }
    }

    fn clip(&self, speech: Speech) -> Clip {
        let first = self.voice.judged() - self.kept.len() as u64;
        let from = speech.start.saturating_sub(PRE_ROLL).max(first);
        let to = (speech.end + TAIL).min(self.voice.judged());
        let samples = &self.kept[(from - first) as usize..(to - first) as usize];
        Clip {
            samples: samples.to_vec(),
            start: seconds(from),
            speech: (seconds(speech.start), seconds(speech.end)),
            listened: seconds(self.voice.judged()),
            end: speech.end,
        }
    }

    fn keep(&mut self, most: u64) {
        let surplus = self.kept.len().saturating_sub(most as usize);
        self.kept.drain(..surplus);
    }
}

fn seconds(samples: u64) -> f64 {
    samples as f64 / f64::from(RECOGNISER_RATE)
}

fn samples(time: Duration) -> u64 {
    (time.as_secs_f64() * f64::from(RECOGNISER_RATE)) as u64
}

#[cfg(test)]
pub(super) mod tests;
