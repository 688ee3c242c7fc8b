//! What is to be written for a batch of sessions, and what an answer means for each of them.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sink::{PERMANENT, WriteError, Written};

use crate::fields::{LastSession, PayloadValues};
use crate::records::{Kind, OrgFields, Record};
use crate::row_error::Verdict;

/// One session on its way to its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session<'a> {
    /// The place of its message in the batch.
    pub index: usize,
    /// The visitor's address, for matching.
    pub email: &'a str,
    /// Its id, as the payload has it.
    pub session_id: &'a str,
    /// The agent's job that it is the end of: a session may have several.
    pub job_id: &'a str,
    /// When it ended, exactly.
    pub end_time: DateTime<Utc>,
    /// What its payload has for the further fields.
    pub values: PayloadValues<'a>,
}

/// One record to be updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update<'s> {
    /// The record as it was looked up, with the values that its further fields shall have.
    pub record: Record,
    /// The last session that it shall have.
    pub wanted: LastSession,
    /// The session that is written.
    pub newest: &'s Session<'s>,
    /// Sessions of the same record that need no writing once the newest is written.
    pub older: Vec<&'s Session<'s>>,
}

/// The records of each address, or why they could not be looked up.
pub type Lookup<'a> = HashMap<&'a str, Result<Vec<Record>, WriteError>>;

/// A place in the batch and a result of one of its records.
pub type Settled = (usize, Result<Written, WriteError>);

/// What is to be written, in the order of the records' kinds, and what is settled without.
pub fn plan<'s>(
    sessions: &[&'s Session<'s>],
    lookup: &Lookup<'_>,
    fields: &OrgFields,
) -> (Vec<Update<'s>>, Vec<Settled>) {
    let mut settled = Vec::new();
    let mut by_record: BTreeMap<(Kind, &str), (&Record, Vec<&'s Session<'s>>)> = BTreeMap::new();
    for &session in sessions {
        match lookup.get(session.email) {
            Some(Ok(records)) if !records.is_empty() => {
                for record in records {
                    let sessions =
                        &mut by_record.entry((record.kind, &record.id)).or_insert((record, Vec::new())).1;
                    sessions.push(session);
                }
            }
            Some(Err(error)) => settled.push((session.index, Err(error.clone()))),
            Some(Ok(_)) | None => settled.push((session.index, written("no_match"))),
        }
    }
    let mut updates = Vec::new();
    for (record, sessions) in by_record.into_values() {
        let Some((newest, wanted, older)) = coalesce(record, sessions, fields) else { continue };
        if wanted.order() < record.known.order() {
            settled.extend(done("stale", "stale", newest, &older));
            continue;
        }
        let mut record = record.clone();
        record.values.iter_mut().for_each(|value| value.want(&newest.values));
        if fields.changes(&record, &wanted).is_empty() {
            settled.extend(done("unchanged", "superseded", newest, &older));
        } else {
            updates.push(Update { record, wanted, newest, older });
        }
    }
    (updates, settled)
}

/// What the verdict over an update means for its sessions, and which of them need another round.
pub fn settle<'s>(
    update: Update<'s>,
    verdict: Verdict,
    first_round: bool,
) -> (Vec<Settled>, Vec<&'s Session<'s>>) {
    let Update { newest, older, .. } = update;
    let everybody = |error: &WriteError| {
        let sessions = std::iter::once(newest).chain(older.iter().copied());
        sessions.map(|session| (session.index, Err(error.clone()))).collect::<Vec<_>>()
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

/// The newest of the sessions of one record, how the record shows it, and the others. Sessions of the same second are ordered
/// as [`LastSession::order`] says; of two events of one session the later one counts.
fn coalesce<'s>(
    record: &Record,
    sessions: Vec<&'s Session<'s>>,
    fields: &OrgFields,
) -> Option<(&'s Session<'s>, LastSession, Vec<&'s Session<'s>>)> {
    let object = fields.of(record.kind);
    let wanted = |session: &Session| object.wanted_session(session.session_id, session.end_time);
    let mut ranked: Vec<_> = sessions.into_iter().map(|session| (wanted(session), session)).collect();
    ranked.sort_by(|(one, one_session), (other, other_session)| {
        let exactly = |session: &Session<'s>| (session.end_time, session.job_id);
        one.order().cmp(&other.order()).then_with(|| exactly(one_session).cmp(&exactly(other_session)))
    });
    let (wanted, newest) = ranked.pop()?;
    Some((newest, wanted, ranked.into_iter().map(|(_, session)| session).collect()))
}

fn done(
    newest_outcome: &'static str,
    older_outcome: &'static str,
    newest: &Session,
    older: &[&Session],
) -> Vec<Settled> {
    let older = older.iter().map(|session| (session.index, written(older_outcome)));
    std::iter::once((newest.index, written(newest_outcome))).chain(older).collect()
}

fn written(outcome: &'static str) -> Result<Written, WriteError> {
    Ok(Written { outcome })
}
