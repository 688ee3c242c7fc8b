//! Secrets that change while a program runs.

use std::time::Duration;

use tempfile::TempDir;
use test_servers::{NatsServer, eventually};

use crate::nats::fixtures::{answers, connected, settings, trouble};
use crate::nats::jwt::Operator;

const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn credentials_that_ended_are_read_again_until_they_are_good() {
    let operator = Operator::new();
    let nats = NatsServer::start_with(&operator.configuration()).await;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sink.creds");
    let file = path.to_str().unwrap();
    operator.write_credentials(&path, Duration::from_secs(4));
    let connection = settings(&nats.url(), &["--nats-creds", file]).keep_connected("test").await.unwrap();
    connected(&connection).await;
    assert!(answers(&connection).await);

    let why = trouble(&connection, "authorization violation").await;
    assert_eq!(
        why,
        format!("not connected to NATS: authorization violation: correct or renew NATS_CREDS, {file}")
    );
    // Several refusals, none of which is the last try.
    tokio::time::sleep(Duration::from_secs(5)).await;
    std::fs::write(&path, "half a fi").unwrap();
    let why = trouble(&connection, "it has no JWT").await;
    assert!(why.contains(file), "{why}");
    std::fs::remove_file(&path).unwrap();
    trouble(&connection, "No such file").await;
    operator.write_credentials(&path, LONG);
    connected(&connection).await;
    eventually("an answer", async || answers(&connection).await).await;
}

#[tokio::test]
async fn credentials_that_are_renewed_in_time_are_used_at_the_next_connection() {
    let operator = Operator::new();
    let mut nats = NatsServer::start_with(&operator.configuration()).await;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sink.creds");
    operator.write_credentials(&path, Duration::from_secs(3));
    let settings = settings(&nats.url(), &["--nats-creds", path.to_str().unwrap()]);
    let connection = settings.keep_connected("test").await.unwrap();
    connected(&connection).await;
    operator.write_credentials(&path, LONG);
    nats.kill();
    trouble(&connection, "Connection refused").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    nats.start_again().await;
    connected(&connection).await;
    eventually("an answer", async || answers(&connection).await).await;
}

#[tokio::test]
async fn a_password_that_was_changed_is_read_from_its_file() {
    let user =
        |password: &str| format!("authorization {{ users: [{{user: sink, password: \"{password}\"}}] }}\n");
    let mut nats = NatsServer::start_with(&user("first")).await;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "first\n").unwrap();
    let flags = ["--nats-user", "sink", "--nats-password-file", path.to_str().unwrap()];
    let connection = settings(&nats.url(), &flags).keep_connected("test").await.unwrap();
    connected(&connection).await;

    nats.kill();
    nats.configure(&user("second"));
    nats.start_again().await;
    let why = trouble(&connection, "authorization violation").await;
    assert!(why.contains("renew NATS_USER and NATS_PASSWORD, ") && why.contains("password"), "{why}");
    std::fs::write(&path, "second\n").unwrap();
    connected(&connection).await;
    eventually("an answer", async || answers(&connection).await).await;
}

#[tokio::test]
async fn a_token_and_a_seed_are_read_from_their_files() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("secret");
    let user = nkeys::KeyPair::new_user();
    for (flag, wrong, secret, configuration) in [
        ("--nats-token-file", "no", "t=k/n", "authorization { token: \"t=k/n\" }\n".to_owned()),
        (
            "--nats-nkey-file",
            nkeys::KeyPair::new_user().seed().unwrap().as_str(),
            user.seed().unwrap().as_str(),
            format!("authorization {{ users: [{{nkey: {}}}] }}\n", user.public_key()),
        ),
    ] {
        let nats = NatsServer::start_with(&configuration).await;
        std::fs::write(&path, wrong).unwrap();
        let settings = settings(&nats.url(), &[flag, path.to_str().unwrap()]);
        let connection = settings.keep_connected("test").await.unwrap();
        trouble(&connection, "authorization violation").await;
        std::fs::write(&path, secret).unwrap();
        connected(&connection).await;
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_told_before_the_network_is_touched() {
    for flags in [
        ["--nats-creds", "/no/such/file"],
        ["--nats-nkey-file", "/no/such/file"],
        ["--nats-ca-file", "/no/such/file"],
    ] {
        let error = settings("nats://127.0.0.1:1", &flags).keep_connected("test").await.err().unwrap();
        assert!(format!("{error:#}").contains("/no/such/file"), "{error:#}");
    }
}
