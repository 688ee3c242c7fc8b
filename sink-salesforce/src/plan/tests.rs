//! Sessions of one record, of several, and in any order.

use proptest::prelude::*;
use schemas::json::Json;

use super::*;
use crate::example::{self, TIER, org_fields};

fn session(index: usize, session_id: &'static str, second: i64) -> Session<'static> {
    let end_time = DateTime::from_timestamp(second, 0).unwrap();
    let values = PayloadValues::new();
    Session { index, email: "a@x.org", session_id, job_id: "j", end_time, values }
}

fn with_tier(session: Session<'static>, tier: &'static str) -> Session<'static> {
    let tier = Json::parse(tier.as_bytes()).unwrap();
    Session { values: PayloadValues::from([(TIER, tier)]), ..session }
}

/// A Lead that knows of no session.
fn lead() -> Record {
    example::record(Kind::Lead, "00Q1")
}

/// A Lead that a session was written to.
fn lead_after(session: Session<'static>) -> Record {
    let (mut updates, _) = plan_on(lead(), std::slice::from_ref(&session));
    let Update { record, wanted, .. } = updates.remove(0);
    record.after(wanted)
}

fn plan_on<'s>(record: Record, sessions: &'s [Session<'s>]) -> (Vec<Update<'s>>, Vec<Settled>) {
    let sessions: Vec<_> = sessions.iter().collect();
    plan(&sessions, &Lookup::from([("a@x.org", Ok(vec![record]))]), &org_fields())
}

#[test]
fn the_newest_is_written_and_the_others_wait_for_it() {
    let sessions = [session(0, "b", 2), session(1, "a", 3), session(2, "c", 1)];
    let (updates, settled) = plan_on(lead(), &sessions);
    assert_eq!(settled, []);
    assert_eq!(updates[0].newest.index, 1);
    let (settled, again) = settle(updates[0].clone(), Verdict::Retry("lock".to_owned()), true);
    assert!(again.is_empty() && settled.len() == 3 && settled.iter().all(|(_, result)| result.is_err()));
    let (settled, _) = settle(updates[0].clone(), Verdict::Updated, true);
    assert_eq!(settled, [(1, written("updated")), (2, written("superseded")), (0, written("superseded"))]);
}

#[test]
fn what_the_record_has_already_is_not_written() {
    let known = lead_after(with_tier(session(0, "s", 5), "\"hot\""));
    let outcome = |session: Session<'static>| plan_on(known.clone(), &[session]).1;
    assert_eq!(outcome(session(0, "s", 5)), [(0, written("unchanged"))]);
    assert_eq!(outcome(session(0, "s", 4)), [(0, written("stale"))]);
    assert_eq!(outcome(session(0, "r", 5)), [(0, written("stale"))]);
    assert_eq!(outcome(session(0, "t", 5)), []);
    assert_eq!(outcome(session(0, "a", 6)), []);
    assert_eq!(outcome(with_tier(session(0, "s", 5), "\"cold\"")), []);
}

#[test]
fn an_address_without_a_record_or_without_an_answer() {
    let down = WriteError::Unavailable { reason: "down".to_owned(), after: None };
    let sessions = [session(0, "s", 1)];
    for (answer, result) in [(Ok(vec![]), written("no_match")), (Err(down.clone()), Err(down))] {
        let (updates, settled) = plan(&[&sessions[0]], &Lookup::from([("a@x.org", answer)]), &org_fields());
        assert_eq!((updates.len(), settled), (0, vec![(0, result)]));
    }
}

#[test]
fn a_session_goes_to_every_record_of_its_address() {
    let sessions = [session(0, "s", 5)];
    let records = vec![example::record(Kind::Contact, "003"), lead_after(session(0, "t", 9))];
    let lookup = Lookup::from([("a@x.org", Ok(records))]);
    let (updates, settled) = plan(&[&sessions[0]], &lookup, &org_fields());
    assert_eq!(settled, [(0, written("stale"))]);
    assert_eq!(updates.iter().map(|update| update.record.kind).collect::<Vec<_>>(), [Kind::Contact]);
}

#[test]
fn a_rejected_session_leaves_the_older_ones_their_try() {
    let sessions = [session(0, "a", 1), session(1, "b", 2)];
    let (updates, _) = plan_on(lead(), &sessions);
    let (settled, again) = settle(updates[0].clone(), Verdict::Reject("long".to_owned()), true);
    assert_eq!(settled, [(1, Err(WriteError::Reject { outcome: PERMANENT, reason: "long".to_owned() }))]);
    assert_eq!(again, [&sessions[0]]);
}

#[test]
fn a_record_that_moved_is_looked_up_again_once() {
    let sessions = [session(0, "a", 1)];
    let (updates, _) = plan_on(lead(), &sessions);
    let moved = || Verdict::ResolveAgain("moved".to_owned());
    assert_eq!(settle(updates[0].clone(), moved(), true), (vec![], vec![&sessions[0]]));
    let (settled, again) = settle(updates[0].clone(), moved(), false);
    assert_eq!((settled, again.len()), (vec![(0, Err(WriteError::Retry { reason: "moved".to_owned() }))], 0));
}

/// The last session of a record after the sessions came in batches of some size.
fn arrive(arriving: &[(&'static str, i64)], batch: usize) -> LastSession {
    let mut record = lead();
    for arriving in arriving.chunks(batch) {
        let sessions: Vec<_> =
            (0..).zip(arriving).map(|(index, (id, second))| session(index, id, *second)).collect();
        let (updates, settled) = plan_on(record.clone(), &sessions);
        let waiting: usize = updates.iter().map(|update| 1 + update.older.len()).sum();
        assert_eq!(waiting + settled.len(), arriving.len());
        if let Some(Update { record: updated, wanted, .. }) = updates.into_iter().next() {
            assert!(wanted.ended >= record.known.ended);
            record = updated.after(wanted);
        }
    }
    record.known
}

proptest! {
    #[test]
    fn the_outcome_does_not_depend_on_the_order_of_arrival(
        sessions in prop::collection::vec((prop::sample::select(vec!["a", "b", "c"]), 1_i64..4), 1..8),
        batch in 1_usize..8,
        rotation in 0_usize..8,
    ) {
        let mut turned = sessions.clone();
        turned.rotate_left(rotation % sessions.len());
        let (one, other) = (arrive(&sessions, batch), arrive(&turned, 1));
        prop_assert_eq!(one.order(), other.order());
    }
}
