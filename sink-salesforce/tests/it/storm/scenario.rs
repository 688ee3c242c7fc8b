//! A few thousand people and what they leave in the stream, made from a seed; and what must come of each message, worked
//! out without any of the sink's code.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::people::{Outlook, People, Person};

/// Messages in the stream.
pub(crate) const MESSAGES: usize = 10_000;
const WITHOUT_EMAIL: usize = 100;
const UNREADABLE: usize = 60;
/// People who have no session.
const SILENT: usize = 300;
const TIERS: [&str; 5] = ["sales_ready", "hot", "warm", "cold", "unqualified"];

/// By the org, for good.
const REFUSED: &str = "permanent";

/// What is published, and who is in the org.
pub(crate) struct Scenario {
    pub(crate) people: People,
    /// In the order of the stream, shuffled: the first is its message 1.
    pub(crate) messages: Vec<Message>,
}

#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) payload: Vec<u8>,
    pub(crate) message_id: Option<String>,
    pub(crate) fate: Fate,
}

/// What must become of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is one of the sessions that are written to this record; the newest of them stays.
    Written(String, LastSession),
    /// This record knew of a newer session before.
    Stale(String),
    NoMatch,
    NoEmail,
    /// It becomes a dead letter with this outcome.
    DeadLetter(&'static str),
}

/// A session as a record shows it, ordered as records want it: by the second, then by the session's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LastSession {
    pub(crate) second: DateTime<Utc>,
    pub(crate) session: String,
    pub(crate) tier: &'static str,
}

impl Scenario {
    pub(crate) fn of(seed: u64) -> Self {
        let mut chance = StdRng::seed_from_u64(seed);
        let (mut people, mut messages) = (People::default(), Vec::new());
        (0..SILENT).for_each(|_| drop(people.another(&mut chance)));
        (0..UNREADABLE).for_each(|number| messages.push(unreadable(number, &mut chance)));
        // The last person may bring as many as this.
        while messages.len() < MESSAGES - WITHOUT_EMAIL - 100 {
            let person = people.another(&mut chance);
            messages.extend(messages_of(&person, &mut chance));
        }
        while messages.len() < MESSAGES {
            messages.push(without_email(&mut chance));
        }
        messages.shuffle(&mut chance);
        Self { people, messages }
    }

    /// The sequences of the messages with a fate like this.
    pub(crate) fn sequences(&self, like: impl Fn(&Fate) -> bool) -> Vec<u64> {
        (1..)
            .zip(&self.messages)
            .filter(|(_, message)| like(&message.fate))
            .map(|(sequence, _)| sequence)
            .collect()
    }

    /// The newest session of each record that any is written to.
    pub(crate) fn newest(&self) -> BTreeMap<&str, &LastSession> {
        let mut newest: BTreeMap<&str, &LastSession> = BTreeMap::new();
        for message in &self.messages {
            if let Fate::Written(record, session) = &message.fate {
                let known = newest.entry(record).or_insert(session);
                *known = session.max(known);
            }
        }
        newest
    }
}

/// One to eight sessions, mostly few. Some end in the second in which another one ended, some have two jobs, some of the
/// events come twice.
fn messages_of(person: &Person, chance: &mut StdRng) -> Vec<Message> {
    let mut events: Vec<(DateTime<Utc>, Message)> = Vec::new();
    let sessions = 1 + chance.random_range(0..8).min(chance.random_range(0..8));
    for _ in 0..sessions {
        let session = format!("trial-{:016x}", chance.random::<u64>());
        let second = match events.last() {
            Some((ended, _)) if chance.random_bool(0.15) => ended.trunc_subsecs(0),
            _ => moment(chance),
        };
        let ended = second + TimeDelta::milliseconds(chance.random_range(0..1_000));
        events.push((ended, event(person, &session, "AJ_1", ended, chance)));
        if chance.random_bool(0.05) {
            let later = ended + TimeDelta::seconds(chance.random_range(1..600));
            events.push((later, event(person, &session, "AJ_2", later, chance)));
        }
    }
    let mut messages: Vec<_> = events.into_iter().map(|(_, message)| message).collect();
    if person.outlook.is_written() && chance.random_bool(0.01) {
        messages.push(impossible(person, chance));
    }
    for index in 0..messages.len() {
        if chance.random_bool(0.05) {
            let again = chance.random::<u64>();
            let message_id = chance.random_bool(0.5).then(|| format!("again-{again:x}"));
            messages.push(Message { message_id, ..messages[index].clone() });
        }
    }
    messages
}

