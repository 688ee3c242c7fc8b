use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::super::facts::{Confirmed, DeadLetter, Lead};
use super::super::fault::{Fault, Link, Part, Step};
use super::*;

fn time(seconds: i64) -> DateTime<Utc> {
    timestamp::parse("2026-03-01T12:00:00Z").expect("a time") + TimeDelta::seconds(seconds)
}

fn payload(room: &str, job_id: &str, end: i64) -> Value {
    json!({
        "session_id": room, "user_email": "one@chaos.example",
        "user_metadata": { "user_email": "one@chaos.example", "session_start": "2026-03-01T12:00:00Z" },
        "start_time": timestamp::format(&time(2)), "end_time": timestamp::format(&time(end)),
        "duration_seconds": end - 2, "discovered_signals": {}, "tool_calls": [], "metrics_summary": {},
        "job_id": job_id, "end_reason": "participant_left",
        "transcript": [{
            "role": "user", "text": "hello", "start_time": timestamp::format(&time(4)), "end_time": timestamp::format(&time(4)),
        }],
    })
}

fn object(room: &str, job_id: &str, end: i64) -> Object {
    let key = format!("sessions/year=2026/month=03/day=01/{room}-{job_id}.json.gz");
    Object { key, stored: time(end + 1), payload: payload(room, job_id, end) }
}

/// A call that somebody placed, talked in and left after ten seconds, and what became of it.
fn sound() -> Facts {
    let attempt = Try {
        call: 0,
        email: "one@chaos.example".to_owned(),
        room: Some("room".to_owned()),
        asked: time(0),
        joined: Some(time(1)),
        jobs: vec!["AJ_1".to_owned()],
        confirmed: vec![Confirmed { text: "hello".to_owned(), at: time(5) }],
        spoke: false,
        left: Some(time(10)),
        trouble: None,
    };
    let lead = Lead {
        email: "one@chaos.example".to_owned(),
        session: Some("room".to_owned()),
        ended: Some(shown(10)),
    };
    Facts {
        tries: vec![attempt],
        jobs: vec![Job { room: "room".to_owned(), job_id: "AJ_1".to_owned() }],
        objects: vec![object("room", "AJ_1", 10)],
        leads: vec![lead],
        ..Facts::default()
    }
}

fn shown(end: i64) -> String {
    time(end).to_rfc3339_opts(SecondsFormat::Millis, true).replace('Z', "+0000")
}

fn struck(fault: Fault, began: i64, ended: i64) -> Struck {
    Struck { fault, began: time(began), ended: time(ended), trouble: None }
}

fn letter(sink: &str, error: &str) -> DeadLetter {
    DeadLetter { sink: sink.to_owned(), error: error.to_owned(), session: Some("room".to_owned()) }
}

fn kinds(facts: &Facts) -> Vec<Kind> {
    audit(facts).into_iter().map(|violation| violation.kind).collect()
}

#[test]
fn what_has_come_to_its_end_is_no_violation() {
    assert_eq!(audit(&sound()), []);
    assert_eq!(audit(&Facts::default()), []);
}

#[test]
fn a_job_without_an_object_is_lost_whoever_knows_of_it() {
    let mut facts = sound();
    facts.jobs.push(Job { room: "room".to_owned(), job_id: "AJ_2".to_owned() });
    assert_eq!(kinds(&facts), [Kind::Lost]);
    facts.jobs.pop();
    facts.tries[0].jobs.push("AJ_2".to_owned());
    assert_eq!(kinds(&facts), [Kind::Lost]);
    facts.objects.push(object("room", "AJ_2", 10));
    assert_eq!(kinds(&facts), []);
    facts.objects.clear();
    assert_eq!(kinds(&facts), [Kind::Lost, Kind::Lost, Kind::Unanswered]);
}

#[test]
fn a_call_is_answered_at_one_of_its_tries() {
    let mut facts = sound();
    let first = Try { room: None, jobs: Vec::new(), left: None, ..facts.tries[0].clone() };
    facts.tries.insert(0, first.clone());
    assert_eq!(kinds(&facts), []);
    facts.tries.push(Try { call: 1, room: Some("other".to_owned()), ..first });
    assert_eq!(kinds(&facts), [Kind::Unanswered]);
}

#[test]
fn a_payload_without_a_job_is_that_of_one_job_of_its_room() {
    let mut facts = sound();
    facts.objects[0].payload["job_id"] = Value::Null;
    assert!(!kinds(&facts).contains(&Kind::Lost));
    facts.tries[0].jobs.push("AJ_2".to_owned());
    assert!(kinds(&facts).contains(&Kind::Lost));
}

#[test]
fn a_job_with_two_objects_and_an_object_that_nobody_called_for_are_too_many() {
    let mut facts = sound();
    facts.objects.push(Object { key: "sessions/another.json.gz".to_owned(), ..object("room", "AJ_1", 10) });
    assert_eq!(kinds(&facts), [Kind::Duplicated, Kind::Wrong]);
    let mut facts = sound();
    facts.objects.push(object("nobodys", "AJ_9", 9));
    assert_eq!(kinds(&facts), [Kind::Duplicated]);
}

