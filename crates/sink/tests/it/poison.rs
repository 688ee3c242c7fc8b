//! One message that the store does not take, whatever it answers for it: the others are written, and it ends as a dead letter.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sink::{Message, SinkOptions, WriteError, Writer, Written};
use test_servers::http::{metric, readyz};
use test_servers::{NatsServer, eventually};

use crate::scripted::*;

fn busy() -> WriteError {
    WriteError::Busy { reason: "500 InternalError".to_owned(), after: None }
}

fn unavailable() -> WriteError {
    WriteError::Unavailable { reason: "403 text/html".to_owned(), after: None }
}

fn is_poison(message: &Message) -> bool {
    message.event.identity.session_id.as_str().starts_with("poison")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_that_the_store_does_not_take_stops_no_other_and_ends_as_a_dead_letter() {
    for refusal in [busy, unavailable] {
        let nats = NatsServer::start().await;
        set_up(&nats, &options(), &[]).await.unwrap();
        let jetstream = nats.jetstream().await;
        let (writer, written) =
            scripted(move |message| if is_poison(message) { Err(refusal()) } else { Ok(()) });
        let running = RunningSink::start_with(&nats.url(), options(), writer, &["--max-attempts", "2"]);
        publish(&jetstream, "poison").await;
        // It is alone, so it is the store's fault for all that is known.
        readyz(running.http, 503, "store: ").await;
        for session in 0..20 {
            publish(&jetstream, &format!("room{session:02}")).await;
        }
        eventually("the others are written", async || stems(&written).len() == 20).await;
        let session = AtomicUsize::new(20);
        eventually("the one is a dead letter", async || {
            publish(&jetstream, &format!("room{:02}", session.fetch_add(1, Ordering::SeqCst))).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            dead_letters(&jetstream).await == 1
        })
        .await;
        all_settled(&jetstream).await;
        assert!(stems(&written).iter().all(|stem| stem.starts_with("room")));
        readyz(running.http, 200, "ready").await;
        let letters = jetstream.get_stream(schemas::names::DEAD_LETTERS_STREAM).await.unwrap();
        let letter = letters.get_raw_message(1).await.unwrap();
        let error = letter.headers.get(schemas::names::header::DEAD_LETTER_ERROR).unwrap().as_str();
        assert!(error.contains("others were written meanwhile"), "{error}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_as_there_are_places_stop_no_other() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (writer, written) =
        scripted(move |message| if is_poison(message) { Err(unavailable()) } else { Ok(()) });
    let running = RunningSink::start(&nats, options(), writer);
    for session in 0..7 {
        publish(&jetstream, &format!("poison{session}")).await;
    }
    readyz(running.http, 503, "store: ").await;
    for session in 0..20 {
        publish(&jetstream, &format!("room{session:02}")).await;
    }
    eventually("the others are written", async || stems(&written).len() == 20).await;
    running.stop().await;
}

/// Refuses a whole batch where one of it is the one.
struct RefusesBatch {
    written: Arc<AtomicUsize>,
}

impl Writer for RefusesBatch {
    async fn write(&self, batch: &[Message]) -> Vec<Result<Written, WriteError>> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if batch.iter().any(is_poison) {
            return vec![Err(unavailable()); batch.len()];
        }
        self.written.fetch_add(batch.len(), Ordering::SeqCst);
        vec![Ok(Written { outcome: "written" }); batch.len()]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_batch_that_is_refused_only_the_one_is_blamed() {
    let nats = NatsServer::start().await;
    let sink = SinkOptions { max_batch: 20, max_concurrent_writes: 2, ..options() };
    set_up(&nats, &sink, &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    for session in 0..20 {
        publish(&jetstream, &format!("room{session:02}")).await;
        if session == 7 {
            publish(&jetstream, "poison").await;
        }
    }
    let written = Arc::new(AtomicUsize::new(0));
    let writer = RefusesBatch { written: Arc::clone(&written) };
    let running = RunningSink::start_with(&nats.url(), sink, writer, &["--max-attempts", "1"]);
    let session = AtomicUsize::new(20);
    eventually("a dead letter", async || {
        publish(&jetstream, &format!("room{:02}", session.fetch_add(1, Ordering::SeqCst))).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        dead_letters(&jetstream).await == 1
    })
    .await;
    all_settled(&jetstream).await;
    assert_eq!(dead_letters(&jetstream).await, 1);
    assert_eq!(written.load(Ordering::SeqCst), session.load(Ordering::SeqCst));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_blames_nobody_however_long_it_is_tried() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let down = Arc::new(AtomicBool::new(false));
    let (writer, written) = scripted({
        let down = Arc::clone(&down);
        move |message| match down.load(Ordering::SeqCst) {
            false => Ok(()),
            true if message.stream_sequence % 2 == 0 => Err(busy()),
            true => Err(unavailable()),
        }
    });
    let running = RunningSink::start_with(&nats.url(), options(), writer, &["--max-attempts", "1"]);
    for round in 0..3 {
        for session in 0..10 {
            publish(&jetstream, &format!("room{round}{session}")).await;
        }
        all_settled(&jetstream).await;
        down.store(true, Ordering::SeqCst);
        for session in 10..30 {
            publish(&jetstream, &format!("room{round}{session}")).await;
        }
        readyz(running.http, 503, "store: ").await;
        tokio::time::sleep(Duration::from_secs(8)).await;
        down.store(false, Ordering::SeqCst);
        all_settled(&jetstream).await;
        readyz(running.http, 200, "ready").await;
    }
    assert_eq!(stems(&written).len(), 90);
    assert!(written.lock().unwrap().iter().all(|(_, attempt)| *attempt == 1), "nothing was delivered twice");
    assert_eq!(dead_letters(&jetstream).await, 0);
    assert_eq!(
        metric(running.http, r#"postcall_sink_messages_total{outcome="retried",sink="sink-test"}"#).await,
        0.0
    );
    running.stop().await;
}
