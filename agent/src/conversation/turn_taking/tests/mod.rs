//! Turns on a clock of the test's: endpointing, barge-in, typed turns, and callers who are away.

mod streaming;

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
        Self { turns: TurnTaking::new(Rules::default(), "en", start), start, now: 0, done: Vec::new() }
    }

    /// The agent has greeted, long ago enough for its first words to be interruptible.
    fn after_greeting() -> Self {
        let mut conversation = Self::new();
        conversation.turns.agent_begins();
        conversation.at(0, Event::VoiceBegan);
        conversation.at(3_500, Event::VoiceEnded { asked: false });
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

    /// A voice that has begun before, noticed every 50 ms.
    fn drones(&mut self, from: u64, to: u64) {
        for voice in (from..=to).step_by(50) {
            self.at(voice, Event::StillSpeaking(self.instant(voice)));
        }
    }

    fn note(&mut self, actions: Vec<Action>) {
        self.done.extend(actions.into_iter().map(|action| (self.now, action)));
    }

    fn done(&mut self) -> Vec<(u64, Action)> {
        std::mem::take(&mut self.done)
    }

    fn replies(&self) -> Vec<(u64, &str)> {
        replies(&self.done)
    }

    fn did(&self, wanted: &Action) -> Option<u64> {
        self.done.iter().find(|(_, action)| action == wanted).map(|(at, _)| *at)
    }
}

/// When replies were due, and to which texts.
pub(in crate::conversation) fn replies(done: &[(u64, Action)]) -> Vec<(u64, &str)> {
    let mut replies = Vec::new();
    for (at, action) in done {
        if let Action::Reply(turn) = action {
            replies.push((*at, turn.text.as_str()));
        }
    }
    replies
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
    assert_eq!((call.did(&Action::Resume), call.did(&Action::Interrupt)), (None, Some(15_000)));
    assert_eq!(call.replies(), [(15_000, "Stop, please.")]);
}

#[test]
fn a_short_word_does_not_stop_the_agent_and_is_the_turn_after_it() {
    let mut call = while_the_agent_speaks();
    call.says(11_000, 11_300, "Yes.");
    call.until(14_000);
    assert_eq!((call.did(&Action::Pause), call.replies().len()), (None, 0));
    call.at(14_000, Event::VoiceEnded { asked: false });
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
    assert_eq!((call.did(&Action::Pause), call.did(&Action::Interrupt)), (Some(7_300), Some(8_356)));
    assert_eq!(call.replies(), [(6_500, "We are twelve."), (8_500, "No, thirteen.")]);
}

#[test]
fn a_noise_while_the_agent_thinks_does_not_undo_its_reply() {
    let mut call = Conversation::after_greeting();
    call.says(5_000, 6_000, "We are twelve people.");
    call.says(6_700, 7_400, "");
    call.until(10_000);
    assert_eq!((call.did(&Action::Pause), call.did(&Action::Resume)), (Some(7_200), Some(9_400)));
    // The caller still waits for it: a further word is a further turn.
    call.says(10_000, 10_300, "Hello?");
    call.until(11_000);
    assert_eq!(call.replies(), [(6_500, "We are twelve people."), (10_656, "Hello?")]);
    // A greeting that nobody has heard is said, too.
    let mut call = Conversation::new();
    call.turns.agent_begins();
    call.says(200, 900, "");
    call.until(5_000);
    assert_eq!((call.did(&Action::Interrupt), call.did(&Action::Resume)), (None, Some(2_900)));
}

#[test]
fn a_word_after_a_cough_waits_until_the_agent_has_finished() {
    let mut call = while_the_agent_speaks();
    call.says(11_000, 11_800, "");
    call.says(16_000, 16_300, "Yes.");
    call.until(18_000);
    assert_eq!((call.did(&Action::Interrupt), call.replies()), (None, vec![]));
    call.at(18_000, Event::VoiceEnded { asked: false });
    call.until(18_100);
    let Some((_, Action::Reply(turn))) = call.done.last() else { panic!("{:?}", call.done) };
    assert_eq!(turn.spoken.map(|spoken| spoken.began), Some(call.instant(16_000)));
}

