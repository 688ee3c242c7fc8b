//! Callers who are there after all: the agent takes its leave, and they speak.

use schemas::EndReason;
use serde_json::json;

use super::call::said_by_the_caller;
use super::stage::{PERSONA, Stage};
use crate::providers::SpokenTo;

const GOODBYE: &str = "I am sorry, I have to end our call here.";
const ANSWER: &str = "There you are.";

#[test]
fn who_interrupts_the_farewell_is_answered() {
    is_answered("we are twelve people", "");
}

/// It is said to its end, and what was said meanwhile is heard after it.
#[test]
fn who_speaks_into_a_farewell_that_goes_on_is_answered() {
    is_answered(
        "yes",
        "min_interruption_duration = 10\nmin_endpointing_delay = 9\nmax_endpointing_delay = 9",
    );
}

fn is_answered(said: &str, settings: &str) {
    let persona = format!("{PERSONA}\n[turn_taking]\nuser_away_timeout = 4\n{settings}\n");
    for (room, spoken_to, hearing) in
        [("http", SpokenTo::Http, "transcriptions"), ("gateway", SpokenTo::Gateway, "stt")]
    {
        let mut stage = Stage::speaking_as(spoken_to, &persona, &[]);
        let simulator = stage.simulator();
        simulator.inject(&json!([
            {"endpoint": hearing, "kind": "say", "text": said, "times": 20},
            {"endpoint": "chat", "kind": "say", "text": ANSWER, "times": 20},
        ]));
        let mut call = stage.call(room);
        call.hears(GOODBYE);
        call.speaks("we are twelve people");
        call.hears(ANSWER);
        let session = stage.hang_up(room);
        assert_eq!(said_by_the_caller(&session), [said]);
        assert_eq!(session.end_reason, Some(EndReason::ParticipantLeft));
    }
}
