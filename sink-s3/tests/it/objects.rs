//! What is in the bucket in the end.

use std::time::Duration;

use schemas::names;
use test_servers::http::{metric, readyz};
use test_servers::{eventually, set_ack_wait};

use crate::program::{NAME, Stage, event};
use crate::proxy::{Mode, Proxy};

#[tokio::test(flavor = "multi_thread")]
async fn the_object_is_the_published_bytes_gzipped() {
    let stage = Stage::set_up().await;
    let program = stage.run();
    readyz(stage.http, 200, "ready").await;
    let odd = "\n{ \"end_time\" : \"2025-10-30T01:00:00+02:00\", \"new\": {\"b\":1,\"a\":2}, \"session_id\":\"../odd room\",\
               \"job_id\":\"AJ_1\" , \"user_email\": null }\n";
    let large =
        event("large").replacen('{', &format!("{{\"transcript\":\"{}\",", "blah ".repeat(180_000)), 1);
    stage.publish("1", odd).await;
    stage.publish("2", &large).await;
    stage.publish("3", &event("pandadoc_trial_1761_ab12")).await;
    stage.all_settled().await;

    let objects = stage.store.objects(&stage.bucket).await;
    insta::assert_snapshot!(objects.keys().cloned().collect::<Vec<_>>().join("\n"), @r"
    sessions/year=2025/month=10/day=29/!2E.!2Fodd!20room-AJ_1.json.gz
    sessions/year=2025/month=10/day=29/large-AJ_1.json.gz
    sessions/year=2025/month=10/day=29/pandadoc_trial_1761_ab12-AJ_1.json.gz
    ");
    assert!(objects.values().eq([odd, &large, &event("pandadoc_trial_1761_ab12")]));
    let (object, _) = stage.store.object(&stage.bucket, objects.keys().next().unwrap()).await;
    assert_eq!(object.content_type(), Some("application/gzip"));
    assert_eq!(object.content_encoding(), None);
    assert_eq!(
        metric(stage.http, r#"postcall_sink_messages_total{outcome="archived",sink="sink-s3"}"#).await,
        3.0
    );
    assert!(program.terminate() < Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_twice_is_one_object_with_the_same_bytes() {
    let stage = Stage::set_up().await;
    let _program = stage.run();
    stage.publish("1", &event("room")).await;
    stage.all_settled().await;
    let key = "sessions/year=2025/month=10/day=29/room-AJ_1.json.gz";
    let (_, first) = stage.store.object(&stage.bucket, key).await;
    stage.publish("2", &event("room")).await;
    eventually("the second is archived", async || {
        metric(stage.http, r#"postcall_sink_messages_total{outcome="archived",sink="sink-s3"}"#).await == 2.0
    })
    .await;
    assert_eq!(stage.store.objects(&stage.bucket).await.len(), 1);
    let (_, second) = stage.store.object(&stage.bucket, key).await;
    assert_eq!(first, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_put_and_ack_leaves_one_object() {
    let mut stage = Stage::set_up().await;
    // The message of a killed sink comes again after a second instead of 45.
    let second = Duration::from_secs(1);
    set_ack_wait(&stage.jetstream, names::SESSIONS_STREAM, NAME, second).await;
    let proxy = Proxy::start(stage.store.port, Mode::Pass).await;
    stage.endpoint = proxy.address;
    let program = stage.run();
    stage.publish("1", &event("before")).await;
    stage.all_settled().await;
    proxy.set(Mode::SwallowAnswers).await;
    stage.publish("2", &event("room")).await;
    eventually("it is stored", async || stage.store.objects(&stage.bucket).await.len() == 2).await;
    assert_eq!(stage.consumer().await.cached_info().num_ack_pending, 1);
    // `kill -9`.
    drop(program);
    proxy.set(Mode::Pass).await;

    let _program = stage.run();
    stage.all_settled().await;
    let archived =
        metric(stage.http, r#"postcall_sink_messages_total{outcome="archived",sink="sink-s3"}"#).await;
    assert_eq!(archived, 1.0, "the second sink wrote it again");
    let objects = stage.store.objects(&stage.bucket).await;
    assert!(objects.values().eq([&event("before"), &event("room")]));
    assert_eq!(stage.dead_letters().await, 0);
}
