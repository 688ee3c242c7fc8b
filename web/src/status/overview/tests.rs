use serde_json::{Value, json};

use super::dead_letters::DeadLetter;
use super::progress::Sequence;
use super::*;

fn now() -> DateTime<Utc> {
    "2026-11-01T12:05:00Z".parse().unwrap()
}

fn away<T>() -> Part<T> {
    Part::Away(Away { not_reachable_since: now(), why: "connection refused".to_owned() })
}

fn event(sequence: u64) -> Event {
    let payload = json!({
        "session_id": format!("room_{sequence}"), "job_id": "AJ", "end_time": "2026-11-01T12:00:00Z",
        "user_email": "test@company.com",
    });
    Event::read(sequence, Some(now()), payload.to_string().as_bytes(), None)
}

fn at(sequence: u64) -> Part<Option<Progress>> {
    let [ack_floor, delivered] = [sequence; 2].map(|stream_seq| Sequence { stream_seq });
    Part::Read(Some(Progress { ack_floor, delivered, num_ack_pending: 0, num_pending: 0 }))
}

fn program(live_calls: Option<u64>) -> Program {
    Program { name: "agent".to_owned(), counts: Part::Read(Counts { live_calls, ..Counts::default() }) }
}

fn read() -> Read {
    let letter =
        DeadLetter { of_sequence: Some(2), of_published: Some(now()), ..DeadLetter::example(ARCHIVE) };
    Read {
        events: Part::Read(LastEvents { in_stream: 3, events: [3, 2, 1].map(event).into() }),
        archive: at(3),
        salesforce: at(2),
        dead_letters: Part::Read(DeadLetters { letters: vec![letter], ..DeadLetters::default() }),
        programs: vec![program(Some(2)), program(None), program(Some(3))],
    }
}

fn standings(read: Read) -> Vec<(Standing, Standing)> {
    let overview = Overview::of(read, now());
    let Part::Read(calls) = overview.calls else { return Vec::new() };
    calls.last.iter().map(|row| (row.archive, row.salesforce)).collect()
}

#[test]
fn each_call_has_what_became_of_it() {
    assert_eq!(
        standings(read()),
        [
            (Standing::Written, Standing::Waiting),
            (Standing::DeadLetter, Standing::Written),
            (Standing::Written, Standing::Written)
        ]
    );
    assert_eq!(Overview::of(read(), now()).live_calls, Some(5));
}

#[test]
fn what_is_away_costs_its_own_part_only() {
    let without_letters = standings(Read { dead_letters: away(), ..read() });
    assert_eq!(without_letters[0], (Standing::Unknown, Standing::Waiting));
    let without_sink = standings(Read { salesforce: away(), ..read() });
    assert_eq!(without_sink[0], (Standing::Written, Standing::Unknown));
    let overview = Overview::of(Read { events: away(), ..read() }, now());
    assert!(overview.calls.read().is_err());
    assert_eq!(overview.sinks.len(), 2);
    let programs = vec![Program { name: "agent".to_owned(), counts: away() }];
    assert_eq!(Overview::of(Read { programs, ..read() }, now()).live_calls, None);
}

#[test]
fn programs_read_the_same_as_people() {
    let value = serde_json::to_value(Overview::of(Read { dead_letters: away(), ..read() }, now())).unwrap();
    let first = &value["calls"]["last"][0];
    assert_eq!(first["call"]["email"], "t***@company.com");
    assert_eq!(first["call"]["archive_key"], "sessions/year=2026/month=11/day=01/room_3-AJ.json.gz");
    assert_eq!(first["salesforce"], "waiting");
    assert_eq!(value["sinks"][0]["progress"]["ack_floor"]["stream_seq"], 3);
    let expected = json!({ "not_reachable_since": "2026-11-01T12:05:00Z", "why": "connection refused" });
    assert_eq!(value["dead_letters"], expected);
    assert_eq!(value["live_calls"], Value::from(5));
}
