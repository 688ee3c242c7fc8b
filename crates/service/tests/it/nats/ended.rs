//! A client whose own task is no more.

use std::time::Duration;

use test_servers::{NatsServer, eventually};
use tokio::time::timeout;

use crate::nats::fixtures::{answers, connected, settings};

#[tokio::test]
async fn a_client_that_panicked_is_seen_and_another_takes_its_place() {
    let nats = NatsServer::start().await;
    let connection = settings(&nats.url(), &[]).keep_connected("test").await.unwrap();
    connected(&connection).await;
    let subscription = connection.jetstream.client().subscribe("odd").await.unwrap();
    assert!(answers(&connection).await && !connection.has_ended());

    nats.publish_with_header("odd", b"X-Trace: a\rb");
    timeout(Duration::from_secs(60), connection.ended()).await.unwrap();
    assert!(connection.has_ended());
    assert_eq!(connection.trouble().as_deref(), Some("the NATS client has ended"));
    assert!(!connection.clone().wait(drop).await);
    drop(subscription);

    let renewed = connection.renew().await;
    connected(&renewed).await;
    eventually("an answer", async || answers(&renewed).await).await;
    assert!(!renewed.has_ended());
}
