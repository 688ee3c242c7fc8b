//! Messages that wait for something of their own: the others do not wait with them, and nobody waits unseen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::consumer::{FromConsumer as _, pull};
use schemas::names;
use sink::{SinkOptions, WriteError};
use test_servers::http::{metric, readyz};
use test_servers::{NatsServer, eventually};

use crate::scripted::*;

fn locked() -> WriteError {
    WriteError::Retry { reason: "row locked".to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_messages_wait_for_their_records_the_others_go_on() {
    let nats = NatsServer::start().await;
    let sink = SinkOptions { max_batch: 200, max_concurrent_writes: 1, ..options() };
    set_up(&nats, &sink, &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let mut acks = Vec::new();
    for session in 0..4_300 {
        let payload = payload(&format!("locked{session}"));
        acks.push(jetstream.publish(names::SESSION_ENDED_V1, payload.into()).await.unwrap());
        if acks.len() == 200 {
            for ack in acks.drain(..) {
                ack.await.unwrap();
            }
        }
    }
    for ack in acks {
        ack.await.unwrap();
    }
    publish(&jetstream, "free").await;
    let (writer, written) = scripted(|message| match message.event.identity.session_id.as_str() {
        "free" => Ok(()),
        _ => Err(locked()),
    });
    let flags = ["--max-attempts", "1000"];
    let running = RunningSink::start_with(&nats.url(), sink, writer, &flags);
    eventually("the free one is written", async || stems(&written) == ["free-AJ"]).await;
    assert_eq!(dead_letters(&jetstream).await, 0);
    readyz(running.http, 200, "ready").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_window_is_said() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    set_window(&jetstream, 4).await;
    let (writer, written) = scripted(|message| match message.event.identity.session_id.as_str() {
        "free" => Ok(()),
        _ => Err(locked()),
    });
    let flags = ["--max-attempts", "1000"];
    let running = RunningSink::start_with(&nats.url(), options(), writer, &flags);
    for session in 0..6 {
        publish(&jetstream, &format!("locked{session}")).await;
    }
    publish(&jetstream, "free").await;
    let body = readyz(running.http, 503, "window: 4 messages").await;
    assert!(body.contains("`sink-test setup` takes the limit away"), "{body}");
    assert_eq!(metric(running.http, r#"postcall_sink_window{sink="sink-test"}"#).await, 4.0);
    assert_eq!(metric(running.http, r#"postcall_sink_unsettled{sink="sink-test"}"#).await, 4.0);
    assert_eq!(metric(running.http, r#"postcall_sink_undelivered{sink="sink-test"}"#).await, 3.0);

    set_up(&nats, &options(), &[]).await.unwrap();
    eventually("the free one is written", async || stems(&written) == ["free-AJ"]).await;
    readyz(running.http, 200, "ready").await;
    running.stop().await;
}

async fn set_window(jetstream: &async_nats::jetstream::Context, max_ack_pending: i64) {
    let stream = jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap();
    let config = stream.consumer_info(NAME).await.unwrap().config;
    let config = pull::Config::try_from_consumer_config(config).unwrap();
    stream.create_consumer(pull::Config { max_ack_pending, ..config }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_a_new_stream_is_not_blamed_for_one_of_the_old() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let tries = Arc::new(Mutex::new(HashMap::<String, u32>::new()));
    let (writer, _) = scripted({
        let tries = Arc::clone(&tries);
        move |message| {
            let session = message.event.identity.session_id.as_str().to_owned();
            *tries.lock().unwrap().entry(session).or_default() += 1;
            Err(locked())
        }
    });
    // Three tries, and the second has its pause.
    let running = RunningSink::start(&nats, options(), writer);
    publish(&jetstream, "old").await;
    eventually("two tries", async || tries.lock().unwrap().get("old") == Some(&2)).await;
    jetstream.delete_stream(names::SESSIONS_STREAM).await.unwrap();
    set_up(&nats, &options(), &[]).await.unwrap();
    publish(&jetstream, "new").await;
    eventually("a dead letter", async || dead_letters(&jetstream).await >= 1).await;
    all_settled(&jetstream).await;
    assert_eq!(tries.lock().unwrap()["new"], 3);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_hold_is_counted_and_a_shutdown_ends_it() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (writer, _) = scripted(|_| {
        let after = Some(Duration::from_secs(u64::MAX));
        Err(WriteError::Unavailable { reason: "the day's limit".to_owned(), after })
    });
    let running = RunningSink::start(&nats, options(), writer);
    publish(&jetstream, "room").await;
    readyz(running.http, 503, "store: the day's limit").await;
    eventually("a long hold", async || {
        metric(running.http, r#"postcall_sink_long_holds{sink="sink-test"}"#).await == 1.0
    })
    .await;
    assert!(running.stop().await < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_store_is_asked_again_soon_whatever_it_says() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let tries = Arc::new(Mutex::new(0));
    let (writer, written) = scripted(move |message| {
        if message.event.identity.session_id.as_str() == "held" {
            let mut tries = tries.lock().unwrap();
            *tries += 1;
            if *tries == 1 {
                let after = Some(Duration::from_secs(86_400));
                return Err(WriteError::Busy { reason: "503 SlowDown".to_owned(), after });
            }
        }
        Ok(())
    });
    let running = RunningSink::start(&nats, options(), writer);
    publish(&jetstream, "held").await;
    publish(&jetstream, "other").await;
    eventually("both are written", async || stems(&written) == ["held-AJ", "other-AJ"]).await;
    running.stop().await;
}
