//! Turns on a clock of the test's: endpointing, barge-in, typed turns, and callers who are away.

use super::*;

/// A conversation on a clock of its own, in milliseconds.
struct Conversation {
    turns: TurnTaking,
    start: Instant,
    now: u64,
    done: Vec<(u64, Action)>,
}

impl Conversation {
    fn new() -> Self {
        let start = Instant::now();
        Self { turns: TurnTaking::new(Rules::default(), start), start, now: 0, done: Vec::new() }
    }

    /// The agent has greeted, long ago enough for its first words to be interruptible.
    fn after_greeting() -> Self {
        let mut conversation = Self::new();
        conversation.turns.agent_begins();
        conversation.at(0, Event::VoiceBegan);
        conversation.at(3_500, Event::VoiceEnded);
        conversation
    }

    fn instant(&self, milliseconds: u64) -> Instant {
        self.start + Duration::from_millis(milliseconds)
    }

    /// Lets time pass until then, doing what is due.
    fn until(&mut self, milliseconds: u64) {
        while let Some(deadline) =
            self.turns.deadline().filter(|deadline| *deadline <= self.instant(milliseconds))
        {
            self.now = self.now.max((deadline - self.start).as_millis() as u64);
            let actions = self.turns.expire(deadline.max(self.instant(self.now)));
            assert!(!actions.is_empty(), "something was due and nothing was done");
            self.note(actions);
        }
        self.now = milliseconds;
    }

    fn at(&mut self, milliseconds: u64, event: Event) {
        self.until(milliseconds);
        let actions = self.turns.on(event, self.instant(milliseconds));
        self.note(actions);
    }

    /// Speech that is noticed after 64 ms, its end after 256 ms, and its words known 100 ms later.
    fn says(&mut self, from: u64, to: u64, text: &str) {
        self.begins(from, to);
        self.at(to + 256, Event::SpeechEnded(self.instant(to)));
        self.at(to + 356, Event::Transcribed(text.to_owned()));
    }

    /// The voice alone, noticed every 50 ms.
    fn begins(&mut self, from: u64, to: u64) {
        self.at(from + 64, Event::SpeechBegan(self.instant(from)));
        for voice in (from + 100..=to).step_by(50) {
            self.at(voice, Event::StillSpeaking(self.instant(voice)));
        }
    }

    fn note(&mut self, actions: Vec<Action>) {
        self.done.extend(actions.into_iter().map(|action| (self.now, action)));
    }

    fn done(&mut self) -> Vec<(u64, Action)> {
        std::mem::take(&mut self.done)
    }

    /// When a reply was due, and to which text.
    fn replies(&self) -> Vec<(u64, &str)> {
        let mut replies = Vec::new();
        for (at, action) in &self.done {
            if let Action::Reply(turn) = action {
                replies.push((*at, turn.text.as_str()));
            }
        }
        replies
    }

    fn did(&self, wanted: &Action) -> Option<u64> {
        self.done.iter().find(|(_, action)| action == wanted).map(|(at, _)| *at)
    }
}

#[test]
fn a_turn_is_over_half_a_second_after_its_last_sound() {
    let mut call = Conversation::after_greeting();
    call.says(5_000, 6_200, "We are twelve people.");
    call.until(10_000);
    assert_eq!(call.replies(), [(6_700, "We are twelve people.")]);
}

#[test]
fn a_turn_that_sounds_unfinished_has_three_seconds() {
    let mut call = Conversation::after_greeting();
    call.says(5_000, 6_200, "We are twelve people and");
    call.until(9_000);
    assert_eq!(call.replies(), []);
    call.until(10_000);
    assert_eq!(call.replies(), [(9_200, "We are twelve people and")]);
}

#[test]
fn a_caller_who_goes_on_has_one_turn() {
    let mut call = Conversation::after_greeting();
    call.says(5_000, 6_000, "We are");
    call.at(6_400, Event::SpeechBegan(call.instant(6_336)));
    call.at(7_256, Event::SpeechEnded(call.instant(7_000)));
    call.at(7_400, Event::Transcribed("We are twelve people".to_owned()));
    call.until(10_000);
    assert_eq!(call.replies(), [(7_500, "We are twelve people")]);
}

#[test]
fn a_transcription_is_void_when_the_caller_goes_on() {
    let mut call = Conversation::after_greeting();
    call.at(5_064, Event::SpeechBegan(call.instant(5_000)));
    call.at(6_256, Event::SpeechEnded(call.instant(6_000)));
    call.done();
    call.at(6_300, Event::SpeechBegan(call.instant(6_236)));
    assert_eq!(call.done(), [(6_300, Action::DropTranscription)]);
}

#[test]
fn a_slow_transcription_is_waited_for_and_replied_to_at_once() {
    let mut call = Conversation::after_greeting();
    call.at(5_064, Event::SpeechBegan(call.instant(5_000)));
    call.at(6_256, Event::SpeechEnded(call.instant(6_000)));
    call.at(9_000, Event::Transcribed("twelve".to_owned()));
    call.until(9_000);
    assert_eq!(call.replies(), [(9_000, "twelve")]);
    let Some((_, Action::Reply(turn))) = call.done.last() else { panic!("{:?}", call.done) };
    let spoken = turn.spoken.unwrap();
    assert_eq!((spoken.ended, spoken.transcribed), (call.instant(6_000), call.instant(9_000)));
}