#[test]
fn a_payload_that_is_not_what_the_caller_did_is_wrong() {
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut facts = sound();
        change(&mut facts.objects[0].payload);
        kinds(&facts)
    };
    for field in ["user_metadata", "transcript", "end_reason", "tool_calls", "metrics_summary"] {
        let without = changed(&|payload| drop(payload.as_object_mut().expect("an object").remove(field)));
        assert_eq!(without, [Kind::Wrong], "{field}");
    }
    assert_eq!(changed(&|payload| payload["duration_seconds"] = json!(60)), [Kind::Wrong]);
    assert_eq!(changed(&|payload| payload["end_reason"] = json!("agent_failed")), [Kind::Wrong]);
    assert_eq!(changed(&|payload| payload["transcript"] = json!([])), [Kind::Wrong]);
    let too_soon = changed(&|payload| {
        payload["start_time"] = json!("2026-03-01T11:59:00Z");
        payload["duration_seconds"] = json!(70);
    });
    assert_eq!(too_soon, [Kind::Wrong]);
    let other = changed(&|payload| payload["user_email"] = json!("two@chaos.example"));
    // Somebody else's Lead does not show it, either.
    assert_eq!(other, [Kind::Wrong, Kind::WrongLead]);
}

#[test]
fn a_call_ends_when_its_caller_leaves() {
    let mut facts = sound();
    facts.tries[0].left = Some(time(60));
    assert_eq!(kinds(&facts), [Kind::Wrong]);
    // An agent may leave somebody who waits in vain.
    facts.tries[0].trouble = Some("the next question was not asked".to_owned());
    assert_eq!(kinds(&facts), []);
    facts.tries[0].left = None;
    assert_eq!(kinds(&facts), []);
}

#[test]
fn what_was_the_matter_excuses_an_end_and_no_more() {
    let mut facts = sound();
    facts.objects = vec![object("room", "AJ_1", 45)];
    facts.leads[0].ended = Some(shown(45));
    assert_eq!(kinds(&facts), [Kind::Wrong]);
    facts.faults = vec![struck(Fault::Down(Link::Nats), 8, 12)];
    assert_eq!(kinds(&facts), [Kind::Wrong], "an outage of NATS is none of the call");
    facts.faults = vec![struck(Fault::Freeze(Part::LiveKit), 8, 12)];
    assert_eq!(kinds(&facts), []);
    facts.objects = vec![object("room", "AJ_1", 99)];
    facts.leads[0].ended = Some(shown(99));
    assert_eq!(kinds(&facts), [Kind::Wrong]);
    // A process that dies takes what it had not written, and not what it had.
    let mut facts = sound();
    facts.objects[0].payload["transcript"] = json!([]);
    facts.objects[0].payload["end_reason"] = json!("agent_recovered");
    facts.faults = vec![struck(Fault::Kill(Part::Agent), 6, 7)];
    assert_eq!(kinds(&facts), []);
    facts.faults = vec![struck(Fault::Kill(Part::Agent), 20, 21)];
    assert_eq!(kinds(&facts), [Kind::Wrong]);
}

#[test]
fn a_clock_that_is_set_excuses_times_and_nothing_else() {
    const DAY: i64 = 86_400;
    let mut facts = sound();
    facts.objects[0].payload["start_time"] = json!(timestamp::format(&time(DAY + 2)));
    facts.objects[0].payload["end_time"] = json!(timestamp::format(&time(DAY + 10)));
    facts.objects[0].key = facts.objects[0].key.replace("day=01", "day=02");
    facts.leads[0].ended = Some(shown(DAY + 10));
    assert_eq!(kinds(&facts), [Kind::Wrong]);
    facts.faults = vec![struck(Fault::Clock(Step::DayAhead), 1, 3)];
    assert_eq!(kinds(&facts), []);
    facts.objects[0].payload["end_reason"] = json!("agent_failed");
    assert_eq!(kinds(&facts), [Kind::Wrong]);
    facts.objects[0].payload["end_reason"] = json!("participant_left");
    // A sink that does not believe it puts it aside, and the Lead does not show it.
    facts.dead_letters = vec![letter("sink-salesforce", "the session's end_time is in the future")];
    assert_eq!(kinds(&facts), []);
    facts.leads[0].session = None;
    assert_eq!(kinds(&facts), []);
    // There is no cause for it where the session ended in time.
    let (mut facts, put_aside) = (sound(), facts);
    (facts.dead_letters, facts.faults) = (put_aside.dead_letters, put_aside.faults);
    assert_eq!(kinds(&facts), [Kind::DeadLetter]);
}

#[test]
fn a_lead_shows_the_newest_session() {
    let mut facts = sound();
    let mut second = facts.tries[0].clone();
    second.room = Some("later".to_owned());
    second.jobs = vec!["AJ_2".to_owned()];
    second.left = Some(time(20));
    facts.tries.push(second);
    facts.objects.push(object("later", "AJ_2", 20));
    assert_eq!(kinds(&facts), [Kind::WrongLead]);
    facts.leads[0].session = Some("later".to_owned());
    assert_eq!(kinds(&facts), [Kind::WrongLead], "the time is that of the other one");
    facts.leads[0].ended = Some(shown(20));
    assert_eq!(kinds(&facts), []);
    facts.leads.clear();
    assert_eq!(kinds(&facts), [Kind::WrongLead]);
}

#[test]
fn what_is_left_dead_or_broken_is_told() {
    let mut facts = sound();
    facts.dead_letters = vec![letter("sink-s3", "denied")];
    facts.left = vec!["agent: 1 in the outbox".to_owned()];
    facts.failed = vec!["web panicked".to_owned()];
    assert_eq!(kinds(&facts), [Kind::DeadLetter, Kind::Left, Kind::Failed]);
}
