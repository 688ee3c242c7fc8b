//! Lost servers, deleted consumers, shutdowns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use schemas::names;
use sink::WriteError;
use test_servers::http::{metric, readyz};
use test_servers::{NatsServer, eventually};

use crate::scripted::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_nats_server_comes_back_and_the_sink_goes_on() {
    let mut nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let (writer, written) = scripted(|_| Ok(()));
    let sink = RunningSink::start(&nats, options(), writer);
    publish(&nats.jetstream().await, "before").await;
    eventually("the first is written", async || stems(&written) == ["before-AJ"]).await;

    nats.kill();
    readyz(sink.http, 503, "queue: not connected to NATS").await;
    nats.start_again().await;
    let jetstream = nats.jetstream().await;
    let returned = Instant::now();
    publish(&jetstream, "after").await;
    let after = "after-AJ".to_owned();
    eventually("the second is written", async || stems(&written).contains(&after)).await;
    assert!(returned.elapsed() < Duration::from_secs(20), "{:?}", returned.elapsed());
    readyz(sink.http, 200, "ready").await;
    assert!(sink.stop().await < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_starts_before_nats_waits_for_it() {
    let mut nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    publish(&nats.jetstream().await, "room").await;
    nats.kill();
    let (writer, written) = scripted(|_| Ok(()));
    let sink = RunningSink::start(&nats, options(), writer);
    readyz(sink.http, 503, "queue: not connected to NATS").await;
    nats.start_again().await;
    eventually("it is written", async || stems(&written) == ["room-AJ"]).await;
    sink.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_consumer_is_noticed_and_used_again_after_setup() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (writer, written) = scripted(|_| Ok(()));
    let sink = RunningSink::start(&nats, options(), writer);
    readyz(sink.http, 200, "ready").await;
    jetstream.delete_consumer_from_stream(NAME, names::SESSIONS_STREAM).await.unwrap();
    readyz(sink.http, 503, "run `sink-test setup`").await;
    publish(&jetstream, "room").await;
    set_up_again(&nats, &options()).await;
    eventually("it is written", async || stems(&written) == ["room-AJ"]).await;
    readyz(sink.http, 200, "ready").await;
    sink.stop().await;
}

/// Nobody is kept from publishing to an inbox, so this can end the client by which a sink acknowledges.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_ended_is_replaced() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let subject = format!("$JS.API.CONSUMER.INFO.SESSIONS.{NAME}");
    let mut looked_up = jetstream.client().subscribe(subject).await.unwrap();
    jetstream.client().flush().await.unwrap();
    let (writer, written) = scripted(|_| Ok(()));
    let sink = RunningSink::start(&nats, options(), writer);
    let inbox = looked_up.next().await.unwrap().reply.unwrap();
    readyz(sink.http, 200, "ready").await;
    for round in 0..3 {
        publish_raw(&nats, inbox.as_bytes(), &block(b"X-Trace: a\rb"), "").await;
        publish(&jetstream, &format!("room{round}")).await;
        eventually("it is written", async || stems(&written).len() > round).await;
    }
    all_settled(&jetstream).await;
    readyz(sink.http, 200, "ready").await;
    sink.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_finishes_what_is_in_flight_and_pulls_no_more() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    for session in 0..100 {
        publish(&jetstream, &format!("room{session:02}")).await;
    }
    let (mut writer, written) = scripted(|_| Ok(()));
    writer.takes = Duration::from_millis(200);
    let sink = RunningSink::start(&nats, options(), writer);
    eventually("writes are in flight", async || !stems(&written).is_empty()).await;
    let took = sink.stop().await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    let first = stems(&written);
    assert!(first.len() < 20, "it pulled on: {}", first.len());

    // The next one has only the rest, and has it now: nothing waits for an ack that was lost.
    let (writer, rest) = scripted(|_| Ok(()));
    let sink = RunningSink::start(&nats, options(), writer);
    eventually("the rest is written", async || stems(&rest).len() == 100 - first.len()).await;
    assert!(stems(&rest).iter().all(|stem| !first.contains(stem)));
    sink.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_in_an_outage_gives_the_held_messages_back() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    publish(&jetstream, "room").await;
    let down = Arc::new(AtomicBool::new(true));
    let (writer, _) = scripted({
        let down = Arc::clone(&down);
        move |_| match down.load(Ordering::SeqCst) {
            true => Err(WriteError::Unavailable {
                reason: "down".to_owned(),
                after: Some(Duration::from_secs(60)),
            }),
            false => Ok(()),
        }
    });
    let sink = RunningSink::start(&nats, options(), writer);
    readyz(sink.http, 503, "store: down").await;
    assert!(sink.stop().await < Duration::from_secs(5));
    let (writer, written) = scripted(|_| Ok(()));
    let sink = RunningSink::start(&nats, options(), writer);
    eventually("it is written", async || *written.lock().unwrap() == [("room-AJ".to_owned(), 2)]).await;
    assert_eq!(
        metric(sink.http, r#"postcall_sink_messages_total{outcome="written",sink="sink-test"}"#).await,
        1.0
    );
    sink.stop().await;
}
