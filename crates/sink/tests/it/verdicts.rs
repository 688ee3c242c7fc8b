//! What becomes of a message, by the writer's answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use schemas::names;
use sink::{Message, PERMANENT, SinkOptions, WriteError, Writer, Written};
use test_servers::http::{metric, readyz};
use test_servers::{NatsServer, eventually, set_ack_wait};
use tokio::sync::Semaphore;

use crate::scripted::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_written_and_acked_once() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    for session in 0..200 {
        publish(&jetstream, &format!("room{session:03}")).await;
    }
    let (writer, written) = scripted(|_| Ok(()));
    let sink = RunningSink::start(&nats, options(), writer);
    readyz(sink.http, 200, "ready").await;
    all_settled(&jetstream).await;
    let expected: Vec<_> = (0..200).map(|session| format!("room{session:03}-AJ")).collect();
    assert_eq!(stems(&written), expected);
    let settled =
        metric(sink.http, r#"postcall_sink_messages_total{outcome="written",sink="sink-test"}"#).await;
    assert_eq!(settled, 200.0);
    assert_eq!(metric(sink.http, r#"postcall_sink_in_flight{sink="sink-test"}"#).await, 0.0);
    assert_eq!(dead_letters(&jetstream).await, 0);
    sink.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn own_faults_are_tried_again_and_end_as_dead_letters() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let tries = Arc::new(Mutex::new(HashMap::<String, u32>::new()));
    let (writer, written) = scripted({
        let tries = Arc::clone(&tries);
        move |message| {
            let session = message.event.identity.session_id.as_str().to_owned();
            let mut tries = tries.lock().unwrap();
            let tries = tries.entry(session.clone()).or_default();
            *tries += 1;
            match session.as_str() {
                "locked-once" if *tries == 1 => Err(WriteError::Retry { reason: "row locked".to_owned() }),
                "always-locked" => Err(WriteError::Retry { reason: "row locked".to_owned() }),
                "impossible" => {
                    Err(WriteError::Reject { outcome: PERMANENT, reason: "too large".to_owned() })
                }
                _ => Ok(()),
            }
        }
    });
    let sink = RunningSink::start(&nats, options(), writer);
    for session in ["locked-once", "always-locked", "impossible", "fine"] {
        publish(&jetstream, session).await;
    }
    eventually("two dead letters", async || dead_letters(&jetstream).await == 2).await;
    all_settled(&jetstream).await;
    assert_eq!(stems(&written), ["fine-AJ", "locked-once-AJ"]);
    let tries = tries.lock().unwrap().clone();
    assert_eq!((tries["always-locked"], tries["impossible"], tries["locked-once"]), (3, 1, 2));
    assert_eq!(
        metric(sink.http, r#"postcall_sink_messages_total{outcome="retried",sink="sink-test"}"#).await,
        3.0
    );
    sink.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unavailable_store_pauses_and_dead_letters_nothing() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (down, calls) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU32::new(0)));
    let (writer, written) = scripted({
        let (down, calls) = (Arc::clone(&down), Arc::clone(&calls));
        move |_| {
            calls.fetch_add(1, Ordering::SeqCst);
            if down.load(Ordering::SeqCst) {
                return Err(WriteError::Unavailable { reason: "503 SlowDown".to_owned(), after: None });
            }
            Ok(())
        }
    });
    let sink = RunningSink::start(&nats, options(), writer);
    for session in 0..50 {
        publish(&jetstream, &format!("room{session:02}")).await;
    }
    let body = readyz(sink.http, 503, "store").await;
    assert_eq!(body, "store: 503 SlowDown\n");
    eventually("each message in flight was tried at least five times in a row", async || {
        calls.load(Ordering::SeqCst) >= 20
    })
    .await;
    assert_eq!(metric(sink.http, r#"postcall_sink_paused{sink="sink-test"}"#).await, 1.0);
    let in_flight = metric(sink.http, r#"postcall_sink_in_flight{sink="sink-test"}"#).await;
    assert!((4.0..=8.0).contains(&in_flight), "places for eight messages, but {in_flight} in flight");
    down.store(false, Ordering::SeqCst);
    readyz(sink.http, 200, "ready").await;
    all_settled(&jetstream).await;
    assert_eq!(stems(&written).len(), 50);
    assert!(written.lock().unwrap().iter().all(|(_, attempt)| *attempt == 1), "nothing was delivered twice");
    assert_eq!(dead_letters(&jetstream).await, 0);
    assert_eq!(metric(sink.http, r#"postcall_sink_paused{sink="sink-test"}"#).await, 0.0);
    sink.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_fill_within_the_linger_and_each_message_has_its_own_verdict() {
    let nats = NatsServer::start().await;
    let sink = SinkOptions {
        max_batch: 20,
        max_concurrent_writes: 1,
        linger: Duration::from_millis(200),
        ..options()
    };
    set_up(&nats, &sink, &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (writer, written) = scripted(|message| match message.event.identity.session_id.as_str() {
        "room07" => Err(WriteError::Reject { outcome: PERMANENT, reason: "no".to_owned() }),
        _ => Ok(()),
    });
    let batches = Arc::clone(&writer.batches);
    for session in 0..50 {
        publish(&jetstream, &format!("room{session:02}")).await;
    }
    let sink = RunningSink::start(&nats, sink, writer);
    eventually("49 are written", async || stems(&written).len() == 49).await;
    all_settled(&jetstream).await;
    assert_eq!(*batches.lock().unwrap(), [20, 20, 10]);
    assert_eq!(dead_letters(&jetstream).await, 1);
    sink.stop().await;
}

/// Answers as often as it is let.
struct Gated {
    gate: Arc<Semaphore>,
    batches: Arc<Mutex<Vec<usize>>>,
}

impl Writer for Gated {
    async fn write(&self, batch: &[Message]) -> Vec<Result<Written, WriteError>> {
        self.batches.lock().unwrap().push(batch.len());
        self.gate.acquire().await.unwrap().forget();
        vec![Ok(Written { outcome: "written" }); batch.len()]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_a_batch_waits_for_its_turn_goes_with_it() {
    let nats = NatsServer::start().await;
    let sink = SinkOptions { max_batch: 20, max_concurrent_writes: 1, ..options() };
    set_up(&nats, &sink, &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (gate, batches) = (Arc::new(Semaphore::new(0)), Arc::default());
    let writer = Gated { gate: Arc::clone(&gate), batches: Arc::clone(&batches) };
    let sink = RunningSink::start(&nats, sink, writer);
    publish(&jetstream, "first").await;
    eventually("the first is with the writer", async || *batches.lock().unwrap() == [1]).await;
    for session in 0..39 {
        publish(&jetstream, &format!("room{session:02}")).await;
    }
    eventually("all are in flight", async || {
        metric(sink.http, r#"postcall_sink_in_flight{sink="sink-test"}"#).await == 40.0
    })
    .await;
    gate.add_permits(100);
    all_settled(&jetstream).await;
    assert_eq!(*batches.lock().unwrap(), [1, 20, 19]);
    sink.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_waits_for_no_more_than_there_is_room_for() {
    let nats = NatsServer::start().await;
    let linger = Duration::from_secs(600);
    let sink = SinkOptions { max_batch: 20, max_concurrent_writes: 1, linger, ..options() };
    set_up(&nats, &sink, &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (writer, written) = scripted(|_| Ok(()));
    let sink = RunningSink::start_with(&nats.url(), sink, writer, &["--max-mib-in-flight", "1"]);
    for session in 0..4 {
        let payload = serde_json::json!({ "session_id": format!("room{session}"), "job_id": "AJ",
            "end_time": "2025-10-29T12:00:00Z", "transcript": "x".repeat(300 * 1024) });
        publish_bytes(&jetstream, &format!("room{session}-AJ"), payload.to_string()).await;
    }
    eventually("the three that there is room for", async || written.lock().unwrap().len() == 3).await;
    sink.stop().await;
    assert_eq!(written.lock().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_or_a_missing_answer_is_the_messages_own_fault() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (writer, written) = scripted(|message| {
        assert_ne!(message.event.identity.session_id.as_str(), "poison", "a bug in the writer");
        Ok(())
    });
    let sink = RunningSink::start(&nats, options(), writer);
    publish(&jetstream, "poison").await;
    publish(&jetstream, "fine").await;
    eventually("one dead letter", async || dead_letters(&jetstream).await == 1).await;
    all_settled(&jetstream).await;
    assert_eq!(stems(&written), ["fine-AJ"]);
    sink.stop().await;
}

/// Fails as a whole where a message of the batch is the one.
struct FailsWithPoison {
    panics: bool,
}

impl Writer for FailsWithPoison {
    async fn write(&self, batch: &[Message]) -> Vec<Result<Written, WriteError>> {
        tokio::task::yield_now().await;
        let poison = |message: &Message| message.event.identity.session_id.as_str().starts_with("poison");
        if batch.iter().any(poison) {
            assert!(!self.panics, "a bug in the writer");
            return Vec::new();
        }
        vec![Ok(Written { outcome: "written" }); batch.len()]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_message_at_which_the_writer_fails_is_blamed() {
    for panics in [true, false] {
        let nats = NatsServer::start().await;
        let sink = SinkOptions { max_batch: 200, max_concurrent_writes: 1, ..options() };
        set_up(&nats, &sink, &[]).await.unwrap();
        let jetstream = nats.jetstream().await;
        for session in 0..198 {
            publish(&jetstream, &format!("room{session:03}")).await;
            if session % 99 == 50 {
                publish(&jetstream, &format!("poison{session}")).await;
            }
        }
        let running = RunningSink::start(&nats, sink, FailsWithPoison { panics });
        all_settled(&jetstream).await;
        assert_eq!(dead_letters(&jetstream).await, 2);
        let written = r#"postcall_sink_messages_total{outcome="written",sink="sink-test"}"#;
        assert_eq!(metric(running.http, written).await, 198.0);
        let retried = r#"postcall_sink_messages_total{outcome="retried",sink="sink-test"}"#;
        assert_eq!(metric(running.http, retried).await, 4.0, "two more tries for each of the two");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_longer_than_the_ack_wait_is_not_delivered_again() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let second = Duration::from_secs(1);
    set_ack_wait(&jetstream, names::SESSIONS_STREAM, NAME, second).await;
    let (mut writer, written) = scripted(|_| Ok(()));
    writer.takes = Duration::from_secs(3);
    let sink = RunningSink::start(&nats, options(), writer);
    publish(&jetstream, "long").await;
    eventually("it is written", async || !stems(&written).is_empty()).await;
    all_settled(&jetstream).await;
    // Ends what a second delivery would have begun.
    sink.stop().await;
    assert_eq!(*written.lock().unwrap(), [("long-AJ".to_owned(), 1)]);
}
