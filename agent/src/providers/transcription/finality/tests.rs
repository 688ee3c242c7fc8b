//! Words that come before, after, instead of, and without the end of speech.

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(10);

/// A caller's words on a clock of the test's.
struct Words {
    finality: Finality,
    start: Instant,
}

impl Words {
    fn new() -> Self {
        let (mut finality, start) = (Finality::default(), Instant::now());
        finality.connected(start, LIMIT, false);
        Self { finality, start }
    }

    fn at(&self, seconds: f64) -> Instant {
        self.start + Duration::from_secs_f64(seconds)
    }

    fn interim(&mut self, text: &str) -> Vec<TranscriptEvent> {
        self.interim_at(text, Duration::ZERO, 0.0)
    }

    /// Words that may change, up to there in the sound, so late by the clock.
    fn interim_at(&mut self, text: &str, heard: Duration, seconds: f64) -> Vec<TranscriptEvent> {
        let place = Place { start: None, end: heard, is_told: false };
        self.finality.said(Said::Interim(text.to_owned()), place, self.at(seconds))
    }

    /// Final words of which the service does not say where they end; it has the sound up to there.
    fn finally(&mut self, text: &str, heard: Duration) -> Vec<TranscriptEvent> {
        self.finally_at(text, Place { start: None, end: heard, is_told: false }, 0.0)
    }

    /// The same of which it says that they end there.
    fn timed(&mut self, text: &str, end: Duration) -> Vec<TranscriptEvent> {
        self.finally_at(text, Place { start: None, end, is_told: true }, 0.0)
    }

    fn finally_at(&mut self, text: &str, place: Place, seconds: f64) -> Vec<TranscriptEvent> {
        let said = Said::Final { text: text.to_owned(), start: None, end: None };
        self.finality.said(said, place, self.at(seconds))
    }

    fn done(&mut self) -> Vec<TranscriptEvent> {
        let place = Place { start: None, end: Duration::ZERO, is_told: false };
        self.finality.said(Said::Finalized, place, self.start)
    }

    /// Speech that ends there, whose shown words are taken three seconds later.
    fn taken(&mut self, text: &str, end: Duration) {
        self.interim(text);
        assert_eq!(self.speech_ended(end), []);
        assert_eq!(self.finality.expire(self.at(3.0)), [words(text), TranscriptEvent::Finalized]);
    }

    fn speech_ended(&mut self, end: Duration) -> Vec<TranscriptEvent> {
        self.finality.speech_ended(end, self.start)
    }
}

fn words(text: &str) -> TranscriptEvent {
    TranscriptEvent::Final(text.to_owned())
}

#[test]
fn words_that_are_final_before_or_after_the_end_was_noticed_are_final_once() {
    let mut heard = Words::new();
    // The service is faster.
    heard.interim("we are");
    assert_eq!(heard.finally("We are twelve.", 2 * SECOND), [words("We are twelve.")]);
    assert_eq!(heard.speech_ended(2 * SECOND + SECOND / 5), [TranscriptEvent::Finalized]);
    // It is slower.
    heard.finality.speech_began(3 * SECOND);
    heard.interim("in");
    assert_eq!(heard.speech_ended(5 * SECOND), []);
    assert_eq!(heard.finally("In sales.", 5 * SECOND), [words("In sales."), TranscriptEvent::Finalized]);
    assert_eq!(heard.finality.deadline(), None);
}

