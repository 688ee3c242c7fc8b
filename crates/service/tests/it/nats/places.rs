//! Servers that are away, and others in their place.

use test_servers::{NatsServer, eventually, free_port};

use crate::nats::fixtures::{answers, connected, settings, trouble};

fn only(user: &str) -> String {
    format!("authorization {{ users: [{{user: {user}, password: \"of-{user}\"}}] }}\n")
}

#[tokio::test]
async fn each_server_of_a_list_has_its_own_user() {
    let mut one = NatsServer::start_with(&only("one")).await;
    let mut two = NatsServer::start_with(&only("two")).await;
    let list = format!("{},{}", one.url_for("one", "of-one"), two.url_for("two", "of-two"));
    let connection = settings(&list, &[]).keep_connected("test").await.unwrap();
    for _ in 0..2 {
        one.kill();
        connected(&connection).await;
        eventually("an answer of the second", async || answers(&connection).await).await;
        one.start_again().await;
        two.kill();
        connected(&connection).await;
        eventually("an answer of the first", async || answers(&connection).await).await;
        two.start_again().await;
    }
}

#[tokio::test]
async fn a_list_is_gone_through_to_its_end() {
    let nats = NatsServer::start_with(&only("sink")).await;
    let list = format!(
        "nats://a:b@no-such-host.invalid:4222,nats://127.0.0.1:{},{}",
        free_port(),
        nats.url_for("sink", "of-sink")
    );
    // A host that is not this machine would learn a password.
    let settings = settings(&list, &["--nats-allow-plain-text"]);
    assert!(settings.connect("test").await.is_ok());
    for _ in 0..5 {
        let connection = settings.keep_connected("test").await.unwrap();
        connected(&connection).await;
    }
}

#[tokio::test]
async fn each_reason_is_named() {
    let port = free_port();
    let list = format!("nats://127.0.0.1:{port},nats://no-such-host.invalid");
    let mut connection = settings(&list, &[]).keep_connected("test").await.unwrap();
    assert_eq!(connection.trouble().as_deref(), Some("not connected to NATS: no server was reached yet"));
    let why = trouble(&connection, "; ").await;
    assert_eq!(
        why,
        format!(
            "not connected to NATS: 127.0.0.1:{port}: Connection refused (os error 111); \
             no-such-host.invalid:4222: its name cannot be resolved"
        )
    );
    let mut told = Vec::new();
    let waiting = connection.wait(|reason| told.push(reason));
    assert!(tokio::time::timeout(std::time::Duration::from_millis(100), waiting).await.is_err());
    assert_eq!(told, [why]);

    let nats = NatsServer::start_with(&only("sink")).await;
    let connection = settings(&nats.url(), &[]).keep_connected("test").await.unwrap();
    trouble(&connection, "authorization violation: set NATS_CREDS, or NATS_USER and NATS_PASSWORD").await;
}

#[tokio::test]
async fn answers_come_below_the_prefix_that_is_set() {
    let nats = NatsServer::start_with(
        "authorization { users: [{user: s, password: p, permissions: {publish: \">\", subscribe: \"_INBOX_s.>\"}}] }\n",
    )
    .await;
    let url = nats.url_for("s", "p");
    let with_prefix = settings(&url, &["--nats-inbox-prefix", "_INBOX_s"]).connect("test").await.unwrap();
    assert!(with_prefix.query_account().await.is_ok());
}
