//! Where the store is, and with which keys: both may change, and an address may have a path.

use test_servers::http::readyz;

use crate::odd_store::{OddStore, Puts};
use crate::program::{Stage, event};
use crate::proxy::{Mode, Proxy};
use crate::seaweedfs::{ACCESS_KEY, SECRET_KEY};

#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_follows_the_path_as_the_clients_of_aws_have_it() {
    let mut stage = Stage::set_up().await;
    let odd = OddStore::start(Puts::Proven).await;
    stage.endpoint = odd.address;
    for path in ["", "/", "/storage/v1/s3", "/storage/v1/s3/", "/a%20b"] {
        stage.path = path;
        let before = odd.seen().len();
        let read_only = stage.succeed(&["check", "--read-only"]);
        assert!(read_only.contains("✓ put: not tried"), "{read_only}");
        let written = odd.seen().iter().skip(before).filter(|line| line.starts_with("PUT ")).count();
        assert_eq!(written, 0);
        assert!(stage.execute(&["check"]).status.code().is_some());
        let program = stage.run();
        let number = before.to_string();
        stage.publish(&number, &event(&number)).await;
        stage.all_settled().await;
        program.terminate();
        let bucket = format!("{}/{}", path.trim_end_matches('/'), stage.bucket);
        let seen = odd.seen();
        let count = |start: String| seen[before..].iter().filter(|line| line.starts_with(&start)).count();
        assert_eq!(count(format!("PUT {bucket}/sessions/_check/")), 1, "{seen:?}");
        let session = format!("PUT {bucket}/sessions/year%3D2025/month%3D10/day%3D29/{number}-AJ_1.json.gz");
        assert_eq!(count(session), 1, "{seen:?}");
        assert!(
            count(format!("HEAD {bucket}/")) >= 3 && count(format!("GET {bucket}/?list-type=2")) >= 3,
            "{seen:?}"
        );
        let elsewhere = seen[before..].iter().filter(|line| !line.contains(&format!(" {bucket}/"))).count();
        assert_eq!(elsewhere, 0, "{seen:?}");
    }
    assert_eq!(odd.wrongly_signed(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_no_bucket_can_follow_is_told_at_once() {
    let mut stage = Stage::bare().await;
    for (path, told) in [("/s3?x=secret", "has a query"), ("/s3#secret", "has a query or a fragment")] {
        stage.path = path;
        let log = stage.fail(&["run"]);
        assert!(log.contains(told) && !log.contains("secret"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_renewed_in_their_file_are_used_after_a_refusal() {
    let stage = Stage::set_up().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    let write = |key: &str, secret: &str| {
        let profile = format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
        std::fs::write(&file, profile).unwrap();
    };
    write("no-such-key", SECRET_KEY);
    let _program = stage.run_with_keys_of(&file);
    stage.publish("1", &event("first")).await;
    readyz(stage.http, 503, "the store answered 403 InvalidAccessKeyId; correct or renew the credentials")
        .await;
    write(ACCESS_KEY, "another-secret");
    readyz(stage.http, 503, "the store answered 403 SignatureDoesNotMatch; correct or renew the credentials")
        .await;
    write(ACCESS_KEY, SECRET_KEY);
    stage.all_settled().await;
    readyz(stage.http, 200, "ready").await;
    assert_eq!(stage.store.objects(&stage.bucket).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_end_while_messages_come_hold_them_until_there_are_others() {
    let mut stage = Stage::set_up().await;
    let proxy = Proxy::start(stage.store.port, Mode::Pass).await;
    stage.endpoint = proxy.address;
    let _program = stage.run();
    stage.publish("1", &event("before")).await;
    stage.all_settled().await;
    proxy.set(Mode::Answer(400, "ExpiredToken")).await;
    stage.publish("2", &event("after")).await;
    readyz(stage.http, 503, "the store answered 400 ExpiredToken; correct or renew the credentials").await;
    proxy.set(Mode::Pass).await;
    stage.all_settled().await;
    assert_eq!(stage.store.objects(&stage.bucket).await.len(), 2);
    assert_eq!(stage.dead_letters().await, 0);
}