#[test]
fn final_words_of_an_earlier_part_are_not_all() {
    let mut heard = Words::new();
    heard.interim("we are");
    assert_eq!(heard.speech_ended(6 * SECOND), []);
    assert_eq!(heard.finally("We are twelve.", 2 * SECOND), [words("We are twelve.")]);
    assert_eq!(heard.finally("In sales.", 6 * SECOND), [words("In sales."), TranscriptEvent::Finalized]);
    // A short word behind them is waited for, too.
    heard.finality.speech_began(SECOND * 13 / 2);
    assert_eq!(heard.finally("Twelve", 7 * SECOND), [words("Twelve")]);
    assert_eq!(heard.speech_ended(7 * SECOND + SECOND * 2 / 5), []);
    assert_eq!(heard.finally("people.", 8 * SECOND), [words("people."), TranscriptEvent::Finalized]);
    // Also where it is the whole of what was said, and where it is the first word of a call.
    heard.finality.speech_began(8 * SECOND + SECOND / 10);
    assert_eq!(heard.speech_ended(8 * SECOND + SECOND / 4), []);
    assert_eq!(heard.finally("Yes.", 8 * SECOND + SECOND / 4), [words("Yes."), TranscriptEvent::Finalized]);
    let mut first = Words::new();
    first.finality.speech_began(Duration::ZERO);
    assert_eq!(first.speech_ended(SECOND / 10), []);
}

#[test]
fn words_of_a_turn_that_is_over_do_not_come_in_the_next() {
    let mut heard = Words::new();
    heard.interim("we are");
    heard.finality.forget(SECOND, heard.start);
    assert_eq!(heard.interim("we are twelve"), []);
    assert_eq!(heard.finally("We are twelve.", SECOND), []);
    assert_eq!(heard.finally("Hello.", 3 * SECOND), [words("Hello.")]);
}

#[test]
fn they_do_not_where_the_next_has_begun_already() {
    let mut heard = Words::new();
    heard.interim("we are");
    heard.finality.forget(2 * SECOND, heard.start);
    heard.finality.speech_began(3 * SECOND);
    assert_eq!(heard.timed("We are twelve.", SECOND * 9 / 5), []);
    assert_eq!(heard.interim("in").len(), 1);
    assert_eq!(heard.timed("In sales.", 4 * SECOND), [words("In sales.")]);
}

#[test]
fn a_service_that_says_it_is_done_may_have_words_on_their_way() {
    let mut heard = Words::new();
    assert_eq!(heard.speech_ended(SECOND), []);
    assert_eq!(heard.done(), []);
    assert_eq!(heard.finally("Yes.", SECOND), [words("Yes."), TranscriptEvent::Finalized]);
    // Without any, it was none; that takes no longer than a second.
    heard.finality.speech_began(4 * SECOND);
    heard.speech_ended(5 * SECOND);
    heard.done();
    assert_eq!(heard.finality.expire(heard.at(0.9)), []);
    assert_eq!(heard.finality.expire(heard.at(1.0)), [TranscriptEvent::Finalized]);
    // Words that were shown come for sure.
    heard.finality.speech_began(8 * SECOND);
    heard.interim("we");
    heard.speech_ended(9 * SECOND);
    heard.done();
    assert_eq!(heard.finality.expire(heard.at(1.0)), []);
    assert_eq!(heard.finally("We.", 9 * SECOND), [words("We."), TranscriptEvent::Finalized]);
}

#[test]
fn a_service_that_forgets_is_not_waited_for_and_not_heard_twice() {
    let mut heard = Words::new();
    heard.interim("we are twelve");
    heard.speech_ended(2 * SECOND);
    assert_eq!(heard.finality.expire(heard.at(1.0)), []);
    assert_eq!(heard.finality.expire(heard.at(3.0)), [words("we are twelve"), TranscriptEvent::Finalized]);
    assert_eq!(heard.finality.taken_until(), 2 * SECOND);
    assert_eq!(heard.finally("We are twelve.", 2 * SECOND), []);
    assert_eq!(heard.interim("in"), [TranscriptEvent::Interim("in".to_owned())]);
    // Where it said nothing at all for as long as an answer may take, it was no words.
    heard.finality.speech_began(8 * SECOND);
    heard.finality.connected(heard.start, LIMIT, false);
    heard.speech_ended(9 * SECOND);
    assert_eq!(heard.finality.expire(heard.at(9.9)), []);
    assert_eq!(heard.finality.expire(heard.at(10.0)), [TranscriptEvent::Finalized]);
    // Words that come all the same are words.
    assert_eq!(heard.finally("Yes.", 9 * SECOND), [words("Yes.")]);
}

