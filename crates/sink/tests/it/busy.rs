//! A store that is there and refuses some writes, or all of them for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use sink::{SinkOptions, WriteError};
use test_servers::http::{metric, readyz};
use test_servers::{NatsServer, eventually};

use crate::scripted::{RunningSink, all_settled, dead_letters, options, publish, scripted, set_up, stems};

fn busy() -> WriteError {
    WriteError::Busy { reason: "503 SlowDown".to_owned(), after: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_a_busy_store_refuses_is_made_again_and_the_others_go_on() {
    let nats = NatsServer::start().await;
    let sink = SinkOptions { max_concurrent_writes: 16, ..options() };
    set_up(&nats, &sink, &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    for session in 0..300 {
        publish(&jetstream, &format!("room{session:03}")).await;
    }
    let calls = AtomicU32::new(0);
    // The first of five, so also the first of all.
    let (writer, written) =
        scripted(
            move |_| {
                if calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(5) { Err(busy()) } else { Ok(()) }
            },
        );
    let sink = RunningSink::start(&nats, sink, writer);
    eventually("all are written", async || stems(&written).len() == 300).await;
    all_settled(&jetstream).await;
    assert!(written.lock().unwrap().iter().all(|(_, attempt)| *attempt == 1), "nothing was delivered twice");
    assert_eq!(metric(sink.http, r#"postcall_sink_concurrency{sink="sink-test"}"#).await, 16.0);
    assert!(metric(sink.http, r#"postcall_sink_store_retries_total{sink="sink-test"}"#).await >= 74.0);
    assert_eq!(metric(sink.http, r#"postcall_sink_paused{sink="sink-test"}"#).await, 0.0);
    assert_eq!(dead_letters(&jetstream).await, 0);
    sink.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_busy_and_nothing_else_is_an_outage() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let down = Arc::new(AtomicBool::new(true));
    let (writer, written) = scripted({
        let down = Arc::clone(&down);
        move |_| if down.load(Ordering::SeqCst) { Err(busy()) } else { Ok(()) }
    });
    let sink = RunningSink::start(&nats, options(), writer);
    for session in 0..30 {
        publish(&jetstream, &format!("room{session:02}")).await;
    }
    assert_eq!(readyz(sink.http, 503, "store").await, "store: 503 SlowDown\n");
    assert_eq!(metric(sink.http, r#"postcall_sink_paused{sink="sink-test"}"#).await, 1.0);
    let in_flight = metric(sink.http, r#"postcall_sink_in_flight{sink="sink-test"}"#).await;
    eventually("one write at a time", async || {
        metric(sink.http, r#"postcall_sink_concurrency{sink="sink-test"}"#).await == 1.0
    })
    .await;
    assert_eq!(
        metric(sink.http, r#"postcall_sink_in_flight{sink="sink-test"}"#).await,
        in_flight,
        "none is pulled"
    );
    down.store(false, Ordering::SeqCst);
    readyz(sink.http, 200, "ready").await;
    all_settled(&jetstream).await;
    assert_eq!(stems(&written).len(), 30);
    assert_eq!(dead_letters(&jetstream).await, 0);
    assert!(sink.stop().await < Duration::from_secs(1));
}
