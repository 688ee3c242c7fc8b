//! Whether everything has come to its end: a function over the facts. It goes by room, because a call that needed two jobs has two
//! objects, and by job, because a job has one.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use schemas::{EndReason, Role, SessionEnded, timestamp};
use serde::Serialize;

use super::facts::{DeadLetter, Facts, Job, Object, Struck, Try};
use super::fault::{Fault, Step};
use super::levels::Level;

/// Something that should not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    pub kind: Kind,
    pub what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A job that had begun has no object.
    Lost,
    /// A call has no object of any of its tries.
    Unanswered,
    /// A job has more than one object, or nobody knows of the object's call.
    Duplicated,
    /// An object is not what its caller did.
    Wrong,
    /// A Lead does not show the newest call of its person.
    WrongLead,
    /// All payloads are sound and no store refuses one for good: there is no cause for a dead letter.
    DeadLetter,
    /// Something is on its way still.
    Left,
    /// One of our programs panicked, or ended by itself.
    Failed,
    /// One of our programs holds more and more.
    Grown,
}

/// How late an agent that nothing disturbs may see that a caller has left, on a machine with much else to do.
const SEEN_WITHIN: TimeDelta = TimeDelta::seconds(20);
/// How long a disturbance may go on to have consequences: the grace of a lost connection, and as much again.
const AFTERMATH: TimeDelta = TimeDelta::seconds(40);
/// How long before an agent's death the last writing of a journal may have been: a beat is a second, and disks take their time.
const BEAT: TimeDelta = TimeDelta::seconds(5);
/// How far clocks may be apart before a session is taken for one of the future.
const CLOCKS_APART: TimeDelta = TimeDelta::hours(1);

/// All that should not be, by kind.
pub fn audit(facts: &Facts) -> Vec<Violation> {
    let by_room: BTreeMap<&str, &Try> =
        facts.tries.iter().filter_map(|one| Some((one.room.as_deref()?, one))).collect();
    let found = [
        of_kind(Kind::Lost, lost(facts)),
        of_kind(Kind::Unanswered, unanswered(facts)),
        of_kind(Kind::Duplicated, duplicated(facts, &by_room)),
        of_kind(
            Kind::Wrong,
            facts.objects.iter().filter_map(|object| wrong(object, &by_room, &facts.faults)),
        ),
        of_kind(Kind::WrongLead, wrong_leads(facts)),
        of_kind(
            Kind::DeadLetter,
            facts
                .dead_letters
                .iter()
                .filter(|letter| !is_of_the_future(letter, facts))
                .map(|one| format!("{}: {}", one.sink, one.error)),
        ),
        of_kind(Kind::Left, facts.left.iter().cloned()),
        of_kind(Kind::Failed, facts.failed.iter().cloned()),
    ];
    found.concat()
}

/// Programs that hold more at the end than in the middle.
pub(super) fn grown<'a>(levels: impl Iterator<Item = &'a Level>) -> Vec<Violation> {
    of_kind(Kind::Grown, levels.flat_map(Level::grown))
}

/// Sessions that ended when a clock was a day ahead, and were written when it went right, would make every later one a stale one.
fn is_of_the_future(letter: &DeadLetter, facts: &Facts) -> bool {
    letter.error.contains("end_time is in the future")
        && facts.faults.iter().any(|struck| struck.fault == Fault::Clock(Step::DayAhead))
        && facts.objects.iter().any(|object| is_put_aside(object, letter))
}

fn is_put_aside(object: &Object, letter: &DeadLetter) -> bool {
    let end = object.payload["end_time"].as_str().and_then(|text| timestamp::parse(text).ok());
    letter.session == Some(identity(object).0) && end.is_some_and(|end| end > object.stored + CLOCKS_APART)
}

fn of_kind(kind: Kind, found: impl IntoIterator<Item = String>) -> Vec<Violation> {
    found.into_iter().map(|what| Violation { kind, what }).collect()
}

/// The jobs that had begun: those that an agent logged, and those whose agents a caller saw.
pub fn begun(facts: &Facts) -> BTreeSet<Job> {
    let seen = facts.tries.iter().flat_map(|one| {
        let room = one.room.clone().unwrap_or_default();
        one.jobs.iter().map(move |job_id| Job { room: room.clone(), job_id: job_id.clone() })
    });
    facts.jobs.iter().cloned().chain(seen).collect()
}