#[test]
fn a_noise_of_which_a_service_says_nothing_is_waited_for_as_it_usually_answers() {
    let noise = |heard: &mut Words| {
        heard.finality.speech_began(4 * SECOND);
        heard.speech_ended(5 * SECOND);
    };
    // It shows what it hears while it is said, and says nothing else.
    let mut heard = Words::new();
    heard.interim("we are twelve");
    heard.finally("We are twelve.", 2 * SECOND);
    noise(&mut heard);
    assert_eq!(heard.finality.deadline(), Some(heard.at(3.0)));
    // It says that it is done: where it does not, it owes an answer.
    heard.done();
    assert_eq!(heard.finality.deadline(), Some(heard.at(1.0)));
    noise(&mut heard);
    assert_eq!(heard.finality.deadline(), Some(heard.at(10.0)));
    let mut heard = Words::new();
    heard.finality.connected(heard.start, LIMIT, true);
    heard.interim("we are twelve");
    heard.finally("We are twelve.", 2 * SECOND);
    noise(&mut heard);
    assert_eq!(heard.finality.deadline(), Some(heard.at(10.0)));
    // What was made final of this speech is an answer, though a breath follows.
    let mut heard = Words::new();
    heard.finality.speech_began(SECOND);
    assert_eq!(heard.timed("We are twelve.", 2 * SECOND), [words("We are twelve.")]);
    assert_eq!(heard.speech_ended(SECOND * 5 / 2), []);
    assert_eq!(heard.finality.deadline(), Some(heard.at(3.0)));
}

#[test]
fn words_that_still_change_are_waited_for_as_long_as_an_answer_may_take() {
    let mut heard = Words::new();
    heard.interim("we");
    heard.speech_ended(2 * SECOND);
    heard.interim_at("we are", 2 * SECOND, 2.0);
    heard.interim_at("we are", 2 * SECOND, 4.0);
    assert_eq!(heard.finality.expire(heard.at(4.9)), []);
    heard.interim_at("we are twelve", 2 * SECOND, 4.9);
    heard.interim_at("we are twelve people", 2 * SECOND, 7.5);
    assert_eq!(heard.finality.expire(heard.at(9.9)), []);
    let all = [words("we are twelve people"), TranscriptEvent::Finalized];
    assert_eq!(heard.finality.expire(heard.at(10.0)), all);
}

#[test]
fn what_a_slow_service_adds_to_what_was_taken_is_said_and_it_has_more_time_from_then_on() {
    let mut heard = Words::new();
    heard.taken("we are", 2 * SECOND);
    // The turn has its reply meanwhile.
    heard.finality.forget(5 * SECOND, heard.at(3.5));
    assert_eq!(heard.interim_at("we are twelve", 2 * SECOND, 4.0), []);
    let place = Place { start: None, end: 7 * SECOND, is_told: false };
    assert_eq!(heard.finally_at("We are twelve.", place, 5.0), [words("twelve.")]);
    heard.finality.speech_began(8 * SECOND);
    heard.interim("in");
    heard.speech_ended(9 * SECOND);
    assert_eq!(heard.finality.expire(heard.at(5.0)), []);
    let place = Place { start: None, end: 14 * SECOND, is_told: false };
    assert_eq!(heard.finally_at("In sales.", place, 5.5), [words("In sales."), TranscriptEvent::Finalized]);
}

#[test]
fn what_was_taken_is_not_said_again_where_somebody_has_spoken_since() {
    // It ends later than it was noticed here, or nowhere in particular, or comes with what was said since.
    for (told, text, said) in [
        (true, "We are twelve.", None),
        (false, "We are twelve.", None),
        (true, "We are twelve. In sales.", Some("In sales.")),
        (false, "In sales.", Some("In sales.")),
    ] {
        let mut heard = Words::new();
        heard.taken("we are twelve", 2 * SECOND);
        heard.finality.speech_began(4 * SECOND);
        let place = Place { start: None, end: 5 * SECOND, is_told: told };
        let expected: Vec<_> = said.map(words).into_iter().collect();
        assert_eq!(heard.finally_at(text, place, 4.0), expected, "{text}");
        assert_eq!(heard.interim("thirty"), [TranscriptEvent::Interim("thirty".to_owned())]);
    }
    // What is shown of it is not, either.
    let mut heard = Words::new();
    heard.taken("we are twelve", 2 * SECOND);
    heard.finality.speech_began(4 * SECOND);
    assert_eq!(heard.interim("we are twelve"), []);
    assert_eq!(heard.interim("we are twelve in"), [TranscriptEvent::Interim("in".to_owned())]);
    // In parts it is the same.
    assert_eq!(heard.timed("We are", SECOND), []);
    assert_eq!(heard.timed("twelve.", 2 * SECOND), []);
}

