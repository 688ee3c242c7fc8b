//! A cluster of three nats-servers, which deliver a message when they agree that it was delivered.

use std::time::Duration;

use sink::SinkOptions;
use test_servers::{NatsCluster, eventually};

use crate::scripted::*;

/// Several times as many as are asked for at a time.
const EVENTS: usize = 60;

/// A server says that a request is done before it sends the last message, and who does not wait for it gets it after its
/// `ack_wait`.
#[tokio::test(flavor = "multi_thread")]
async fn each_message_comes_at_its_first_delivery() {
    let cluster = NatsCluster::start().await;
    let patient = SinkOptions { write_timeout: Duration::from_secs(600), ..options() };
    set_up_at(&cluster.url(), &patient, &["--replicas", "3"]).await.unwrap();
    let jetstream = cluster.jetstream().await;
    for number in 0..EVENTS {
        publish(&jetstream, &format!("room{number:02}")).await;
    }
    let (writer, written) = scripted(|_| Ok(()));
    let sink = RunningSink::start_at(&cluster.url(), patient, writer);
    eventually("all are written", async || stems(&written).len() == EVENTS).await;
    all_settled(&jetstream).await;
    let first = (0..EVENTS).map(|number| (format!("room{number:02}-AJ"), 1));
    let mut written = written.lock().unwrap().clone();
    written.sort();
    assert_eq!(written, first.collect::<Vec<_>>());
    sink.stop().await;
}
