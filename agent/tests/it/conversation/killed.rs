//! The agent dies in the middle of a turn.

use std::time::Duration;

use schemas::EndReason;
use serde_json::json;

use super::call::said_by_the_caller;
use super::stage::{PERSONA, Stage};
use crate::providers::SpokenTo;
use crate::servers::within;
use crate::spool::fixtures;

const SAID: &str = "we are twelve people we use hub spot";

#[test]
fn what_was_heard_of_a_turn_that_goes_on_is_published_by_the_next_agent() {
    // The caller has all the time to go on.
    let persona =
        format!("{PERSONA}\n[turn_taking]\nmin_endpointing_delay = 10\nmax_endpointing_delay = 30\n");
    let mut stage = Stage::speaking_as(SpokenTo::Gateway, &persona, &[]);
    let simulator = stage.simulator();
    let mut call = stage.call("killed");
    call.waits();
    // However well the sound of a busy machine can be understood.
    let parts = ["we are twelve people", "we use hub spot"];
    simulator.inject(&json!(parts.map(|text| json!({"endpoint": "stt", "kind": "say", "text": text}))));
    call.speaks_with_pauses(&parts, 0.8);
    let spool = stage.agent.spool();
    let journal = || {
        let file = fixtures::files(&spool, "journal")
            .into_iter()
            .find(|path| path.extension().is_some_and(|end| end == "json"))?;
        serde_json::from_slice::<schemas::SessionEnded>(&std::fs::read(file).ok()?).ok()
    };
    let noted =
        within(Duration::from_secs(60), || journal().filter(|session| said_by_the_caller(session) == [SAID]));
    let noted = noted.unwrap_or_else(|| panic!("{:?}", journal().and_then(|session| session.transcript)));
    assert_eq!(noted.metrics_summary.user_turns, 0);
    stage.agent.signal("KILL");
    stage.agent.wait_exit();
    drop(fixtures::open(&spool));
    let session = stage.exported("killed");
    assert_eq!(session.end_reason, Some(EndReason::AgentRecovered));
    assert_eq!(said_by_the_caller(&session), [SAID]);
}