/// Some minute of two months.
fn moment(chance: &mut StdRng) -> DateTime<Utc> {
    let first: DateTime<Utc> = "2026-09-01T00:00:00Z".parse().unwrap();
    first + TimeDelta::seconds(chance.random_range(0..60 * 86_400))
}

fn event(person: &Person, session: &str, job: &str, ended: DateTime<Utc>, chance: &mut StdRng) -> Message {
    let tier = TIERS.choose(chance).copied().unwrap();
    let last = LastSession { second: ended.trunc_subsecs(0), session: session.to_owned(), tier };
    let fate = match &person.outlook {
        Outlook::Written(record) => Fate::Written(record.clone(), last),
        Outlook::KnowsNewer(record) => Fate::Stale(record.clone()),
        Outlook::Nobody => Fate::NoMatch,
        Outlook::Refused => Fate::DeadLetter(REFUSED),
    };
    let payload = payload(session, job, &typed(&person.email, chance), &written_time(ended, chance), tier);
    let message_id = Some(format!("{session}-{job}"));
    Message { payload: payload.to_string().into_bytes(), message_id, fate }
}

/// It ended in a year that no date field takes, and would be the newest for ever.
fn impossible(person: &Person, chance: &mut StdRng) -> Message {
    let session = format!("impossible-{:016x}", chance.random::<u64>());
    let payload = payload(&session, "AJ_1", &person.email, "9999-01-01T00:00:00Z", "hot");
    Message { payload: payload.to_string().into_bytes(), message_id: None, fate: Fate::DeadLetter(REFUSED) }
}

fn without_email(chance: &mut StdRng) -> Message {
    let session = format!("unnamed-{:016x}", chance.random::<u64>());
    let email = ["", "   ", "no address", "@x.org", "a b@x.org"].choose(chance).unwrap();
    let payload = payload(&session, "AJ_1", email, &written_time(moment(chance), chance), "warm");
    let fate = if email.trim().is_empty() { Fate::NoEmail } else { Fate::DeadLetter("unreadable_email") };
    Message { payload: payload.to_string().into_bytes(), message_id: None, fate }
}

fn unreadable(number: usize, chance: &mut StdRng) -> Message {
    let good = payload("room", "AJ_1", "broken@x.example", "2026-09-01T00:00:00Z", "hot");
    let with = |name: &str, value: Value| {
        let mut payload = good.clone();
        payload[name] = value;
        payload.to_string().into_bytes()
    };
    let bytes = good.to_string().into_bytes();
    let payload = match number % 7 {
        0 => bytes[..chance.random_range(1..bytes.len())].to_vec(),
        1 => Vec::new(),
        2 => vec![0xff; 40],
        3 => json!([good]).to_string().into_bytes(),
        4 => with("end_time", json!("2026-09-01 00:00:00")),
        5 => with("end_time", Value::Null),
        _ => with("session_id", json!("")),
    };
    Message { payload, message_id: None, fate: Fate::DeadLetter("undecodable") }
}

fn payload(session: &str, job: &str, email: &str, end_time: &str, tier: &str) -> Value {
    json!({
        "session_id": session,
        "job_id": job,
        "user_email": email,
        "user_metadata": { "session_start": end_time },
        "start_time": end_time,
        "end_time": end_time,
        "duration_seconds": 0.0,
        "discovered_signals": { "qualification_tier": tier, "team_size": 12 },
        "tool_calls": [],
        "metrics_summary": {},
    })
}

/// An address as people type it.
pub(crate) fn typed(email: &str, chance: &mut StdRng) -> String {
    match chance.random_range(0..20) {
        0 => email.to_ascii_uppercase(),
        1 => format!(" {email}\t"),
        2 => email
            .chars()
            .map(|letter| if chance.random() { letter.to_ascii_uppercase() } else { letter })
            .collect(),
        _ => email.to_owned(),
    }
}

/// Not every publisher writes UTC.
fn written_time(time: DateTime<Utc>, chance: &mut StdRng) -> String {
    let hours = if chance.random_bool(0.1) { chance.random_range(-11..=14) } else { 0 };
    let zone = chrono::FixedOffset::east_opt(hours * 3_600).unwrap();
    time.with_timezone(&zone).to_rfc3339()
}