#[test]
fn a_message_is_replied_to_whoever_talks_meanwhile() {
    let mut call = Conversation::after_greeting();
    call.begins(5_000, 10_000);
    call.at(10_000, Event::Typed("What does it cost?".to_owned()));
    call.drones(10_050, 14_000);
    assert_eq!((call.did(&Action::Interrupt), call.did(&Action::Pause)), (None, None));
    assert_eq!(call.replies(), [(10_000, "What does it cost?")]);
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
    call.at(13_000, Event::VoiceEnded { asked: false });
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

/// What a model says of the silence that began then.
fn judged(call: &mut Conversation, at: u64, silent_since: u64, probability: f32) {
    let silent_since = call.instant(silent_since);
    call.at(at, Event::Judged { silent_since, probability });
}

#[test]
fn how_it_was_said_decides_where_the_words_do_not() {
    for (probability, over) in [(0.97, 6_356), (0.5, 6_356), (0.25, 7_650), (0.0, 9_000)] {
        let mut call = Conversation::after_greeting();
        call.begins(5_000, 6_000);
        call.at(6_192, Event::SpeechEnded(call.instant(6_000)));
        judged(&mut call, 6_280, 6_000, probability);
        call.at(6_356, Event::Transcribed("We are twelve people".to_owned()));
        call.until(12_000);
        assert_eq!(call.replies(), [(over, "We are twelve people")], "{probability}");
    }
    // What was judged of an earlier silence says nothing of this one.
    let mut call = Conversation::after_greeting();
    call.says(5_000, 5_500, "We are");
    call.says(6_000, 7_000, "We are twelve people");
    judged(&mut call, 7_400, 5_500, 0.0);
    call.until(12_000);
    assert_eq!(call.replies(), [(7_500, "We are twelve people")]);
}

#[test]
fn how_it_was_said_decides_where_a_sentence_may_end_in_its_last_word() {
    for (text, probability, over) in [
        ("Yes, we do.", Some(0.9), 6_356),
        ("It would be nice to be.", Some(0.6), 7_527),
        ("Yes, we do.", Some(0.0), 9_000),
        ("Yes, we do.", None, 9_000),
        ("Yes, we do and", Some(0.9), 9_000),
    ] {
        let mut call = Conversation::after_greeting();
        call.begins(5_000, 6_000);
        call.at(6_192, Event::SpeechEnded(call.instant(6_000)));
        call.at(6_256, Event::Transcribed(text.to_owned()));
        assert_eq!(call.did(&Action::Prepare(text.to_owned())), None);
        if let Some(probability) = probability {
            judged(&mut call, 6_356, 6_000, probability);
        }
        // As soon as it is probably over a reply begins.
        let begins = (over == 6_356).then_some(6_356);
        assert_eq!(call.did(&Action::Prepare(text.to_owned())), begins, "{text} {probability:?}");
        call.until(12_000);
        assert_eq!(call.replies(), [(over, text)], "{text} {probability:?}");
    }
}

#[test]
fn a_word_that_answers_a_question_is_a_turn_whatever_a_model_says() {
    for (asked, over) in [(true, 5_656), (false, 8_300)] {
        let mut call = Conversation::new();
        call.turns.agent_begins();
        call.at(0, Event::VoiceBegan);
        call.at(3_500, Event::VoiceEnded { asked });
        call.begins(5_000, 5_300);
        call.at(5_492, Event::SpeechEnded(call.instant(5_300)));
        judged(&mut call, 5_560, 5_300, 0.0);
        call.at(5_656, Event::Transcribed("Twelve.".to_owned()));
        call.until(12_000);
        assert_eq!(call.replies(), [(over, "Twelve.")]);
    }
}

#[test]
fn a_service_that_knows_the_end_of_a_turn_is_believed() {
    let mut call = Conversation::after_greeting();
    call.begins(5_000, 6_000);
    call.at(6_100, Event::Interim("We are twelve".to_owned()));
    call.at(6_192, Event::SpeechEnded(call.instant(6_000)));
    call.at(6_250, Event::ServiceEndedTurn);
    call.at(6_260, Event::Transcribed("We are twelve.".to_owned()));
    call.until(7_000);
    assert_eq!(call.replies(), [(6_260, "We are twelve.")]);
}

#[test]
fn listeners_do_not_stop_the_agent_and_are_noted() {
    let mut call = while_the_agent_speaks();
    call.at(11_064, Event::SpeechBegan(call.instant(11_000)));
    call.at(11_300, Event::Interim("Uh-huh".to_owned()));
    call.begins(11_000, 11_600);
    call.at(11_792, Event::SpeechEnded(call.instant(11_600)));
    call.at(11_800, Event::Transcribed("Uh-huh.".to_owned()));
    call.until(20_000);
    assert_eq!((call.did(&Action::Pause), call.did(&Action::Interrupt)), (None, None));
    let Some((13_100, Action::Note(turn))) = call.done.last() else { panic!("{:?}", call.done) };
    assert_eq!(turn.text, "Uh-huh.");
    call.at(20_000, Event::VoiceEnded { asked: false });
    call.until(25_000);
    assert_eq!(call.replies(), []);

    // A service that transcribes whole turns tells it later.
    let mut call = while_the_agent_speaks();
    call.says(11_000, 11_600, "Mm-hm, okay, I see.");
    call.until(20_000);
    assert_eq!((call.did(&Action::Pause), call.did(&Action::Resume)), (Some(11_500), Some(11_956)));
    assert_eq!(call.did(&Action::Interrupt), None);
}

#[test]
fn what_follows_a_listeners_word_is_not_forgotten_with_it() {
    let mut call = while_the_agent_speaks();
    call.says(11_000, 11_300, "Uh-huh.");
    call.begins(12_300, 13_200);
    call.at(13_456, Event::SpeechEnded(call.instant(13_200)));
    // Its words take long.
    call.at(15_500, Event::Transcribed("Uh-huh. What does it cost?".to_owned()));
    let noted = call.done.iter().any(|(_, action)| matches!(action, Action::Note(_)));
    assert_eq!((noted, call.did(&Action::Interrupt)), (false, Some(15_500)));
}

#[test]
fn what_a_listener_says_at_the_end_answers_the_question() {
    let mut call = while_the_agent_speaks();
    call.says(11_000, 11_300, "Yeah.");
    call.at(12_000, Event::VoiceEnded { asked: true });
    call.until(13_000);
    assert_eq!(call.replies(), [(12_000, "Yeah.")]);
}

#[test]
fn words_stop_the_agent_before_the_voice_has_lasted() {
    for text in ["Wait", "no stop", "What does it cost"] {
        let mut call = while_the_agent_speaks();
        call.at(11_064, Event::SpeechBegan(call.instant(11_000)));
        call.at(11_250, Event::Interim(text.to_owned()));
        assert_eq!(call.did(&Action::Pause), Some(11_250), "{text}");
        call.at(11_500, Event::SpeechEnded(call.instant(11_300)));
        call.at(11_600, Event::Transcribed(text.to_owned()));
        assert_eq!(call.did(&Action::Interrupt), Some(11_600), "{text}");
    }
}

#[test]
fn a_reply_begins_early_and_is_thrown_away_where_the_caller_goes_on() {
    let mut call = Conversation::after_greeting();
    call.says(5_000, 6_000, "We are twelve people.");
    assert_eq!(call.did(&Action::Prepare("We are twelve people.".to_owned())), Some(6_356));
    call.begins(6_400, 7_500);
    assert_eq!(call.did(&Action::Discard), Some(6_600));
    call.at(7_756, Event::SpeechEnded(call.instant(7_500)));
    call.at(7_800, Event::Transcribed("We are twelve people in sales.".to_owned()));
    call.until(9_000);
    assert_eq!(call.replies(), [(8_000, "We are twelve people in sales.")]);
    assert_eq!(call.did(&Action::Prepare("We are twelve people in sales.".to_owned())), Some(7_800));
}

#[test]
fn an_early_reply_to_words_that_turn_out_otherwise_begins_anew() {
    let mut call = Conversation::after_greeting();
    call.begins(5_000, 6_000);
    call.at(6_100, Event::Interim("we are twelve".to_owned()));
    call.at(6_192, Event::SpeechEnded(call.instant(6_000)));
    call.done();
    // The same words, written otherwise, are the same.
    call.at(6_250, Event::Interim("We are twelve.".to_owned()));
    assert_eq!(call.done(), []);
    call.at(6_300, Event::Transcribed("We are twenty.".to_owned()));
    let prepare = Action::Prepare("We are twenty.".to_owned());
    assert_eq!(call.done(), [(6_300, Action::Discard), (6_300, prepare)]);
}

#[test]
fn no_reply_begins_to_words_that_lack_the_last_ones() {
    let mut call = Conversation::after_greeting();
    call.begins(5_000, 6_000);
    call.at(5_950, Event::Interim("we are".to_owned()));
    call.at(6_192, Event::SpeechEnded(call.instant(6_000)));
    assert!(!call.done().iter().any(|(_, action)| matches!(action, Action::Prepare(_))));
    call.at(6_220, Event::Interim("we are twelve people".to_owned()));
    assert_eq!(call.done(), [(6_220, Action::Prepare("we are twelve people".to_owned()))]);
}

#[test]
fn early_replies_have_an_end_and_unfinished_words_have_none() {
    let mut call = Conversation::after_greeting();
    for number in 0..10 {
        let from = 5_000 + number * 700;
        call.says(from, from + 300, "We are twelve. ".repeat(1 + number as usize).trim_end());
    }
    let prepared = call.done.iter().filter(|(_, action)| matches!(action, Action::Prepare(_))).count();
    assert_eq!(prepared, 3);
    let mut call = Conversation::after_greeting();
    call.says(5_000, 6_000, "We are twelve and");
    assert!(!call.done.iter().any(|(_, action)| matches!(action, Action::Prepare(_))));
}

#[test]
fn nobody_is_away_while_their_words_are_found_out() {
    let mut call = Conversation::after_greeting();
    call.begins(5_000, 6_000);
    call.at(6_256, Event::SpeechEnded(call.instant(6_000)));
    call.until(40_000);
    assert_eq!(call.did(&Action::Away), None);
}

#[test]
fn speech_that_was_not_understood_is_apologised_for_once() {
    let mut call = Conversation::after_greeting();
    call.says(5_000, 7_000, "");
    assert_eq!(call.did(&Action::Apologise), Some(7_356));
    call.done();
    call.says(8_000, 10_000, "Thanks for watching!");
    assert_eq!(call.did(&Action::Apologise), None);
    call.says(11_000, 13_000, "We are twelve people.");
    call.at(14_000, Event::VoiceBegan);
    call.at(15_000, Event::VoiceEnded { asked: true });
    call.says(16_000, 18_000, "");
    assert_eq!(call.did(&Action::Apologise), Some(18_356));
}

#[test]
fn talk_without_a_pause_is_replied_to() {
    let mut call = Conversation::after_greeting();
    call.begins(5_000, 25_000);
    call.until(25_000);
    assert_eq!(call.did(&Action::Transcribe), Some(25_000));
    call.at(25_500, Event::Transcribed("A long story about our documents".to_owned()));
    assert_eq!(call.replies(), [(25_500, "A long story about our documents")]);
    // Where it is no words, they are asked for again.
    let mut call = Conversation::after_greeting();
    call.begins(5_000, 25_000);
    call.at(25_500, Event::Transcribed(String::new()));
    call.done();
    call.until(46_000);
    assert_eq!(call.did(&Action::Transcribe), Some(45_500));
}

#[test]
fn talk_in_the_background_does_not_silence_the_agent_for_good() {
    let mut call = while_the_agent_speaks();
    call.begins(11_000, 17_000);
    assert_eq!((call.did(&Action::Pause), call.did(&Action::Transcribe)), (Some(11_500), Some(17_000)));
    call.at(17_300, Event::Transcribed("The train was late again".to_owned()));
    assert_eq!(call.did(&Action::Interrupt), Some(17_300));
    call.done();
    call.drones(17_350, 31_000);
    assert_eq!(call.did(&Action::Transcribe), Some(31_000));
    call.at(31_300, Event::Transcribed("The train was late again. We are twelve people".to_owned()));
    assert_eq!(call.replies(), [(31_300, "The train was late again. We are twelve people")]);
    call.done();
    // It goes on, and does not stop the reply.
    call.drones(31_350, 32_000);
    call.at(32_000, Event::VoiceBegan);
    call.drones(32_050, 36_000);
    call.at(36_000, Event::VoiceEnded { asked: true });
    assert_eq!(call.done(), []);
    call.drones(36_050, 51_400);
    assert_eq!(call.did(&Action::Transcribe), Some(51_300));
}

#[test]
fn a_noise_without_words_stops_the_agent_once() {
    let mut call = while_the_agent_speaks();
    call.begins(11_000, 17_000);
    call.done();
    call.at(17_300, Event::Transcribed(String::new()));
    assert_eq!(call.did(&Action::Resume), Some(17_300));
    call.done();
    call.drones(17_350, 25_000);
    assert_eq!(call.done(), []);
    // A voice of its own stops it again.
    call.at(25_256, Event::SpeechEnded(call.instant(25_000)));
    call.at(25_356, Event::Transcribed(String::new()));
    call.done();
    call.begins(26_000, 27_000);
    assert_eq!(call.did(&Action::Pause), Some(26_500));
}

#[test]
fn a_murmur_is_no_turn_and_the_agent_goes_on() {
    let mut call = Conversation::new();
    call.turns.agent_begins();
    call.at(0, Event::VoiceBegan);
    call.begins(500, 5_000);
    assert!(call.did(&Action::Pause).is_some());
    call.at(5_500, Event::Murmured);
    assert_eq!(call.done().split_off(1), [(5_500, Action::Forget), (5_500, Action::Resume)]);
    call.at(8_000, Event::VoiceEnded { asked: false });
    // While the agent listens, nobody is there.
    call.begins(8_100, 13_000);
    call.at(13_100, Event::Murmured);
    call.until(40_000);
    assert_eq!(call.done(), [(13_100, Action::Forget), (28_100, Action::Away)]);
}

#[test]
fn words_in_a_murmur_are_a_turn_all_the_same() {
    let mut call = Conversation::after_greeting();
    call.begins(5_000, 7_000);
    call.at(7_000, Event::Interim("We are twelve people.".to_owned()));
    call.drones(7_050, 10_000);
    call.at(10_100, Event::Murmured);
    call.at(10_300, Event::Transcribed("We are twelve people.".to_owned()));
    call.until(12_000);
    assert_eq!(call.replies(), [(10_600, "We are twelve people.")]);
}
