//! A stream or consumer that is made anew while messages of the old one are in flight: sequences begin again at 1, and no
//! answer for an old message settles a new one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use schemas::names;
use sink::{Message, PERMANENT, SinkOptions, WriteError, Writer, Written};
use test_servers::http::readyz;
use test_servers::{NatsServer, eventually, set_ack_wait};
use tokio::sync::Semaphore;

use crate::scripted::*;

/// Each session waits until it is let through.
#[derive(Clone, Default)]
struct Gates {
    begun: Arc<Mutex<Vec<String>>>,
    written: Log,
    gates: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
}

impl Gates {
    fn of(&self, session: &str) -> Arc<Semaphore> {
        let mut gates = self.gates.lock().unwrap();
        Arc::clone(gates.entry(session.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(0))))
    }

    fn open(&self, session: &str) {
        self.of(session).add_permits(1_000);
    }

    async fn begun(&self, session: &str) {
        eventually("its write has begun", async || {
            self.begun.lock().unwrap().iter().any(|begun| begun == session)
        })
        .await;
    }
}

impl Writer for Gates {
    async fn write(&self, batch: &[Message]) -> Vec<Result<Written, WriteError>> {
        let mut answers = Vec::new();
        for message in batch {
            let session = message.event.identity.session_id.as_str().to_owned();
            self.begun.lock().unwrap().push(session.clone());
            self.of(&session).acquire().await.unwrap().forget();
            self.written.lock().unwrap().push((message.event.identity.stem(), message.attempt));
            answers.push(match session.as_str() {
                "rejected" => Err(WriteError::Reject { outcome: PERMANENT, reason: "no".to_owned() }),
                "locked" => Err(WriteError::Retry { reason: "row locked".to_owned() }),
                _ => Ok(Written { outcome: "written" }),
            });
        }
        answers
    }
}

fn slow(places: usize) -> SinkOptions {
    SinkOptions { max_concurrent_writes: places / 2, write_timeout: Duration::from_secs(60), ..options() }
}

/// Delivered and not settled, and the number of deliveries after the first.
async fn unsettled(nats: &NatsServer) -> (usize, u64, usize) {
    let stream = nats.jetstream().await.get_stream(names::SESSIONS_STREAM).await.unwrap();
    let info = stream.consumer_info(NAME).await.unwrap();
    (info.num_ack_pending, info.ack_floor.stream_sequence, info.num_redelivered)
}

/// While a pull is open, and while all places are taken and none is.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_a_message_of_the_old_stream_settles_none_of_the_new() {
    for (places, old) in [(8, "old"), (8, "rejected"), (8, "locked"), (2, "old")] {
        let nats = NatsServer::start().await;
        let sink = slow(places);
        set_up(&nats, &sink, &[]).await.unwrap();
        let jetstream = nats.jetstream().await;
        let gates = Gates::default();
        let running = RunningSink::start(&nats, sink.clone(), gates.clone());
        publish(&jetstream, old).await;
        gates.begun(old).await;
        if places == 2 {
            publish(&jetstream, "other").await;
            eventually("no place is free", async || unsettled(&nats).await.0 == 2).await;
        }
        jetstream.delete_stream(names::SESSIONS_STREAM).await.unwrap();
        set_up(&nats, &sink, &[]).await.unwrap();
        publish(&jetstream, "new").await;
        if places == 2 {
            tokio::time::sleep(Duration::from_secs(2)).await;
        } else {
            gates.begun("new").await;
        }
        gates.open(old);
        gates.open("other");
        let olds = if places == 2 { 2 } else { 1 };
        eventually("the old ones are written", async || gates.written.lock().unwrap().len() == olds).await;
        gates.begun("new").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(unsettled(&nats).await, (1, 0, 0), "{old} with {places} places");
        gates.open("new");
        all_settled(&jetstream).await;
        assert!(stems(&gates.written).contains(&"new-AJ".to_owned()));
        assert_eq!(dead_letters(&jetstream).await, u64::from(old == "rejected"));
        readyz(running.http, 200, "ready").await;
        running.stop().await;
    }
}

/// What is kept in progress is what this consumer has delivered: a message of the new one that another replica lost comes
/// again in time.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_message_in_flight_keeps_no_new_one_in_progress() {
    let nats = NatsServer::start().await;
    let sink = slow(8);
    set_up(&nats, &sink, &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let gates = Gates::default();
    let running = RunningSink::start(&nats, sink.clone(), gates.clone());
    for session in ["old1", "old2"] {
        publish(&jetstream, session).await;
        gates.begun(session).await;
    }
    jetstream.delete_stream(names::SESSIONS_STREAM).await.unwrap();
    readyz(running.http, 503, "run `sink-test setup`").await;
    set_up(&nats, &sink, &[]).await.unwrap();
    set_ack_wait(&jetstream, names::SESSIONS_STREAM, NAME, Duration::from_secs(3)).await;
    // Somebody else takes the message and is no more.
    let other: async_nats::jetstream::consumer::PullConsumer =
        jetstream.get_consumer_from_stream(NAME, names::SESSIONS_STREAM).await.unwrap();
    let mut pulled = other.fetch().max_messages(1).messages().await.unwrap();
    publish(&jetstream, "new").await;
    let taken = futures::StreamExt::next(&mut pulled).await;
    drop((taken, pulled));
    gates.open("new");
    eventually("it is written", async || stems(&gates.written) == ["new-AJ"]).await;
    running.shutdown.cancel();
    gates.open("old1");
    gates.open("old2");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_made_anew_delivers_what_is_in_flight_again_and_settles_it_itself() {
    let nats = NatsServer::start().await;
    let sink = slow(8);
    set_up(&nats, &sink, &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let gates = Gates::default();
    let running = RunningSink::start(&nats, sink.clone(), gates.clone());
    publish(&jetstream, "room").await;
    gates.begun("room").await;
    jetstream.delete_consumer_from_stream(NAME, names::SESSIONS_STREAM).await.unwrap();
    set_up_again(&nats, &sink).await;
    eventually("it is in flight again", async || gates.begun.lock().unwrap().len() == 2).await;
    gates.of("room").add_permits(1);
    eventually("it is written", async || gates.written.lock().unwrap().len() == 1).await;
    gates.open("room");
    all_settled(&jetstream).await;
    running.stop().await;
}
