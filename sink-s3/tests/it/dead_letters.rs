//! What could not be archived: seen, and replayed.

use serde_json::Value;
use test_servers::eventually;
use test_servers::http::readyz;

use crate::program::{Stage, event};
use crate::proxy::{Mode, Proxy};

#[tokio::test(flavor = "multi_thread")]
async fn broken_json_is_listed_shown_and_kept() {
    let stage = Stage::set_up().await;
    let _program = stage.run();
    stage.publish("room-AJ_1", r#"{"session_id":"room","#).await;
    eventually("one dead letter", async || stage.dead_letters().await == 1).await;
    stage.all_settled().await;

    let listed: Value = serde_json::from_str(&stage.succeed(&["dead-letters", "list", "--json"])).unwrap();
    assert_eq!((&listed["sequence"], &listed["deliveries"]), (&Value::from(1), &Value::from(1)));
    let error = "the payload is not a session-end object: the JSON ends too early at line 1, column 21";
    assert_eq!(listed["error"], error);
    assert!(stage.succeed(&["dead-letters", "list"]).ends_with(&format!("\t-\t1 deliveries\t{error}\n")));
    let shown = stage.succeed(&["dead-letters", "show", "1"]);
    assert!(shown.ends_with("\n\n{\"session_id\":\"room\",\n"), "{shown}");
    assert!(shown.contains("Postcall-Original-Nats-Msg-Id: room-AJ_1\n"), "{shown}");

    let log = stage.fail(&["dead-letters", "replay", "1"]);
    assert!(log.contains("dead letters that could not be written and stay: 1"), "{log}");
    assert!(stage.fail(&["dead-letters", "show", "7"]).contains("read dead letter 7"));
    assert_eq!(stage.dead_letters().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_event_is_replayed_to_the_key_it_would_have_had() {
    let mut stage = Stage::set_up().await;
    let proxy = Proxy::start(stage.store.port, Mode::Pass).await;
    stage.endpoint = proxy.address;
    let _program = stage.run();
    readyz(stage.http, 200, "ready").await;
    proxy.set(Mode::Answer(400, "EntityTooLarge")).await;
    let bare = r#"{"session_id":"bare","end_time":"2025-10-29T12:00:00Z"}"#;
    stage.publish("published.as", bare).await;
    stage.publish("2", &event("room")).await;
    eventually("two dead letters", async || stage.dead_letters().await == 2).await;
    stage.all_settled().await;
    assert!(stage.store.objects(&stage.bucket).await.is_empty());

    proxy.set(Mode::Pass).await;
    let replayed = stage.succeed(&["dead-letters", "replay", "--all"]);
    assert_eq!(replayed.lines().filter(|line| line.ends_with("\tarchived")).count(), 2, "{replayed}");
    let objects = stage.store.objects(&stage.bucket).await;
    insta::assert_snapshot!(objects.keys().cloned().collect::<Vec<_>>().join("\n"), @r"
    sessions/year=2025/month=10/day=29/bare-published.as.json.gz
    sessions/year=2025/month=10/day=29/room-AJ_1.json.gz
    ");
    assert!(objects.values().eq([bare, &event("room")]));
    assert_eq!(stage.dead_letters().await, 0);
    assert_eq!(stage.succeed(&["dead-letters", "list"]), "");
}
