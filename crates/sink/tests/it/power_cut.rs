//! A server that acknowledges before it syncs, and loses its power in between.

use std::time::Duration;

use schemas::names;
use sink::{PERMANENT, WriteError};
use test_servers::{NatsServer, eventually};
use tokio::time::sleep;

use crate::scripted::*;

/// The server writes down what a consumer has settled a moment later.
const CONSUMER_SAVED: Duration = Duration::from_secs(3);

fn refuses() -> Result<(), WriteError> {
    Err(WriteError::Reject { outcome: PERMANENT, reason: "never".to_owned() })
}

/// How many dead letters there are after a cut that took back the one that there was.
async fn letters_after_a_power_cut(sync_interval: &str) -> u64 {
    let mut nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let on_disk = nats.on_disk();
    let (writer, _) = scripted(|_| refuses());
    let sink =
        RunningSink::start_with(&nats.url(), options(), writer, &["--nats-sync-interval", sync_interval]);
    publish(&jetstream, "room").await;
    eventually("a dead letter", async || dead_letters(&jetstream).await == 1).await;
    let is_settled = async || test_servers::all_settled(&jetstream, names::SESSIONS_STREAM, NAME).await;
    if sync_interval == "always" {
        eventually("it is settled", is_settled).await;
        sleep(CONSUMER_SAVED).await;
    }
    nats.lose_messages(names::DEAD_LETTERS_STREAM, &on_disk);
    nats.start_again().await;
    let jetstream = nats.jetstream().await;
    assert_eq!(dead_letters(&jetstream).await, 0);
    eventually("it is settled", async || {
        test_servers::all_settled(&jetstream, names::SESSIONS_STREAM, NAME).await
    })
    .await;
    sink.stop().await;
    dead_letters(&jetstream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_a_power_cut_took_is_stored_again() {
    assert_eq!(letters_after_a_power_cut("always").await, 0, "the server did not sync always: it is lost");
    assert_eq!(letters_after_a_power_cut("1s").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_settled_when_its_letter_is_safe_and_has_one_letter() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (writer, _) = scripted(|_| refuses());
    let sink = RunningSink::start_with(&nats.url(), options(), writer, &["--nats-sync-interval", "2s"]);
    publish(&jetstream, "room").await;
    eventually("a dead letter", async || dead_letters(&jetstream).await == 1).await;
    sleep(Duration::from_secs(2)).await;
    assert!(!test_servers::all_settled(&jetstream, names::SESSIONS_STREAM, NAME).await);
    all_settled(&jetstream).await;
    sink.stop().await;
    assert_eq!(dead_letters(&jetstream).await, 1);
}

/// What the server knows of the consumer may be on its disk when the newest messages are not: those that come in their place have
/// sequences that the consumer has settled.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_after_a_power_cut_is_written_though_the_consumer_was_further() {
    let mut nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (writer, written) = scripted(|_| Ok(()));
    let sink = RunningSink::start(&nats, options(), writer);
    publish(&jetstream, "first").await;
    all_settled(&jetstream).await;
    let on_disk = nats.on_disk();
    for lost in ["lost-1", "lost-2"] {
        publish(&jetstream, lost).await;
    }
    all_settled(&jetstream).await;
    sleep(CONSUMER_SAVED).await;
    nats.lose_messages(names::SESSIONS_STREAM, &on_disk);
    nats.start_again().await;
    let jetstream = nats.jetstream().await;
    for again in ["lost-1", "lost-2", "new"] {
        publish(&jetstream, again).await;
    }
    eventually("all are written", async || stems(&written).iter().any(|stem| stem == "new-AJ")).await;
    all_settled(&jetstream).await;
    sink.stop().await;
}
