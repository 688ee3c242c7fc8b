//! Services that transcribe while somebody speaks: words without a pause, voices without words, words that are late.

use super::*;

/// Words while a voice is heard, as a streaming service tells them.
fn says_while_speaking(call: &mut Conversation, from: u64, words: &[(u64, &str)], to: u64) {
    call.at(from + 64, Event::SpeechBegan(call.instant(from)));
    let mut words = words.iter().peekable();
    for voice in (from + 100..=to).step_by(50) {
        while let Some((at, text)) = words.next_if(|(at, _)| *at <= voice) {
            call.at(*at, Event::Interim((*text).to_owned()));
        }
        call.at(voice, Event::StillSpeaking(call.instant(voice)));
    }
}

/// A voice that was never silent.
fn voice_goes_on(call: &mut Conversation, from: u64, to: u64) {
    for voice in (from..=to).step_by(50) {
        call.at(voice, Event::StillSpeaking(call.instant(voice)));
    }
}

const TWELVE: &str = "We are twelve people.";

#[test]
fn a_service_ends_a_turn_although_a_voice_is_still_heard() {
    // Its words come before or behind its word that they are all.
    for end_first in [false, true] {
        let mut call = Conversation::after_greeting();
        says_while_speaking(&mut call, 5_000, &[(5_500, "we are"), (6_000, "we are twelve people")], 7_000);
        let events = [Event::Final(TWELVE.to_owned()), Event::ServiceEndedTurn];
        let [first, last] = if end_first { [events[1].clone(), events[0].clone()] } else { events };
        call.at(7_010, first);
        assert_eq!(call.replies(), [], "{end_first}");
        call.at(7_020, last);
        assert_eq!(call.replies(), [(7_020, TWELVE)], "{end_first}");
        let Some((_, Action::Reply(turn))) = call.done.last() else { panic!("{:?}", call.done) };
        assert_eq!(turn.spoken.map(|spoken| spoken.began), Some(call.instant(5_000)));
        call.done();
        // Who talks there does not end the reply, and is nobody who said something.
        voice_goes_on(&mut call, 7_050, 9_000);
        call.at(9_192, Event::SpeechEnded(call.instant(9_000)));
        call.at(9_300, Event::Transcribed(String::new()));
        call.until(10_000);
        let undone =
            |action: &Action| matches!(action, Action::Interrupt | Action::Apologise | Action::Reply(_));
        assert!(!call.done.iter().any(|(_, action)| undone(action)), "{:?}", call.done);
    }
}

/// The caller has finished, and somebody in the background has not.
fn with_talk_in_the_background() -> Conversation {
    let mut call = Conversation::after_greeting();
    says_while_speaking(&mut call, 5_000, &[(5_500, "we are"), (6_400, "we are twelve people")], 12_000);
    call
}

#[test]
fn a_turn_whose_words_have_ended_is_over_although_a_voice_is_still_heard() {
    let mut call = with_talk_in_the_background();
    assert_eq!(call.did(&Action::Transcribe), Some(10_400));
    call.at(12_010, Event::Transcribed(TWELVE.to_owned()));
    assert_eq!(call.replies(), [(12_010, TWELVE)]);
    call.done();
    voice_goes_on(&mut call, 12_050, 15_950);
    call.at(16_000, Event::VoiceBegan);
    voice_goes_on(&mut call, 16_050, 19_950);
    assert_eq!((call.did(&Action::Interrupt), call.did(&Action::Pause)), (None, None));
    // The caller's words are still heard.
    call.at(20_000, Event::Interim("what does it cost".to_owned()));
    assert_eq!(call.did(&Action::Pause), Some(20_000));
}

#[test]
fn a_service_that_transcribes_whole_turns_has_no_words_that_end() {
    let mut call = Conversation::after_greeting();
    call.says(5_000, 6_000, "We are twelve.");
    call.done();
    call.begins(6_400, 16_000);
    // What it says of the part before is late.
    call.at(16_000, Event::Final("We are twelve.".to_owned()));
    call.until(26_000);
    assert_eq!((call.did(&Action::Transcribe), call.replies().len()), (None, 0));
}

#[test]
fn a_voice_without_words_does_not_stop_the_agent_for_good() {
    let mut call = Conversation::after_greeting();
    says_while_speaking(&mut call, 5_000, &[(5_500, "hello")], 6_000);
    call.at(6_192, Event::SpeechEnded(call.instant(6_000)));
    call.at(6_200, Event::Transcribed("Hello.".to_owned()));
    call.at(10_000, Event::VoiceBegan);
    call.done();
    call.begins(11_000, 20_000);
    assert_eq!((call.did(&Action::Pause), call.did(&Action::Resume)), (Some(11_500), Some(14_500)));
    assert_eq!(call.done().len(), 2);
    call.at(20_100, Event::VoiceEnded { asked: true });
    // It is asked whether that is words, and the caller may be away for all that is heard.
    call.until(31_000);
    assert_eq!(call.did(&Action::Transcribe), Some(31_000));
    call.at(31_100, Event::Transcribed(String::new()));
    call.until(36_000);
    assert_eq!((call.did(&Action::Away), call.did(&Action::Apologise)), (Some(35_100), None));
}

