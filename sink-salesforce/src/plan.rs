//! What is to be written for a batch of sessions, and what an answer means for each of them.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use schemas::json::Json;
use sink::{PERMANENT, WriteError, Written};

use crate::fields::LastCall;
use crate::records::{Kind, OrgFields, Record};
use crate::row_error::Verdict;

/// One session on its way to its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<'a> {
    /// Its place in the batch.
    pub index: usize,
    /// The visitor's address, for matching.
    pub email: &'a str,
    /// Its session.
    pub session_id: &'a str,
    /// Which of the session's jobs it is.
    pub job_id: &'a str,
    /// When it ended, exactly.
    pub end_time: DateTime<Utc>,
    /// What its payload has for the further fields, in the order of the map.
    pub values: Vec<Option<Json<'a>>>,
}

/// One record to be updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update<'c> {
    /// The record.
    pub record: Record,
    /// What it shall know.
    pub wanted: LastCall,
    /// The session that is written.
    pub newest: &'c Call<'c>,
    /// Sessions of the same record that need no writing once the newest is written.
    pub older: Vec<&'c Call<'c>>,
}

/// The records of each address, or why they could not be looked up.
pub type Lookup<'a> = HashMap<&'a str, Result<Vec<Record>, WriteError>>;

/// A place in the batch and a result of one of its records.
pub type Settled = (usize, Result<Written, WriteError>);

/// What is to be written, in the order of the records' kinds, and what is settled without.
pub fn plan<'c>(
    calls: &[&'c Call<'c>],
    lookup: &Lookup<'_>,
    fields: &OrgFields,
) -> (Vec<Update<'c>>, Vec<Settled>) {
    let mut settled = Vec::new();
    let mut by_record: BTreeMap<(Kind, &str), (&Record, Vec<&'c Call<'c>>)> = BTreeMap::new();
    for &call in calls {
        match lookup.get(call.email) {
            Some(Ok(records)) if !records.is_empty() => {
                for record in records {
                    let calls =
                        &mut by_record.entry((record.kind, &record.id)).or_insert((record, Vec::new())).1;
                    calls.push(call);
                }
            }
            Some(Err(error)) => settled.push((call.index, Err(error.clone()))),
            Some(Ok(_)) | None => settled.push((call.index, written("no_match"))),
        }
    }
    let mut updates = Vec::new();
    for (record, calls) in by_record.into_values() {
        let Some((newest, wanted, older)) = coalesce(record, calls, fields) else { continue };
        if wanted.order() < record.known.order() {
            settled.extend(done("stale", "stale", newest, &older));
        } else if fields.changes(record, &wanted).is_empty() {
            settled.extend(done("unchanged", "superseded", newest, &older));
        } else {
            updates.push(Update { record: record.clone(), wanted, newest, older });
        }
    }
    (updates, settled)
}

/// What the verdict over an update means for its sessions, and which of them need another round.
pub fn settle<'c>(
    update: Update<'c>,
    verdict: Verdict,
    first_round: bool,
) -> (Vec<Settled>, Vec<&'c Call<'c>>) {
    let Update { newest, older, .. } = update;
    let everybody = |error: &WriteError| {
        let calls = std::iter::once(newest).chain(older.iter().copied());
        calls.map(|call| (call.index, Err(error.clone()))).collect::<Vec<_>>()
    };
    match verdict {
        Verdict::Updated => (done("updated", "superseded", newest, &older), Vec::new()),
        Verdict::Stale => (done("stale", "stale", newest, &older), Vec::new()),
        Verdict::Retry(reason) | Verdict::Own(reason) => {
            (everybody(&WriteError::Retry { reason }), Vec::new())
        }
        Verdict::NotYet(reason) => (everybody(&WriteError::Busy { reason, after: None }), Vec::new()),
        Verdict::Unavailable { reason, after } => {
            (everybody(&WriteError::Unavailable { reason, after }), Vec::new())
        }
        Verdict::Configuration(reason) => {
            (everybody(&WriteError::Unavailable { reason, after: None }), Vec::new())
        }
        Verdict::ResolveAgain(_) | Verdict::Doubtful(_) if first_round => {
            (Vec::new(), std::iter::once(newest).chain(older).collect())
        }
        // The fault may lie in what this session would write; the next older one has its own try.
        Verdict::Reject(reason) | Verdict::Doubtful(reason) => {
            (vec![(newest.index, Err(WriteError::Reject { outcome: PERMANENT, reason }))], older)
        }
        Verdict::ResolveAgain(reason) => (everybody(&WriteError::Retry { reason }), Vec::new()),
    }
}

