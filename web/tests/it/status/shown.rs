//! What is shown, and what is not.

use std::time::Instant;

use schemas::names;
use serde_json::{Value, json};
use test_servers::{NatsServer, NatsUser};

use super::fixtures::*;
use crate::browser::browser;

/// Session, archive and Salesforce of each call.
fn standings(shown: &Value) -> Vec<[String; 3]> {
    let rows = shown["calls"]["last"].as_array().unwrap().iter();
    let texts =
        |row: &Value| [&row["call"]["session_id"], &row["archive"], &row["salesforce"]].map(Value::to_string);
    rows.map(|row| texts(row).map(|text| text.trim_matches('"').to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_calls_are_shown_with_what_became_of_them() {
    let nats = NatsServer::start().await;
    let jetstream = set_up(&nats).await;
    for session in ["one", "two", "three", "four"] {
        publish(&jetstream, &payload(session)).await;
    }
    // Of the archive three are delivered and the second waits for another try; Salesforce has refused the second.
    settle(&jetstream, "sink-s3", 3, &[0, 2]).await;
    dead_letter(&jetstream, "sink-salesforce", 2, "update Lead: 400: FIELD_INTEGRITY").await;
    settle(&jetstream, "sink-salesforce", 3, &[0, 1, 2]).await;
    let web = Web::with_token(&nats.url(), &[]).await;
    let shown = web.eventually("it is read", |shown| shown["calls"]["in_stream"] == 4).await;
    assert_eq!(
        standings(&shown),
        [
            ["four", "waiting", "waiting"],
            ["three", "under_way", "written"],
            ["two", "under_way", "dead_letter"],
            ["one", "written", "written"],
        ]
    );
    let call = &shown["calls"]["last"][0]["call"];
    assert_eq!(call["email"], "t***@company.com");
    assert_eq!(call["archive_key"], "sessions/year=2026/month=11/day=01/four-AJ.json.gz");
    assert_eq!((&call["tier"], &call["duration_seconds"]), (&json!("hot"), &json!(120.0)));
    assert_eq!(shown["dead_letters"]["waiting"], json!([{ "sink": "sink-salesforce", "count": 1 }]));
    let letter = &shown["dead_letters"]["letters"][0];
    assert_eq!((&letter["error_class"], &letter["of_sequence"]), (&json!("update Lead"), &json!(2)));

    let page = web.get("/status").await;
    assert_eq!((page.status, page.header("cache-control")), (200, "no-store"));
    for expected in
        ["t***@company.com", "Visitor hung up", "2 min 0 s", "Dead letter", "FIELD_INTEGRITY", "Under way"]
    {
        assert!(page.body.contains(expected), "{expected} is not in {}", page.body);
    }
    for answer in [page.body, shown.to_string(), web.log()] {
        assert!(!answer.contains("test@") && !answer.contains("nobody may read"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_can_use_it_on_every_device() {
    let nats = NatsServer::start().await;
    let jetstream = set_up(&nats).await;
    for session in 0..5 {
        publish(&jetstream, &payload(&format!("room_of_a_visitor_with_a_long_name_{session}"))).await;
    }
    settle(&jetstream, "sink-s3", 3, &[0, 2]).await;
    dead_letter(&jetstream, "sink-salesforce", 2, "update Lead: 400: FIELD_INTEGRITY").await;
    let web = Web::with_token(&nats.url(), &[]).await;
    web.eventually("it is read", |shown| shown["calls"]["in_stream"] == 5).await;
    let seen = browser("status.mjs", &[("--url", web.url()), ("--token", TOKEN.to_owned())]).await;
    for device in ["desk", "dark", "phone"] {
        assert_eq!(seen[device]["rows"], 5, "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_may_hold_any_text_and_any_bytes() {
    let nats = NatsServer::start().await;
    let jetstream = set_up(&nats).await;
    let evil = "<img src=x onerror=alert(1)>\"'&";
    let mut hostile = payload(evil);
    for field in ["job_id", "user_email", "end_reason"] {
        hostile[field] = json!(evil);
    }
    hostile["discovered_signals"]["qualification_tier"] = json!(evil);
    publish(&jetstream, &hostile).await;
    hostile["user_email"] = json!("<b>x</b>@company.com");
    publish(&jetstream, &hostile).await;
    dead_letter(&jetstream, "sink-s3", 1, &format!("{evil}: {evil}")).await;
    dead_letter(&jetstream, "<u>sink</u>", 1, evil).await;
    jetstream.publish(names::SESSION_ENDED_V1, "<i>no event".into()).await.unwrap().await.unwrap();
    // Headers that end the client where it receives them.
    nats.publish_with_header(names::SESSION_ENDED_V1, b"X-Trace: a\rb\xff");
    nats.publish_with_header("sessions.dead.sink-s3", b"Postcall-Dead-Letter-Error: <s>\rb");
    let web = Web::with_token(&nats.url(), &[]).await;
    web.eventually("it is read", |shown| shown["calls"]["in_stream"] == 4).await;
    let page = web.get("/status").await.body;
    for harmful in ["<img", "<b>", "<u>", "<i>", "<s>", "onerror=alert(1)>\""] {
        assert!(!page.contains(harmful), "{harmful} is in {page}");
    }
    assert!(page.matches("&lt;img src=x onerror=alert(1)&gt;&quot;").count() >= 6, "{page}");
    assert!(page.contains("not a session-end object"));
    assert!(!web.log().contains("onerror"), "{}", web.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_messages_only_the_last_are_read() {
    let nats = NatsServer::start().await;
    let jetstream = set_up(&nats).await;
    let mut acks = Vec::new();
    for number in 0..20_000 {
        let bytes = format!(
            "{{\"session_id\":\"room_{number}\",\"job_id\":\"AJ\",\"end_time\":\"2026-11-01T12:00:00Z\"}}"
        );
        acks.push(jetstream.publish(names::SESSION_ENDED_V1, bytes.into()).await.unwrap());
        if acks.len() == 1_000 {
            for ack in acks.drain(..) {
                ack.await.unwrap();
            }
        }
    }
    let stream = jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap();
    for removed in [19_999, 19_990, 19_989] {
        stream.delete_message(removed).await.unwrap();
    }
    let web = Web::with_token(&nats.url(), &[]).await;
    let shown = web.eventually("it is read", |shown| shown["calls"]["in_stream"] == 19_997).await;
    let rows = shown["calls"]["last"].as_array().unwrap();
    assert_eq!(
        (rows.len(), &rows[0]["sequence"], &rows[1]["sequence"]),
        (50, &json!(20_000), &json!(19_998))
    );

    // A removed one is shown no longer, and what many look at is read once.
    stream.delete_message(20_000).await.unwrap();
    web.eventually("it is gone", |shown| shown["calls"]["last"][0]["sequence"] == 19_998).await;
    let requests = async || jetstream.query_account().await.unwrap().requests.total;
    let (before, began) = (requests().await, Instant::now());
    for answer in futures::future::join_all((0..40).map(|_| web.get("/status"))).await {
        assert_eq!(answer.status, 200);
    }
    let readings = 1 + began.elapsed().as_secs() / 5 + 1;
    let asked = requests().await - before;
    // Of a reading with nothing new: two streams, two consumers. And what is asked here.
    assert!(asked <= 4 * readings + 10, "{asked} requests for {readings} readings");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_needs_the_right_to_ask_and_no_other() {
    let nats = NatsServer::start_with_users("").await;
    let jetstream = nats.operator().await;
    set_up_at(&jetstream).await;
    publish(&jetstream, &payload("one")).await;
    dead_letter(&jetstream, "sink-s3", 1, "put object: 403").await;
    let seed = nats.seed_file(NatsUser::Web);
    let web = Web::with_token(&nats.url(), &["--nats-nkey-file", &seed]).await;
    let shown = web.eventually("it is read", |shown| shown["calls"]["in_stream"] == 1).await;
    assert_eq!(standings(&shown), [["one", "dead_letter", "waiting"]]);
    assert_eq!(shown["sinks"][0]["progress"]["num_pending"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_missing_is_said_in_its_own_place() {
    let nats = NatsServer::start_with_users("").await;
    set_up_at(&nats.operator().await).await;
    let (seed, inbox) = (nats.seed_file(NatsUser::Agent), "_INBOX_agent");
    let flags = ["--nats-nkey-file", &seed, "--nats-inbox-prefix", inbox];
    let web = Web::with_token(&nats.url(), &flags).await;
    let why = |part: &Value| part["why"].as_str().unwrap_or_default().to_owned();
    let refused = |shown: &Value| why(&shown["dead_letters"]).starts_with("permissions violation");
    let shown = web.eventually("it is refused", refused).await;
    for (part, missing) in [
        (&shown["dead_letters"], "$JS.API.STREAM.INFO.SESSIONS_DLQ"),
        (&shown["sinks"][0]["progress"], "$JS.API.CONSUMER.INFO.SESSIONS.sink-s3"),
    ] {
        assert!(why(part).contains(missing), "{shown}");
    }
    // This one it may see.
    assert_eq!(shown["calls"]["in_stream"], 0);
}
