//! Whatever else is in a payload, its fields reach the record, and what cannot be read is never taken for absent.

use schemas::SessionEvent;
use serde_json::json;
use sink::Message;
use sink_salesforce::writer::SalesforceWriter;

use crate::org::{LEAD, Org, message, write};

const EMAIL: &str = "test@company.com";

/// A session with something odd in its payload.
fn odd(session_id: &str, second: u32, tier: &str, odd: &str) -> Message {
    let payload = format!(
        r#"{{"session_id":"{session_id}","job_id":"AJ","user_email":"{EMAIL}","end_time":"2025-10-29T12:{:02}:{:02}Z",
            "transcript":[{{"text":{odd}}}],"tool_calls":[{{"arguments":{odd}}}],
            "discovered_signals":{{"before":{odd},"qualification_tier":{tier},"after":{odd}}}}}"#,
        second / 60,
        second % 60
    );
    let event = SessionEvent::decode(payload.as_bytes(), None).unwrap();
    Message { event, payload: payload.into_bytes().into(), attempt: 1, stream_sequence: 1, published: None }
}

#[tokio::test]
async fn the_tier_is_the_session_s_own_whatever_else_is_in_its_payload() {
    let org = Org::start().await;
    let writer = org.writer();
    let deep = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let lists = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let oddities = [
        "1",
        "1e400",
        &"9".repeat(400),
        "-0",
        r#""party \ud83c""#,
        r#""\u0000""#,
        r#"{"a":1,"a":2}"#,
        &deep(125),
        &deep(128),
        &deep(100_000),
        &lists(126),
        &lists(1_000),
    ];
    let mut second = 0;
    for oddity in oddities {
        let shown = &oddity[..oddity.len().min(20)];
        for tier in ["cold", "hot"] {
            second += 1;
            let room = format!("room-{second}");
            let session = odd(&room, second, &format!("\"{tier}\""), oddity);
            assert_eq!(write(&writer, &[session]).await, ["updated"], "{shown}");
            assert_eq!(org.voice(LEAD)[0], room, "{shown}");
            assert_eq!(org.voice(LEAD)[2], tier, "{shown}");
        }
    }
    // Of a name given twice the last one counts, as in the archive.
    let twice = r#""cold","qualification_tier":"warm""#;
    assert_eq!(write(&writer, &[odd("twice", second + 1, twice, "1")]).await, ["updated"]);
    assert_eq!(org.voice(LEAD)[2], "warm");
    let half = r#""hot \ud83c""#;
    assert_eq!(write(&writer, &[odd("half", second + 2, half, "1")]).await, ["updated"]);
    assert_eq!(org.voice(LEAD)[2], "hot \u{fffd}");
}

#[tokio::test]
async fn with_null_for_what_is_absent_only_what_is_absent_is_emptied() {
    let org = Org::start().await;
    let map = tempfile::NamedTempFile::new().unwrap();
    let fields = sink_salesforce::field_map::DEFAULT.replace("absent = \"omit\"", "absent = \"null\"");
    std::fs::write(map.path(), fields).unwrap();
    let mut args = org.args();
    args.salesforce_fields = Some(map.path().to_owned());
    let writer = SalesforceWriter::new(&args).unwrap();
    assert_eq!(write(&writer, &[odd("first", 1, "\"hot\"", "1")]).await, ["updated"]);
    assert_eq!(write(&writer, &[odd("second", 2, "\"cold\"", "1e400")]).await, ["updated"]);
    assert_eq!(org.voice(LEAD)[2], "cold");
    assert_eq!(write(&writer, &[odd("third", 3, "null", r#""\ud83c""#)]).await, ["updated"]);
    assert_eq!(org.voice(LEAD)[2], json!(null));
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_not_taken_for_none() {
    let org = Org::start().await;
    let writer = org.writer();
    let payload = |email: serde_json::Value| json!({ "session_id": "r", "job_id": "AJ", "end_time": "2025-10-29T12:00:00Z", "user_email": email });
    for (email, what) in [
        (json!(7), "is not a text"),
        (json!(false), "is not a text"),
        (json!([EMAIL]), "is not a text"),
        (json!({ "address": EMAIL }), "is not a text"),
        (json!("test@company.com, carla@converted.example"), "(several_ats)"),
        (json!("test@company.com carla@converted.example"), "(several_ats)"),
        (json!("no address"), "(missing_at)"),
        (json!("@company.com"), "(missing_name)"),
        (json!("te st@company.com"), "(space)"),
        (json!("x".repeat(2_000)), "(too_long)"),
    ] {
        let outcome = write(&writer, &[message(&payload(email.clone()))]).await.remove(0);
        assert!(outcome.starts_with("unreadable_email: user_email "), "{email}: {outcome}");
        assert!(outcome.contains(what), "{email}: {outcome}");
    }
    let mut without = payload(json!(null));
    let absent = message(&without);
    without.as_object_mut().unwrap().remove("user_email");
    let batch =
        [absent, message(&without), message(&payload(json!(""))), message(&payload(json!(" \t\u{200b}")))];
    assert_eq!(write(&writer, &batch).await, ["no_email"; 4]);
    assert_eq!(org.counters().api_calls, 0);
    // One that cannot be read keeps no other of its batch from its record.
    let batch = [message(&payload(json!(7))), message(&payload(json!(EMAIL)))];
    assert_eq!(write(&writer, &batch).await[1], "updated");
}