#[test]
fn who_says_the_same_again_is_heard() {
    let mut heard = Words::new();
    heard.taken("yes", 2 * SECOND);
    heard.finality.speech_began(4 * SECOND);
    let place = Place { start: Some(4 * SECOND), end: 5 * SECOND, is_told: true };
    assert_eq!(heard.finally_at("Yes.", place, 4.0), [words("Yes.")]);
    // A service that does not tell when has forgotten it after so long.
    let mut heard = Words::new();
    heard.taken("yes", 2 * SECOND);
    heard.finality.speech_began(13 * SECOND);
    let place = Place { start: None, end: 14 * SECOND, is_told: false };
    assert_eq!(heard.finally_at("Yes.", place, 12.0), [words("Yes.")]);
}

#[test]
fn final_words_without_a_time_end_before_what_is_said_meanwhile() {
    let mut heard = Words::new();
    heard.finality.speech_began(SECOND);
    heard.interim_at("we are twelve", 2 * SECOND, 0.0);
    heard.speech_ended(2 * SECOND);
    assert_eq!(heard.finality.untimed("We are twelve.", 5 * SECOND), 5 * SECOND);
    // The caller goes on.
    heard.finality.speech_began(3 * SECOND);
    let before = 3 * SECOND - super::super::hearing::PRE_ROLL;
    assert_eq!(heard.finality.untimed("We are twelve.", 5 * SECOND), before);
    heard.interim_at("in", 4 * SECOND, 0.0);
    assert_eq!(heard.finality.untimed("We are twelve.", 5 * SECOND), before);
    // What is said meanwhile is not final with it.
    assert_eq!(heard.finally("We are twelve.", 5 * SECOND), [words("We are twelve.")]);
    assert_eq!(heard.speech_ended(5 * SECOND), []);
    assert_eq!(heard.finally("In sales.", 6 * SECOND), [words("In sales."), TranscriptEvent::Finalized]);
    // A service may find an end in the middle of speech: all is said that was shown.
    heard.finality.speech_began(7 * SECOND);
    heard.interim_at("forty documents", 8 * SECOND, 0.0);
    heard.interim_at("forty documents", 9 * SECOND, 0.0);
    assert_eq!(heard.finality.untimed("Forty documents a month.", 10 * SECOND), 8 * SECOND);
    assert_eq!(heard.finality.untimed("Forty.", 10 * SECOND), 7 * SECOND - super::super::hearing::PRE_ROLL);
    // It may be faster than the end of speech is noticed.
    assert_eq!(heard.finally("Forty documents.", 10 * SECOND), [words("Forty documents.")]);
    assert_eq!(heard.speech_ended(10 * SECOND), [TranscriptEvent::Finalized]);
}

#[test]
fn another_connection_has_all_its_time() {
    let mut heard = Words::new();
    heard.interim("we are");
    heard.speech_ended(2 * SECOND);
    heard.finality.connected(heard.at(9.0), LIMIT, false);
    assert_eq!(heard.finality.expire(heard.at(18.9)), []);
    assert_eq!(
        heard.finally("We are twelve.", 2 * SECOND),
        [words("We are twelve."), TranscriptEvent::Finalized]
    );
}

#[test]
fn an_empty_text_ends_what_was_no_words() {
    let mut heard = Words::new();
    heard.interim("we");
    heard.speech_ended(SECOND);
    assert_eq!(heard.finally("", SECOND), [words(""), TranscriptEvent::Finalized]);
}