/// The newest of the sessions of one record, what it writes, and the others. Sessions of the same second are ordered as
/// [`LastCall::order`] says; of two events of one session the later one counts.
fn coalesce<'c>(
    record: &Record,
    calls: Vec<&'c Call<'c>>,
    fields: &OrgFields,
) -> Option<(&'c Call<'c>, LastCall, Vec<&'c Call<'c>>)> {
    let object = fields.of(record.kind);
    let wanted = |call: &Call| object.wanted(call.session_id, call.end_time, &call.values);
    let mut ranked: Vec<_> = calls.into_iter().map(|call| (wanted(call), call)).collect();
    ranked.sort_by(|(one, one_call), (other, other_call)| {
        let exactly = |call: &Call<'c>| (call.end_time, call.job_id);
        one.order().cmp(&other.order()).then_with(|| exactly(one_call).cmp(&exactly(other_call)))
    });
    let (wanted, newest) = ranked.pop()?;
    Some((newest, wanted, ranked.into_iter().map(|(_, call)| call).collect()))
}

fn done(
    newest_outcome: &'static str,
    older_outcome: &'static str,
    newest: &Call,
    older: &[&Call],
) -> Vec<Settled> {
    let older = older.iter().map(|call| (call.index, written(older_outcome)));
    std::iter::once((newest.index, written(newest_outcome))).chain(older).collect()
}

