//! A store is what answers like one: an event is archived when the answer proves it, and not before.

use std::time::Duration;

use test_servers::http::readyz;

use crate::odd_store::{OddStore, Puts};
use crate::program::{Stage, event};

/// Streams and a consumer, and an odd store.
async fn stage_with(puts: Puts) -> (Stage, OddStore) {
    let mut stage = Stage::set_up().await;
    let odd = OddStore::start(puts).await;
    stage.endpoint = odd.address;
    (stage, odd)
}

async fn settled(stage: &Stage) -> u64 {
    stage.consumer().await.cached_info().ack_floor.stream_sequence
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_that_answers_everything_is_no_store() {
    let (stage, odd) = stage_with(Puts::Page).await;
    let printed = String::from_utf8(stage.execute(&["check"]).stdout).unwrap();
    let bucket = format!(
        "✗ bucket {}: bucket {}: what answers is no S3 store: it answers 200 with text/html\n    → correct S3_ENDPOINT",
        stage.bucket, stage.bucket
    );
    assert!(printed.contains(&bucket), "{printed}");
    assert!(stage.fail(&["setup"]).contains("no S3 store"));

    let _program = stage.run();
    stage.publish("1", &event("room")).await;
    readyz(
        stage.http,
        503,
        "what answers is no S3 store: it answers 200 with text/html; correct S3_ENDPOINT",
    )
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(settled(&stage).await, 0);
    assert!(!odd.seen().iter().any(|line| line.starts_with("PUT ")), "nothing is put: {:?}", odd.seen());
    let verified = stage.fail(&["verify", "--from", "2025-10-29", "--to", "2025-10-29"]);
    assert!(verified.contains("no S3 store"), "{verified}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_the_right_entity_tag_archives_nothing() {
    let (stage, odd) = stage_with(Puts::WithoutETag).await;
    let _program = stage.run();
    stage.publish("1", &event("room")).await;
    readyz(stage.http, 503, "what answers is no S3 store: it answers a put without an ETag (200)").await;
    odd.set(Puts::OfHalf);
    readyz(stage.http, 503, "the store has other bytes than were sent: its ETag is ").await;
    odd.set(Puts::Refused(200, "InternalError"));
    readyz(stage.http, 503, "the store answered 200 InternalError").await;
    assert_eq!(settled(&stage).await, 0);
    assert_eq!(stage.dead_letters().await, 0);
    odd.set(Puts::Proven);
    stage.all_settled().await;
    readyz(stage.http, 200, "ready").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_reads_back_what_it_put() {
    let (stage, odd) = stage_with(Puts::Proven).await;
    let printed = String::from_utf8(stage.execute(&["check"]).stdout).unwrap();
    assert!(printed.contains("✓ put: ") && printed.contains("✗ read back: "), "{printed}");
    assert!(printed.contains("→ correct S3_ENDPOINT: what answers there keeps no objects"), "{printed}");
    odd.set(Puts::WithoutETag);
    let printed = String::from_utf8(stage.execute(&["check"]).stdout).unwrap();
    assert!(printed.contains("✗ put: what answers is no S3 store"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_to_do_about_each_answer() {
    let (stage, odd) = stage_with(Puts::Proven).await;
    for (puts, hint) in [
        (Puts::Refused(403, "RequestTimeTooSkewed"), "set this machine's clock"),
        (Puts::Refused(403, "SignatureDoesNotMatch"), "correct or renew the credentials"),
        (Puts::Refused(403, "InvalidAccessKeyId"), "correct or renew the credentials"),
        (Puts::Refused(400, "ExpiredToken"), "correct or renew the credentials"),
        (Puts::Refused(307, "TemporaryRedirect"), "wait, where the bucket is new, or set AWS_REGION"),
        (Puts::Refused(301, "PermanentRedirect"), "set AWS_REGION"),
        (Puts::Refused(403, "AccessDenied"), "allow s3:PutObject"),
        (Puts::Refused(404, "NoSuchBucket"), "correct S3_BUCKET"),
        (Puts::Refused(400, "KMS.DisabledException"), "enable the KMS key"),
        (Puts::RefusedWithPage(502), "try again later: the store, or what is before it, does not work"),
        (Puts::RefusedWithPage(503), "try again later: the store, or what is before it, does not work"),
        (Puts::RefusedWithPage(403), "correct S3_ENDPOINT"),
        (Puts::RefusedWithPage(404), "correct S3_ENDPOINT"),
    ] {
        odd.set(puts.clone());
        let printed = String::from_utf8(stage.execute(&["check"]).stdout).unwrap();
        assert!(printed.contains(&format!("    → {hint}")), "{puts:?}: {printed}");
    }
}
