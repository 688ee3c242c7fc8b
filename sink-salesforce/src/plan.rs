//! What is to be written for a batch of sessions, and what an answer means for each of them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sink::{WriteError, Written};

use crate::records::{Kind, Record};
use crate::row_error::Verdict;
use crate::voice::Voice;

/// One session on its way to a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<'a> {
    /// Its place in the batch.
    pub index: usize,
    /// The visitor's address, for matching.
    pub email: &'a str,
    /// What the record shall know.
    pub voice: Voice,
    /// When it ended, exactly.
    pub end_time: DateTime<Utc>,
    /// Which of the session's jobs it is.
    pub job_id: &'a str,
}

/// One record to be updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update<'a> {
    /// The record.
    pub record: Record,
    /// The session that is written.
    pub newest: Call<'a>,
    /// Sessions of the same record that need no writing once the newest is written.
    pub older: Vec<Call<'a>>,
}

/// The record of each address: none, or why it could not be looked up.
pub type Lookup<'a> = HashMap<&'a str, Result<Option<Record>, WriteError>>;

/// A place in the batch and its result.
pub type Settled = (usize, Result<Written, WriteError>);

/// What is to be written, Leads first, and what is settled without.
pub fn plan<'a>(calls: Vec<Call<'a>>, lookup: &Lookup<'a>) -> (Vec<Update<'a>>, Vec<Settled>) {
    let mut settled = Vec::new();
    let mut by_record: BTreeMap<(Kind, &str), (&Record, Vec<Call>)> = BTreeMap::new();
    for call in calls {
        match lookup.get(call.email) {
            Some(Ok(Some(record))) => {
                by_record.entry((record.kind, &record.id)).or_insert((record, Vec::new())).1.push(call);
            }
            Some(Err(error)) => settled.push((call.index, Err(error.clone()))),
            Some(Ok(None)) | None => settled.push((call.index, written("no_match"))),
        }
    }
    let mut updates = Vec::new();
    for (record, calls) in by_record.into_values() {
        let Some((newest, older)) = coalesce(calls) else { continue };
        match decide(&newest.voice, &record.voice) {
            Decision::Write => updates.push(Update { record: record.clone(), newest, older }),
            Decision::Unchanged => settled.extend(done("unchanged", "superseded", &newest, &older)),
            Decision::Stale => settled.extend(done("stale", "stale", &newest, &older)),
        }
    }
    (updates, settled)
}

/// What the verdict over an update means for its sessions, and which of them need another round.
pub fn settle(update: Update<'_>, verdict: Verdict, first_round: bool) -> (Vec<Settled>, Vec<Call<'_>>) {
    let Update { newest, older, .. } = update;
    let everybody = |error: &WriteError| {
        let calls = std::iter::once(&newest).chain(&older);
        calls.map(|call| (call.index, Err(error.clone()))).collect::<Vec<_>>()
    };
    match verdict {
        Verdict::Updated => (done("updated", "superseded", &newest, &older), Vec::new()),
        Verdict::Stale => (done("stale", "stale", &newest, &older), Vec::new()),
        Verdict::Retry(reason) => (everybody(&WriteError::Retry { reason }), Vec::new()),
        Verdict::Unavailable { reason, after } => {
            (everybody(&WriteError::Unavailable { reason, after }), Vec::new())
        }
        // The fault may lie in what this session would write; the next older one has its own try.
        Verdict::Reject(reason) => (vec![(newest.index, Err(WriteError::Reject { reason }))], older),
        Verdict::ResolveAgain(_) if first_round => {
            (Vec::new(), std::iter::once(newest).chain(older).collect())
        }
        Verdict::ResolveAgain(reason) => (everybody(&WriteError::Retry { reason }), Vec::new()),
    }
}

/// The newest of the sessions of one record, and the others. Sessions of the same second are ordered as [`Voice::order`]
/// says; of two events of one session the later one counts.
fn coalesce(mut calls: Vec<Call<'_>>) -> Option<(Call<'_>, Vec<Call<'_>>)> {
    calls.sort_by(|one, other| rank(one).cmp(&rank(other)));
    let newest = calls.pop()?;
    Some((newest, calls))
}

fn rank<'a>(call: &'a Call) -> impl Ord + use<'a> {
    (call.voice.order(), call.end_time, call.job_id)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Write,
    Unchanged,
    Stale,
}

fn decide(new: &Voice, current: &Voice) -> Decision {
    match new.order().cmp(&current.order()) {
        Ordering::Less => Decision::Stale,
        Ordering::Equal if new.tier.is_none() || new.tier == current.tier => Decision::Unchanged,
        Ordering::Equal | Ordering::Greater => Decision::Write,
    }
}