#[test]
fn a_sound_without_words_is_no_turn() {
    let mut call = Conversation::after_greeting();
    call.says(5_000, 5_300, "");
    call.until(12_000);
    assert_eq!(call.replies(), []);
    assert!(call.did(&Action::Forget).is_some());
}

/// The agent speaks from second 10 on.
fn while_the_agent_speaks() -> Conversation {
    let mut call = Conversation::after_greeting();
    call.says(5_000, 6_000, "Hello.");
    call.at(10_000, Event::VoiceBegan);
    call.done();
    call
}

#[test]
fn half_a_second_of_speech_stops_the_agent_and_words_end_its_reply() {
    let mut call = while_the_agent_speaks();
    call.says(11_000, 12_500, "Stop, please.");
    call.until(13_200);
    assert_eq!(call.did(&Action::Pause), Some(11_500));
    assert_eq!(call.did(&Action::Interrupt), Some(12_856));
    assert_eq!(call.replies(), [(13_000, "Stop, please.")]);
    assert_eq!(call.did(&Action::Resume), None);
}

#[test]
fn a_cough_stops_the_agent_for_two_seconds() {
    let mut call = while_the_agent_speaks();
    call.says(11_000, 11_800, "");
    call.until(20_000);
    assert_eq!((call.did(&Action::Pause), call.did(&Action::Resume)), (Some(11_500), Some(13_800)));
    assert_eq!((call.did(&Action::Interrupt), call.replies().len()), (None, 0));
}

#[test]
fn words_that_are_known_late_still_end_the_reply() {
    let mut call = while_the_agent_speaks();
    call.begins(11_000, 12_000);
    call.at(12_256, Event::SpeechEnded(call.instant(12_000)));
    call.at(15_000, Event::Transcribed("Stop, please.".to_owned()));
    call.until(15_000);
    assert_eq!((call.did(&Action::Resume), call.did(&Action::Interrupt)), (Some(14_000), Some(15_000)));
    assert_eq!(call.replies(), [(15_000, "Stop, please.")]);
}

#[test]
fn a_short_word_does_not_stop_the_agent_and_is_the_turn_after_it() {
    let mut call = while_the_agent_speaks();
    call.says(11_000, 11_300, "Yes.");
    call.until(14_000);
    assert_eq!((call.did(&Action::Pause), call.replies().len()), (None, 0));
    call.at(14_000, Event::VoiceEnded);
    call.until(14_100);
    assert_eq!(call.replies(), [(14_000, "Yes.")]);
}

#[test]
fn the_first_three_seconds_of_voice_are_not_interrupted() {
    let mut call = Conversation::new();
    call.turns.agent_begins();
    call.at(1_000, Event::VoiceBegan);
    call.begins(1_200, 5_000);
    assert_eq!(call.did(&Action::Pause), Some(4_000));
}

#[test]
fn a_caller_who_speaks_again_while_the_agent_thinks_is_replied_to_anew() {
    let mut call = Conversation::after_greeting();
    call.says(5_000, 6_000, "We are twelve.");
    call.says(6_800, 8_000, "No, thirteen.");
    call.until(9_000);
    assert_eq!(call.did(&Action::Interrupt), Some(7_300));
    assert_eq!(call.replies(), [(6_500, "We are twelve."), (8_500, "No, thirteen.")]);
}

#[test]
fn a_typed_message_is_a_turn_at_once() {
    let mut call = while_the_agent_speaks();
    call.at(11_000, Event::Typed("We use Salesforce".to_owned()));
    assert_eq!(call.did(&Action::Interrupt), Some(11_000));
    assert_eq!(call.replies(), [(11_000, "We use Salesforce")]);
}

#[test]
fn words_that_wait_are_part_of_the_typed_turn() {
    let mut call = while_the_agent_speaks();
    call.says(11_000, 11_300, "Yes.");
    call.at(12_000, Event::Typed("with Salesforce".to_owned()));
    assert_eq!(call.replies(), [(12_000, "Yes.\nwith Salesforce")]);
    call.at(13_000, Event::VoiceEnded);
    call.until(20_000);
    assert_eq!(call.replies().len(), 1);
}

#[test]
fn a_silent_caller_is_away_after_fifteen_seconds_of_quiet() {
    let mut call = Conversation::after_greeting();
    call.until(18_400);
    assert_eq!(call.did(&Action::Away), None);
    call.until(40_000);
    assert_eq!(call.done(), [(18_500, Action::Away)]);
}

#[test]
fn any_sound_of_the_caller_is_a_sign_of_life() {
    let mut call = Conversation::after_greeting();
    call.says(15_000, 15_200, "");
    call.until(30_000);
    assert_eq!(call.did(&Action::Away), None);
    call.until(31_000);
    assert_eq!(call.did(&Action::Away), Some(30_200));
}

#[test]
fn nobody_is_away_while_the_agent_thinks_or_speaks() {
    let mut call = Conversation::after_greeting();
    call.says(5_000, 6_000, "Hello.");
    call.until(30_000);
    call.at(30_000, Event::VoiceBegan);
    call.until(60_000);
    assert_eq!(call.did(&Action::Away), None);
}

#[test]
fn unfinished_texts_are_known_by_their_last_word() {
    for text in ["we have um", "twelve people and", "it is,", "well…", "so we need the", "about ..."] {
        assert!(goes_on(text), "{text}");
    }
    for text in ["we have twelve people", "Yes.", "What is that?", "the plan", "and."] {
        assert!(!goes_on(text), "{text}");
    }
}