#[test]
fn who_speaks_over_talk_in_the_background_is_not_asked_whether_they_are_there() {
    let mut call = with_talk_in_the_background();
    call.at(12_010, Event::Transcribed(TWELVE.to_owned()));
    call.at(16_000, Event::VoiceBegan);
    call.at(20_000, Event::VoiceEnded { asked: true });
    call.done();
    voice_goes_on(&mut call, 20_050, 33_000);
    for (at, text) in [(33_000, "we send"), (34_000, "we send about"), (36_000, "we send about forty")] {
        call.at(at, Event::Interim(text.to_owned()));
    }
    call.until(38_000);
    assert_eq!(call.did(&Action::Away), None);
}

#[test]
fn a_reply_begins_as_soon_as_words_that_stay_have_a_silence_behind_them() {
    // The service is sure of its words before the silence is long enough, or after it.
    for (sure, begun) in [(6_050, 6_100), (6_100, 6_100), (6_150, 6_150)] {
        let mut call = Conversation::after_greeting();
        says_while_speaking(&mut call, 5_000, &[(5_500, "we are")], 6_000);
        call.at(sure, Event::Final(TWELVE.to_owned()));
        call.until(6_190);
        assert_eq!(call.did(&Action::Prepare(TWELVE.to_owned())), Some(begun));
    }
}

#[test]
fn a_reply_begins_when_the_words_of_all_that_was_heard_have_a_silence_behind_them() {
    // The service heard the end of the voice, or not yet: a word may be missing.
    for (until, begun) in [(6_110, Some(6_120)), (6_050, Some(6_120)), (6_040, None)] {
        let mut call = Conversation::after_greeting();
        says_while_speaking(&mut call, 5_000, &[(5_500, "we are")], 6_000);
        call.at(6_120, Event::Interim(TWELVE.to_owned()));
        call.at(6_120, Event::HeardUntil(call.instant(until)));
        call.until(6_190);
        assert_eq!(call.did(&Action::Prepare(TWELVE.to_owned())), begun, "{until}");
    }
    // Who goes on is listened to, and their words lack one again.
    let mut call = Conversation::after_greeting();
    says_while_speaking(&mut call, 5_000, &[(5_500, "we are")], 6_000);
    call.at(6_050, Event::Interim(TWELVE.to_owned()));
    call.at(6_050, Event::HeardUntil(call.instant(6_050)));
    call.at(6_080, Event::StillSpeaking(call.instant(6_080)));
    call.until(6_190);
    assert_eq!(call.did(&Action::Prepare(TWELVE.to_owned())), None);
}

#[test]
fn words_that_are_asked_for_do_not_come_by_themselves() {
    let mut call = Conversation::after_greeting();
    // A service that transcribes what is sent to it is asked in the middle of a long voice.
    call.begins(5_000, 25_000);
    assert_eq!(call.did(&Action::Transcribe), Some(25_000));
    call.at(25_200, Event::Interim("We are twelve".to_owned()));
    call.at(25_300, Event::Transcribed(TWELVE.to_owned()));
    call.at(26_000, Event::VoiceBegan);
    call.at(30_000, Event::SpeechEnded(call.instant(29_800)));
    call.at(30_100, Event::Transcribed(String::new()));
    call.done();
    // It is not taken for nobody's voice because it has no words yet.
    call.begins(31_000, 36_000);
    call.until(36_000);
    assert_eq!((call.did(&Action::Pause), call.did(&Action::Resume)), (Some(31_500), None));
}

#[test]
fn a_reply_begins_with_the_final_words_before_the_silence_is_known() {
    let mut call = Conversation::after_greeting();
    says_while_speaking(&mut call, 5_000, &[(5_500, "we are twelve")], 6_000);
    call.at(6_150, Event::Final(TWELVE.to_owned()));
    assert_eq!(call.did(&Action::Prepare(TWELVE.to_owned())), Some(6_150));
    call.at(6_192, Event::SpeechEnded(call.instant(6_000)));
    call.at(6_200, Event::Transcribed(TWELVE.to_owned()));
    call.until(7_000);
    assert_eq!((call.replies(), call.did(&Action::Discard)), (vec![(6_500, TWELVE)], None));
    let prepared = call.done.iter().filter(|(_, action)| matches!(action, Action::Prepare(_)));
    assert_eq!(prepared.count(), 1);
    // Whose voice is still heard has not finished, though their words stay.
    let mut call = Conversation::after_greeting();
    says_while_speaking(&mut call, 5_000, &[(5_500, "we are twelve")], 6_000);
    call.at(6_050, Event::Final(TWELVE.to_owned()));
    assert_eq!(call.did(&Action::Prepare(TWELVE.to_owned())), None);
    // Who goes on after all is listened to.
    call.at(6_150, Event::Final(TWELVE.to_owned()));
    call.at(6_160, Event::StillSpeaking(call.instant(6_160)));
    assert_eq!(call.did(&Action::Discard), Some(6_160));
}

