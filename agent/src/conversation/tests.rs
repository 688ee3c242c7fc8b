//! Voice activity detection and turn detection together: recordings, on a clock that only their samples move.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::turn_taking::tests::replies;
use super::turn_taking::{Action, Event, Rules, TurnTaking};
use super::vad::tests::{recording, silence};
use super::vad::{SpeechDetector, VAD_SAMPLE_RATE, VadEvent};

/// Time that a transcription takes.
const TRANSCRIPTION: Duration = Duration::from_millis(120);

struct Call {
    detector: SpeechDetector,
    turns: TurnTaking,
    start: Instant,
    now: Instant,
    /// What the recogniser will understand, one text for each transcription.
    words: VecDeque<&'static str>,
    transcription_due: Option<Instant>,
    /// What was done, and when, in milliseconds.
    done: Vec<(u64, Action)>,
}

impl Call {
    fn new(words: &[&'static str]) -> Self {
        let start = Instant::now();
        Self {
            detector: SpeechDetector::default(),
            turns: TurnTaking::new(Rules::default(), "en", start),
            start,
            now: start,
            words: words.iter().copied().collect(),
            transcription_due: None,
            done: Vec::new(),
        }
    }

    /// The agent speaks from now on, and has spoken before.
    fn while_the_agent_speaks(words: &[&'static str]) -> Self {
        let mut call = Self::new(words);
        call.turns.agent_begins();
        call.event(Event::VoiceBegan);
        call.receives(&silence(4_000));
        call
    }

    fn receives(&mut self, samples: &[i16]) {
        for frame in samples.chunks(VAD_SAMPLE_RATE as usize / 100) {
            self.now += Duration::from_millis(10);
            if self.transcription_due.is_some_and(|due| due <= self.now) {
                self.transcription_due = None;
                let text = self.words.pop_front().unwrap_or_default().to_owned();
                self.event(Event::Transcribed(text));
            }
            if self.turns.deadline().is_some_and(|deadline| deadline <= self.now) {
                let actions = self.turns.expire(self.now);
                self.act(actions);
            }
            for event in self.detector.detect(frame) {
                let event = match event {
                    VadEvent::SpeechBegan { ago } => Event::SpeechBegan(self.now - ago),
                    VadEvent::StillSpeaking { ago } => Event::StillSpeaking(self.now - ago),
                    VadEvent::SpeechEnded { ago } => Event::SpeechEnded(self.now - ago),
                    VadEvent::Murmured => Event::Murmured,
                };
                self.event(event);
            }
        }
    }

    fn event(&mut self, event: Event) {
        let actions = self.turns.on(event, self.now);
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Transcribe => self.transcription_due = Some(self.now + TRANSCRIPTION),
                Action::DropTranscription => self.transcription_due = None,
                Action::Forget => self.detector.forget(),
                _ => {}
            }
            self.done.push(((self.now - self.start).as_millis() as u64, action));
        }
    }

    fn at(&self) -> u64 {
        (self.now - self.start).as_millis() as u64
    }

    fn when(&self, wanted: impl Fn(&Action) -> bool) -> Option<u64> {
        self.done.iter().find(|(_, action)| wanted(action)).map(|(at, _)| *at)
    }

    fn replies(&self) -> Vec<(u64, &str)> {
        replies(&self.done)
    }
}

/// Milliseconds into a recording at which its last sound is: what is as loud as a twentieth of its peak.
fn last_sound(samples: &[i16]) -> u64 {
    let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or_default();
    let last = samples.iter().rposition(|sample| sample.unsigned_abs() > peak / 20).unwrap_or_default();
    last as u64 / 16
}

#[test]
fn a_sentence_is_replied_to_half_a_second_after_its_last_sound() {
    let speech = recording("twelve_people");
    let mut call = Call::new(&["We are twelve people."]);
    call.receives(&silence(1_000));
    let ended = call.at() + last_sound(&speech);
    call.receives(&[speech, silence(3_000)].concat());
    let [(replied, "We are twelve people.")] = call.replies()[..] else { panic!("{:?}", call.done) };
    assert!((ended + 400..ended + 650).contains(&replied), "{replied} after {ended}");
}

#[test]
fn an_unfinished_sentence_is_waited_for() {
    let speech = recording("twelve_people");
    let mut call = Call::new(&["We are twelve people and"]);
    let ended = last_sound(&speech);
    call.receives(&[speech, silence(5_000)].concat());
    let [(replied, _)] = call.replies()[..] else { panic!("{:?}", call.done) };
    assert!((ended + 2_900..ended + 3_150).contains(&replied), "{replied} after {ended}");
}

#[test]
fn a_breath_between_two_sentences_is_no_end() {
    let speech = recording("twelve_people");
    let spoken =
        [&speech[..(last_sound(&speech) as usize) * 16], &silence(350), &speech, &silence(2_000)].concat();
    let mut call = Call::new(&["We are twelve people.", "We are twelve people. We are twelve people."]);
    call.receives(&spoken);
    assert_eq!(call.replies().len(), 1, "{:?}", call.done);
    assert!(call.when(|action| *action == Action::Transcribe).is_some());
}

#[test]
fn the_agent_stops_within_a_second_for_who_speaks() {
    let mut call = Call::while_the_agent_speaks(&["Stop, please, I have a question about that."]);
    let began = call.at();
    call.receives(&[recording("stop"), silence(3_000)].concat());
    let paused = call.when(|action| *action == Action::Pause).unwrap();
    assert!((began + 500..began + 1_000).contains(&paused), "{paused} after {began}");
    let interrupted = call.when(|action| *action == Action::Interrupt).unwrap();
    assert!(interrupted > paused && call.replies().len() == 1, "{:?}", call.done);
    assert_eq!(call.when(|action| *action == Action::Resume), None);
}

#[test]
fn sounds_that_are_no_words_stop_the_agent_for_two_seconds() {
    let mut call = Call::while_the_agent_speaks(&["", "", ""]);
    let speech = recording("stop");
    let ended = call.at() + last_sound(&speech);
    call.receives(&[speech, silence(4_000)].concat());
    let resumed = call.when(|action| *action == Action::Resume).unwrap();
    assert!((ended + 1_850..ended + 2_200).contains(&resumed), "{resumed} after {ended}");
    assert_eq!((call.when(|action| *action == Action::Interrupt), call.replies().len()), (None, 0));
}

#[test]
fn noise_and_clicks_leave_the_agent_alone() {
    let mut call = Call::while_the_agent_speaks(&[]);
    let before = call.done.len();
    call.receives(&[recording("noise"), recording("click"), silence(2_000)].concat());
    assert_eq!(call.done.len(), before, "{:?}", call.done);
}

#[test]
fn a_caller_who_only_breathes_is_away_after_fifteen_seconds() {
    let mut call = Call::new(&[]);
    call.receives(&[silence(8_000), recording("noise"), silence(8_000)].concat());
    assert_eq!(call.when(|action| *action == Action::Away), Some(15_000));
}