/// Jobs without an object. A payload that names no job, as other agents publish it, is that of any job of its room.
fn lost(facts: &Facts) -> Vec<String> {
    let (mut archived, mut nameless) = (BTreeSet::new(), BTreeMap::<String, usize>::new());
    for object in &facts.objects {
        let (room, job_id) = identity(object);
        match job_id {
            Some(job_id) => drop(archived.insert(Job { room, job_id })),
            None => *nameless.entry(room).or_default() += 1,
        }
    }
    let missing = begun(facts).into_iter().filter(|job| !archived.contains(job));
    let lost = missing.filter(|job| match nameless.get_mut(&job.room) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    });
    lost.map(|job| format!("{} of {} has no object", job.job_id, job.room)).collect()
}

fn unanswered(facts: &Facts) -> Vec<String> {
    let archived: BTreeSet<String> = facts.objects.iter().map(|object| identity(object).0).collect();
    let mut calls = BTreeMap::<usize, bool>::new();
    for one in &facts.tries {
        *calls.entry(one.call).or_default() |= one.room.as_ref().is_some_and(|room| archived.contains(room));
    }
    let unanswered = calls.into_iter().filter(|(_, answered)| !answered);
    unanswered.map(|(call, _)| format!("no try of call {call} has an object")).collect()
}

fn duplicated(facts: &Facts, by_room: &BTreeMap<&str, &Try>) -> Vec<String> {
    let mut keys = BTreeMap::<_, Vec<&str>>::new();
    for object in &facts.objects {
        keys.entry(identity(object)).or_default().push(&object.key);
    }
    let twice = keys.iter().filter(|((_, job_id), keys)| job_id.is_some() && keys.len() > 1);
    let strange = keys.iter().filter(|((room, _), _)| !by_room.contains_key(room.as_str()));
    twice
        .map(|(_, keys)| format!("one job has {}", keys.join(" and ")))
        .chain(strange.map(|(_, keys)| format!("nobody placed the call of {}", keys.join(" and "))))
        .collect()
}

fn identity(object: &Object) -> (String, Option<String>) {
    let text = |name: &str| object.payload[name].as_str().map(str::to_owned);
    (text("session_id").unwrap_or_default(), text("job_id"))
}

/// What of an object is not what its caller did; all of it.
fn wrong(object: &Object, by_room: &BTreeMap<&str, &Try>, faults: &[Struck]) -> Option<String> {
    let session: SessionEnded = match serde_json::from_value(object.payload.clone()) {
        Ok(session) => session,
        Err(error) => return Some(format!("{}: it is no session-end payload: {error}", object.key)),
    };
    // Of a call that nobody placed, another part of the audit tells.
    let call = by_room.get(session.session_id.as_str())?;
    let mut wrong = incomplete(object, &session);
    wrong.extend(not_the_callers(&session, call));
    wrong.extend(at_another_time(&session, call, faults));
    wrong.extend(unheard(&session, call, faults));
    (!wrong.is_empty()).then(|| format!("{}: {}", object.key, wrong.join("; ")))
}

fn incomplete(object: &Object, session: &SessionEnded) -> Vec<String> {
    // What readers may leave out an agent of ours always writes.
    let fields = [
        "session_id",
        "user_email",
        "user_metadata",
        "start_time",
        "end_time",
        "duration_seconds",
        "discovered_signals",
        "tool_calls",
        "metrics_summary",
        "job_id",
        "end_reason",
        "transcript",
    ];
    let missing =
        fields.into_iter().filter(|name| object.payload.get(name).is_none_or(|value| value.is_null()));
    let mut wrong: Vec<String> = missing.map(|name| format!("{name} is missing")).collect();
    let key = session.identity().map(|identity| identity.object_key(&session.end_time));
    if key.as_ref() != Some(&object.key) {
        wrong.push("the key is not that of its payload".to_owned());
    }
    let duration = (session.end_time - session.start_time).num_milliseconds() as f64 / 1_000.0;
    if duration < 0.0 || (duration - session.duration_seconds).abs() > 0.1 {
        wrong.push(format!("{} s from start to end, and {} s long", duration, session.duration_seconds));
    }
    wrong
}

fn not_the_callers(session: &SessionEnded, call: &Try) -> Vec<String> {
    let mut wrong = Vec::new();
    if session.user_email != call.email
        || session.user_metadata.get("user_email") != Some(&call.email.clone().into())
    {
        wrong.push("it has another address".to_owned());
    }
    if !session.user_metadata.contains_key("session_start") {
        wrong.push("the metadata of the token is missing".to_owned());
    }
    wrong
}