#[test]
fn words_that_come_when_nobody_waits_for_them_are_a_turn() {
    let mut call = Conversation::after_greeting();
    call.says(5_000, 6_500, "");
    call.at(12_000, Event::Transcribed("We are twelve people in sales.".to_owned()));
    call.until(14_000);
    assert_eq!(call.replies(), [(12_500, "We are twelve people in sales.")]);
    let Some((_, Action::Reply(turn))) = call.done.last() else { panic!("{:?}", call.done) };
    assert!(turn.spoken.is_some());
}

#[test]
fn words_behind_those_that_were_taken_for_all_belong_to_the_turn() {
    let mut call = Conversation::after_greeting();
    call.says(5_000, 6_000, "We are twelve");
    call.at(6_450, Event::Transcribed("We are twelve people".to_owned()));
    call.until(9_000);
    assert_eq!(call.replies(), [(6_500, "We are twelve people")]);
}

#[test]
fn words_that_may_still_change_keep_the_turn_open_until_they_stay() {
    let heard = |last: Option<Event>| {
        let mut call = Conversation::after_greeting();
        says_while_speaking(&mut call, 5_000, &[(5_500, "we are twelve people")], 6_000);
        call.at(6_192, Event::SpeechEnded(call.instant(6_000)));
        call.at(6_200, Event::Transcribed("We are twelve people".to_owned()));
        // Said so softly that no voice was noticed.
        call.at(6_400, Event::Interim("We are twelve people in sales".to_owned()));
        if let Some(last) = last {
            call.at(6_800, last);
        }
        call.until(9_000);
        call.replies().into_iter().map(|(at, text)| (at, text.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(heard(None), [(7_400, "We are twelve people in sales".to_owned())]);
    // What is shown once more is as final as it was.
    let mut call = Conversation::after_greeting();
    says_while_speaking(&mut call, 5_000, &[(5_900, "we are twelve people")], 6_000);
    call.at(6_192, Event::SpeechEnded(call.instant(6_000)));
    call.at(6_200, Event::Transcribed("We are twelve people".to_owned()));
    call.at(6_300, Event::Interim("we are twelve people".to_owned()));
    call.until(9_000);
    assert_eq!(call.replies().iter().map(|(at, _)| *at).collect::<Vec<_>>(), [6_500]);
    let whole = "We are twelve people in sales now";
    assert_eq!(heard(Some(Event::Final(whole.to_owned()))), [(6_800, whole.to_owned())]);
}

#[test]
fn a_service_hears_what_is_too_soft_to_be_noticed() {
    let mut call = Conversation::after_greeting();
    call.at(6_000, Event::Transcribed("We are about twelve people in sales.".to_owned()));
    call.until(8_000);
    assert_eq!(call.replies(), [(6_500, "We are about twelve people in sales.")]);
}

#[test]
fn one_word_in_another_language_does_not_change_the_rules() {
    for (language, listens) in [("multi", true), ("nl", true), ("de", false)] {
        let mut call = Conversation::after_greeting();
        call.turns.heard_language(language);
        call.turns.agent_begins();
        call.at(4_000, Event::VoiceBegan);
        call.says(8_000, 8_400, "uh-huh");
        call.until(9_900);
        let noted = call.done.iter().any(|(_, action)| matches!(action, Action::Note(_)));
        assert_eq!(noted, listens, "{language}");
    }
}

#[test]
fn words_that_shrink_are_replied_to_as_they_are_in_the_end() {
    let mut call = Conversation::after_greeting();
    says_while_speaking(&mut call, 5_000, &[(5_500, "we are twelve people")], 6_000);
    call.at(6_192, Event::SpeechEnded(call.instant(6_000)));
    call.at(6_200, Event::Interim("we are twelve people".to_owned()));
    assert_eq!(call.did(&Action::Prepare("we are twelve people".to_owned())), Some(6_200));
    call.at(6_250, Event::Interim("we are".to_owned()));
    assert_eq!(call.did(&Action::Discard), Some(6_250));
    call.at(6_300, Event::Transcribed(TWELVE.to_owned()));
    call.until(8_000);
    assert_eq!(call.replies(), [(6_500, TWELVE)]);
}

#[test]
fn words_that_may_still_change_are_part_of_the_typed_turn() {
    let mut call = Conversation::after_greeting();
    says_while_speaking(&mut call, 5_000, &[(5_500, "we use")], 6_000);
    call.at(6_050, Event::Typed("Salesforce".to_owned()));
    assert_eq!(call.replies(), [(6_050, "we use\nSalesforce")]);
    call.done();
    // What they say on is spoken.
    call.at(6_500, Event::SpeechEnded(call.instant(6_300)));
    call.at(6_550, Event::Transcribed("of course".to_owned()));
    call.until(9_000);
    let Some((_, Action::Reply(turn))) = call.done.last() else { panic!("{:?}", call.done) };
    assert!(turn.spoken.is_some());
}