fn written(outcome: &'static str) -> Result<Written, WriteError> {
    Ok(Written { outcome })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fields::example_org;

    fn call(index: usize, session_id: &'static str, second: i64) -> Call<'static> {
        let end_time = DateTime::from_timestamp(second, 0).unwrap();
        Call { index, email: "a@x.org", session_id, job_id: "j", end_time, values: vec![None] }
    }

    fn with_tier(call: Call<'static>, tier: &'static str) -> Call<'static> {
        Call { values: vec![Json::parse(tier.as_bytes()).ok()], ..call }
    }

    fn record(known: LastCall) -> Record {
        Record { kind: Kind::Lead, id: "00Q1".to_owned(), known }
    }

    fn knows(call: &Call) -> LastCall {
        example_org().lead.wanted(call.session_id, call.end_time, &call.values)
    }

    fn plan_on<'c>(known: LastCall, calls: &'c [Call<'c>]) -> (Vec<Update<'c>>, Vec<Settled>) {
        let calls: Vec<_> = calls.iter().collect();
        plan(&calls, &Lookup::from([("a@x.org", Ok(vec![record(known)]))]), &example_org())
    }

    #[test]
    fn the_newest_is_written_and_the_others_wait_for_it() {
        let calls = [call(0, "b", 2), call(1, "a", 3), call(2, "c", 1)];
        let (updates, settled) = plan_on(LastCall::default(), &calls);
        assert_eq!(settled, []);
        assert_eq!(updates[0].newest.index, 1);
        let (settled, again) = settle(updates[0].clone(), Verdict::Retry("lock".to_owned()), true);
        assert!(again.is_empty() && settled.len() == 3 && settled.iter().all(|(_, result)| result.is_err()));
        let (settled, _) = settle(updates[0].clone(), Verdict::Updated, true);
        assert_eq!(
            settled,
            [(1, written("updated")), (2, written("superseded")), (0, written("superseded"))]
        );
    }

    #[test]
    fn what_the_record_has_already_is_not_written() {
        let known = knows(&with_tier(call(0, "s", 5), "\"hot\""));
        let outcome = |call: Call<'static>| plan_on(known.clone(), &[call]).1;
        assert_eq!(outcome(call(0, "s", 5)), [(0, written("unchanged"))]);
        assert_eq!(outcome(call(0, "s", 4)), [(0, written("stale"))]);
        assert_eq!(outcome(call(0, "r", 5)), [(0, written("stale"))]);
        assert_eq!(outcome(call(0, "t", 5)), []);
        assert_eq!(outcome(call(0, "a", 6)), []);
        assert_eq!(outcome(with_tier(call(0, "s", 5), "\"cold\"")), []);
    }

    #[test]
    fn an_address_without_a_record_or_without_an_answer() {
        let down = WriteError::Unavailable { reason: "down".to_owned(), after: None };
        let calls = [call(0, "s", 1)];
        for (answer, result) in [(Ok(vec![]), written("no_match")), (Err(down.clone()), Err(down))] {
            let (updates, settled) = plan(&[&calls[0]], &Lookup::from([("a@x.org", answer)]), &example_org());
            assert_eq!((updates.len(), settled), (0, vec![(0, result)]));
        }
    }

    #[test]
    fn a_session_goes_to_every_record_of_its_address() {
        let calls = [call(0, "s", 5)];
        let known = knows(&call(0, "t", 9));
        let contact = Record { kind: Kind::Contact, id: "003".to_owned(), known: LastCall::default() };
        let lookup = Lookup::from([("a@x.org", Ok(vec![contact, record(known)]))]);
        let (updates, settled) = plan(&[&calls[0]], &lookup, &example_org());
        assert_eq!(settled, [(0, written("stale"))]);
        assert_eq!(updates.iter().map(|update| update.record.kind).collect::<Vec<_>>(), [Kind::Contact]);
    }

    #[test]
    fn a_rejected_session_leaves_the_older_ones_their_try() {
        let calls = [call(0, "a", 1), call(1, "b", 2)];
        let (updates, _) = plan_on(LastCall::default(), &calls);
        let (settled, again) = settle(updates[0].clone(), Verdict::Reject("long".to_owned()), true);
        assert_eq!(settled, [(1, Err(WriteError::Reject { outcome: PERMANENT, reason: "long".to_owned() }))]);
        assert_eq!(again, [&calls[0]]);
    }

    #[test]
    fn a_record_that_moved_is_looked_up_again_once() {
        let calls = [call(0, "a", 1)];
        let (updates, _) = plan_on(LastCall::default(), &calls);
        let moved = || Verdict::ResolveAgain("moved".to_owned());
        assert_eq!(settle(updates[0].clone(), moved(), true), (vec![], vec![&calls[0]]));
        let (settled, again) = settle(updates[0].clone(), moved(), false);
        assert_eq!(
            (settled, again.len()),
            (vec![(0, Err(WriteError::Retry { reason: "moved".to_owned() }))], 0)
        );
    }

    /// What a record knows after the sessions came in batches of some size.
    fn arrive(sessions: &[(&'static str, i64)], batch: usize) -> LastCall {
        let mut known = LastCall::default();
        for sessions in sessions.chunks(batch) {
            let calls: Vec<_> =
                (0..).zip(sessions).map(|(index, (id, second))| call(index, id, *second)).collect();
            let (updates, settled) = plan_on(known.clone(), &calls);
            let waiting: usize = updates.iter().map(|update| 1 + update.older.len()).sum();
            assert_eq!(waiting + settled.len(), sessions.len());
            if let Some(update) = updates.into_iter().next() {
                assert!(update.wanted.ended >= known.ended);
                known = LastCall { others: vec![], ..update.wanted };
            }
        }
        known
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
}
