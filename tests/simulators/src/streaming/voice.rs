//! Where in the samples somebody speaks.

use earshot::Detector;

/// Samples that are judged at a time: 16 ms.
pub(super) const FRAME: usize = 256;
/// A frame is voice from this score on, and while somebody speaks also from the lower one.
const VOICE: f32 = 0.5;
const STILL_VOICE: f32 = 0.35;
/// Frames of voice that make it speech: 64 ms, longer than a click.
const SPEECH_FRAMES: u64 = 4;
/// Samples after which speech is noticed.
pub(super) const NOTICED: u64 = SPEECH_FRAMES * FRAME as u64;

/// Says from 0 to 1 how much a frame sounds like a voice.
pub(super) type Score = Box<dyn FnMut(&[i16; FRAME]) -> f32 + Send>;

/// Judges one frame after the other.
pub(super) struct Voice {
    score: Score,
    /// Samples that were judged.
    judged: u64,
    /// Frames of voice in a row, while nobody speaks.
    voiced: u64,
    speech: Option<Speech>,
}

/// The score of the model of the `earshot` crate.
pub(super) fn earshot() -> Score {
    let mut detector = Detector::default_boxed();
    Box::new(move |frame| detector.predict_i16(frame))
}

/// Positions of samples from the first one on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Speech {
    pub(super) start: u64,
    /// The end of the last frame of voice.
    pub(super) end: u64,
}

impl Voice {
    pub(super) fn new(score: Score) -> Self {
        Self { score, judged: 0, voiced: 0, speech: None }
    }

    /// Takes the next frame; the speech that goes on, if somebody speaks or has just spoken.
    pub(super) fn judge(&mut self, frame: &[i16; FRAME]) -> Option<Speech> {
        let score = (self.score)(frame);
        self.judged += FRAME as u64;
        match &mut self.speech {
            Some(speech) if score >= STILL_VOICE => speech.end = self.judged,
            Some(_) => {}
            None if score >= VOICE => {
                self.voiced += 1;
                if self.voiced == SPEECH_FRAMES {
                    let start = self.judged - NOTICED;
                    self.speech = Some(Speech { start, end: self.judged });
                }
            }
            None => self.voiced = 0,
        }
        self.speech
    }

    /// The speech is over; the next voice is another one's begin.
    pub(super) fn forget(&mut self) {
        self.speech = None;
        self.voiced = 0;
    }

    pub(super) fn judged(&self) -> u64 {
        self.judged
    }
}
