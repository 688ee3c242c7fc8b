//! The store is down, or is not as it must be: nothing is lost and nothing becomes a dead letter.

use std::time::Duration;

use test_servers::http::{metric, readyz};

use crate::program::{Stage, event};
use crate::proxy::{Mode, Proxy};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_answers_503_pauses_the_sink() {
    let mut stage = Stage::set_up().await;
    let proxy = Proxy::start(stage.store.port, Mode::Pass).await;
    stage.endpoint = proxy.address;
    let program = stage.run();
    stage.publish("before", &event("before")).await;
    stage.all_settled().await;
    readyz(stage.http, 200, "ready").await;

    proxy.set(Mode::Answer(503, "SlowDown")).await;
    for session in 0..200 {
        stage.publish(&session.to_string(), &event(&format!("room{session:03}"))).await;
    }
    let reason = format!("store: bucket {}: the store answered 503 SlowDown\n", stage.bucket);
    readyz(stage.http, 503, &reason).await;
    assert_eq!(metric(stage.http, r#"postcall_sink_paused{sink="sink-s3"}"#).await, 1.0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.dead_letters().await, 0);
    assert_eq!(stage.store.objects(&stage.bucket).await.len(), 1);

    proxy.set(Mode::Pass).await;
    readyz(stage.http, 200, "ready").await;
    stage.all_settled().await;
    assert_eq!(stage.store.objects(&stage.bucket).await.len(), 201);
    assert_eq!(stage.dead_letters().await, 0);
    assert!(program.terminate() < Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_bucket_is_said_and_waited_for() {
    let stage = Stage::bare().await;
    let log = stage.fail(&["setup"]);
    let missing =
        format!("bucket {} does not exist: create it, or run setup with --create-bucket", stage.bucket);
    assert!(log.contains(&missing), "{log}");
    let _program = stage.run();
    readyz(stage.http, 503, &format!("store probe: bucket {}: it does not exist\n", stage.bucket)).await;
    stage.publish("1", &event("room")).await;
    // A pull would have come by then, were there one.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(stage.consumer().await.cached_info().num_pending, 1, "it was pulled");
    stage.store.create_bucket(&stage.bucket).await;
    stage.all_settled().await;
    assert_eq!(stage.store.objects(&stage.bucket).await.len(), 1);
    assert_eq!(stage.dead_letters().await, 0);
    readyz(stage.http, 200, "ready").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_access_and_expired_credentials_are_no_faults_of_the_message() {
    let mut stage = Stage::set_up().await;
    let proxy = Proxy::start(stage.store.port, Mode::Answer(403, "AccessDenied")).await;
    stage.endpoint = proxy.address;
    let program = stage.run();
    stage.publish("1", &event("room")).await;
    readyz(stage.http, 503, "the store answered 403 AccessDenied").await;
    proxy.set(Mode::Answer(400, "ExpiredToken")).await;
    readyz(stage.http, 503, "the store answered 400 ExpiredToken").await;
    assert!(program.terminate() < Duration::from_secs(1));
    assert_eq!(stage.dead_letters().await, 0);
    assert_eq!(stage.consumer().await.cached_info().ack_floor.stream_sequence, 0);

    proxy.set(Mode::Pass).await;
    let _program = stage.run();
    stage.all_settled().await;
    assert_eq!(stage.store.objects(&stage.bucket).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_again_changes_nothing() {
    let stage = Stage::set_up().await;
    let log = String::from_utf8(stage.execute(&["setup", "--create-bucket"]).stderr).unwrap();
    assert_eq!(log.matches("already as wanted").count(), 2, "{log}");
    let log = stage.fail(&["setup", "--sessions-max-age", "1day"]);
    assert!(log.contains("set up stream SESSIONS: max_age would shrink from 30days to 1day"), "{log}");
}
