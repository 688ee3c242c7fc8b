use super::super::overview::call::Event;
use super::super::overview::progress::{Progress, Sequence};
use super::super::overview::{LastEvents, Read};
use super::*;

const EVIL: &str = "<script>alert('1')</script>\" onmouseover=\"x";

fn now() -> DateTime<Utc> {
    "2026-11-01T12:05:00Z".parse().unwrap()
}

fn away<T>() -> Part<T> {
    Part::Away(Away { not_reachable_since: now(), why: EVIL.to_owned() })
}

fn at(floor: u64, delivered: u64) -> Part<Option<Progress>> {
    let [ack_floor, delivered] = [floor, delivered].map(|stream_seq| Sequence { stream_seq });
    Part::Read(Some(Progress { ack_floor, delivered, num_ack_pending: 1, num_pending: 2 }))
}

fn event(sequence: u64, payload: &serde_json::Value) -> Event {
    Event::read(sequence, Some(now()), payload.to_string().as_bytes(), None)
}

fn read(text: &str) -> Read {
    let payload = serde_json::json!({
        "session_id": text, "job_id": text, "user_email": "test@company.com", "end_reason": text,
        "end_time": "2026-11-01T12:00:00Z", "discovered_signals": { "qualification_tier": text },
    });
    let unreadable = Event { content: Err(text.to_owned()), ..event(1, &payload) };
    let letter = DeadLetter {
        error_class: text.to_owned(),
        error_detail: text.to_owned(),
        ..DeadLetter::example(text)
    };
    let waiting = vec![super::super::overview::dead_letters::Waiting { sink: text.to_owned(), count: 1_234 }];
    let counts = Counts { outcomes: [(text.to_owned(), 7)].into(), ..Counts::default() };
    Read {
        events: Part::Read(LastEvents { in_stream: 2, events: vec![event(2, &payload), unreadable] }),
        archive: at(1, 1),
        salesforce: at(2, 2),
        dead_letters: Part::Read(DeadLetters { waiting, letters: vec![letter], is_complete: false }),
        programs: vec![
            Program { name: text.to_owned(), counts: Part::Read(counts) },
            Program { name: "agent".to_owned(), counts: away() },
        ],
    }
}

fn shown(read: Read) -> String {
    page(&Overview::of(read, now()), &Viewer::Named(EVIL.to_owned()), true).into_string()
}

/// Every tag is one of the page's own, and every attribute.
fn assert_harmless(html: &str) {
    assert!(!html.contains("<script") && !html.contains("onmouseover=\"x"), "{html}");
    for tag in html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
        assert!(tag.matches('"').count() % 2 == 0 && !tag.contains(" on"), "{tag}");
    }
}

#[test]
fn foreign_text_is_text_wherever_it_stands() {
    let html = shown(read(EVIL));
    assert_harmless(&html);
    // In the viewer's name, and in each of the fields.
    assert!(html.matches("&lt;script&gt;").count() >= 9, "{html}");
    let nothing =
        Read { events: away(), archive: away(), salesforce: away(), dead_letters: away(), ..read(EVIL) };
    assert_harmless(&shown(nothing));
}

#[test]
fn nothing_of_it_needs_a_script_or_a_style_of_its_own() {
    let html = shown(read("text"));
    for forbidden in ["<script", "<style", " style=", "javascript:", "http:", "https:"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    assert!(html.contains("<meta http-equiv=\"refresh\" content=\"15\">"));
    let paused = page(&Overview::of(read("text"), now()), &Viewer::Cookie, false).into_string();
    assert!(!paused.contains("http-equiv") && paused.contains("Sign out"));
}

#[test]
fn a_call_says_what_became_of_it() {
    let html = shown(read("hot"));
    for expected in [
        "t***@company.com",
        "sessions/year=2026/month=11/day=01/<wbr>hot-hot.json.gz",
        ">Waiting<",
        ">Done<",
        "1,234",
    ] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    assert!(!html.contains("test@company.com"));
}

#[test]
fn what_is_away_says_so_where_it_would_stand() {
    let html = shown(Read { salesforce: away(), ..read("text") });
    assert!(html.contains("Not reachable since") && html.contains(">Not known<"), "{html}");
    let html =
        shown(Read { events: Part::Read(LastEvents { in_stream: 0, events: vec![] }), ..read("text") });
    assert!(html.contains("No call has ended yet."));
}

#[test]
fn the_form_leads_back_from_where_it_is_shown() {
    let form = |why, takes_tokens, up| sign_in(why, takes_tokens, up).into_string();
    let first = form(Why::Refused(Refusal::SignIn), true, "");
    assert!(first.contains("action=\"status/sign-in\"") && !first.contains("role=\"alert\""), "{first}");
    let again = form(Why::Refused(Refusal::WrongToken), true, "../");
    assert!(again.contains("action=\"../status/sign-in\"") && again.contains("role=\"alert\""), "{again}");
    assert!(!form(Why::Refused(Refusal::SignIn), false, "").contains("<form"));
}