fn at_another_time(session: &SessionEnded, call: &Try, faults: &[Struck]) -> Vec<String> {
    let mut wrong = Vec::new();
    let until = call.left.unwrap_or(call.asked + AFTERMATH) + SEEN_WITHIN;
    // By which clock a session was timed nobody knows then; that it goes on and ends as others do is known.
    let clock_was_set =
        faults.iter().any(|one| one.fault.steps_the_clock() && one.met(call.asked - BEAT, until));
    if session.start_time < call.asked && !clock_was_set {
        wrong.push("it began before its caller asked for a token".to_owned());
    }
    let Some(left) = call.left else { return wrong };
    let disturbing: Vec<&Struck> = faults
        .iter()
        .filter(|one| one.fault.disturbs_calls() && one.met(call.asked - BEAT, left + SEEN_WITHIN))
        .collect();
    let late = (session.end_time - left).num_seconds();
    let reason = session.end_reason;
    let Some(last) = disturbing.iter().map(|one| one.ended).max() else {
        if late > SEEN_WITHIN.num_seconds() && !clock_was_set {
            wrong.push(format!("it ended {late} s after its caller had left, and nothing was the matter"));
        }
        // Who waits in vain may be left by the agent; who leaves at once may be gone before the agent looks.
        if call.trouble.is_none() {
            let expected = [EndReason::ParticipantLeft, EndReason::ParticipantAbsent];
            if !reason.is_some_and(|reason| expected.contains(&reason)) {
                wrong.push(format!("it ended as {reason:?}, and nothing was the matter"));
            }
            if -late > SEEN_WITHIN.num_seconds() && !clock_was_set {
                wrong.push(format!("it ended {} s before its caller left", -late));
            }
        }
        return wrong;
    };
    if session.end_time > left.max(last) + AFTERMATH && !clock_was_set {
        wrong
            .push(format!("it ended {late} s after its caller had left, and long after what was the matter"));
    }
    if matches!(reason, None | Some(EndReason::Unknown | EndReason::ProviderFailed | EndReason::BudgetSpent))
    {
        wrong.push(format!("it ended as {reason:?}"));
    }
    wrong
}

/// What the agent had read stands in the transcript, unless its process was gone, stood, or had no disk a moment later. Where a call
/// had two jobs, one of them read it.
fn unheard(session: &SessionEnded, call: &Try, faults: &[Struck]) -> Vec<String> {
    if call.jobs.len() != 1 || session.job_id.as_deref() != call.jobs.first().map(String::as_str) {
        return Vec::new();
    }
    let typed: Vec<&str> = session
        .transcript
        .iter()
        .flatten()
        .filter(|entry| entry.role == Role::User)
        .map(|entry| entry.text.as_str())
        .collect();
    let kept = |at: DateTime<Utc>| {
        !faults.iter().any(|one| one.fault.keeps_from_the_disk() && one.met(at - BEAT, at + BEAT))
    };
    let missing = call
        .confirmed
        .iter()
        .filter(|said| kept(said.at) && !typed.iter().any(|text| text.contains(&said.text)));
    missing.map(|said| format!("«{}» is not in the transcript", said.text)).collect()
}

/// A Lead shows the newest session: by the second of its end, then by its id, which is all that a record has of it.
fn wrong_leads(facts: &Facts) -> Vec<String> {
    let put_aside: Vec<&DeadLetter> =
        facts.dead_letters.iter().filter(|letter| is_of_the_future(letter, facts)).collect();
    let mut newest = BTreeMap::<&str, (i64, &str)>::new();
    let counts = |object: &&Object| !put_aside.iter().any(|letter| is_put_aside(object, letter));
    for object in facts.objects.iter().filter(counts) {
        let payload = &object.payload;
        let ended = payload["end_time"].as_str().and_then(|text| timestamp::parse(text).ok());
        if let (Some(email), Some(ended), Some(session)) =
            (payload["user_email"].as_str(), ended, payload["session_id"].as_str())
        {
            let entry = newest.entry(email).or_default();
            *entry = (*entry).max((ended.timestamp(), session));
        }
    }
    let mut wrong = Vec::new();
    for (email, (ended, session)) in newest {
        let lead = facts.leads.iter().find(|lead| lead.email == email);
        let shown = lead.and_then(|lead| {
            let ended = DateTime::parse_from_str(lead.ended.as_deref()?, "%Y-%m-%dT%H:%M:%S%.3f%z").ok()?;
            Some((ended.timestamp(), lead.session.as_deref()?))
        });
        if shown != Some((ended, session)) {
            let shown = shown.map_or("nothing", |(_, session)| session);
            wrong.push(format!("the newest session of a Lead is {session}, and it shows {shown}"));
        }
    }
    wrong
}