fn done(
    newest_outcome: &'static str,
    older_outcome: &'static str,
    newest: &Call,
    older: &[Call],
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

    fn voice(session: &str, second: i64, tier: Option<&str>) -> Voice {
        Voice {
            session: Some(session.to_owned()),
            call_date: DateTime::from_timestamp(second, 0),
            tier: tier.map(str::to_owned),
        }
    }

    fn call(index: usize, session: &str, second: i64) -> Call<'static> {
        let voice = voice(session, second, None);
        Call { index, email: "a@x.org", end_time: voice.call_date.unwrap(), voice, job_id: "j" }
    }

    fn record(voice: Voice) -> Record {
        Record { kind: Kind::Lead, id: "00Q1".to_owned(), voice }
    }

    fn plan_on(voice: Voice, calls: Vec<Call<'static>>) -> (Vec<Update<'static>>, Vec<Settled>) {
        plan(calls, &Lookup::from([("a@x.org", Ok(Some(record(voice))))]))
    }

    #[test]
    fn the_newest_is_written_and_the_others_wait_for_it() {
        let (updates, settled) =
            plan_on(Voice::default(), vec![call(0, "b", 2), call(1, "a", 3), call(2, "c", 1)]);
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
        let current = voice("s", 5, Some("hot"));
        let outcome = |call: Call<'static>| plan_on(current.clone(), vec![call]).1;
        assert_eq!(outcome(call(0, "s", 5)), [(0, written("unchanged"))]);
        assert_eq!(outcome(call(0, "s", 4)), [(0, written("stale"))]);
        assert_eq!(outcome(call(0, "r", 5)), [(0, written("stale"))]);
        assert_eq!(outcome(call(0, "t", 5)), []);
        assert_eq!(outcome(call(0, "a", 6)), []);
        let mut other_tier = call(0, "s", 5);
        other_tier.voice.tier = Some("cold".to_owned());
        assert_eq!(outcome(other_tier), []);
    }

    #[test]
    fn an_address_without_a_record_or_without_an_answer() {
        let down = WriteError::Unavailable { reason: "down".to_owned(), after: None };
        let (updates, settled) = plan(vec![call(0, "s", 1)], &Lookup::from([("a@x.org", Ok(None))]));
        assert_eq!((updates.len(), settled), (0, vec![(0, written("no_match"))]));
        let (updates, settled) = plan(vec![call(0, "s", 1)], &Lookup::from([("a@x.org", Err(down.clone()))]));
        assert_eq!((updates.len(), settled), (0, vec![(0, Err(down))]));
    }

    #[test]
    fn a_rejected_session_leaves_the_older_ones_their_try() {
        let (updates, _) = plan_on(Voice::default(), vec![call(0, "a", 1), call(1, "b", 2)]);
        let (settled, again) = settle(updates[0].clone(), Verdict::Reject("long".to_owned()), true);
        assert_eq!(settled, [(1, Err(WriteError::Reject { reason: "long".to_owned() }))]);
        assert_eq!(again, [call(0, "a", 1)]);
    }

    #[test]
    fn a_record_that_moved_is_looked_up_again_once() {
        let (updates, _) = plan_on(Voice::default(), vec![call(0, "a", 1)]);
        let moved = || Verdict::ResolveAgain("moved".to_owned());
        assert_eq!(settle(updates[0].clone(), moved(), true), (vec![], vec![call(0, "a", 1)]));
        let (settled, again) = settle(updates[0].clone(), moved(), false);
        assert_eq!(
            (settled, again.len()),
            (vec![(0, Err(WriteError::Retry { reason: "moved".to_owned() }))], 0)
        );
    }

    /// What a record knows after the sessions came in batches of some size.
    fn arrive(sessions: &[(String, i64)], batch: usize) -> Voice {
        let mut current = Voice::default();
        for sessions in sessions.chunks(batch) {
            let calls =
                sessions.iter().enumerate().map(|(index, (session, second))| call(index, session, *second));
            let (updates, settled) = plan_on(current.clone(), calls.collect());
            let waiting: usize = updates.iter().map(|update| 1 + update.older.len()).sum();
            assert_eq!(waiting + settled.len(), sessions.len());
            if let Some(update) = updates.into_iter().next() {
                assert!(update.newest.voice.call_date >= current.call_date);
                current = update.newest.voice;
            }
        }
        current
    }

    proptest! {
        #[test]
        fn the_outcome_does_not_depend_on_the_order_of_arrival(
            sessions in prop::collection::vec(("[a-c]", 1_i64..4), 1..8),
            batch in 1_usize..8,
            rotation in 0_usize..8,
        ) {
            let mut turned = sessions.clone();
            turned.rotate_left(rotation % sessions.len());
            prop_assert_eq!(arrive(&sessions, batch), arrive(&turned, 1));
        }
    }
}
