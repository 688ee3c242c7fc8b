//! What `replay` and all that reads the stream see of it: everything, or an error.

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use schemas::names::{self, SESSION_ENDED_V1};
use service::Nats;
use sink::{Events, NoArgs, ReplayEventsArgs, StoredEvent};
use test_servers::NatsServer;

use crate::scripted::*;

async fn events(nats: &NatsServer) -> Events {
    Events::connect(&args::<Nats>(&["--nats-url", &nats.url()]), "test").await.unwrap()
}

async fn sequences(events: impl Stream<Item = anyhow::Result<StoredEvent>>) -> Vec<u64> {
    events.map_ok(|event| event.sequence).try_collect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_reads_past_messages_that_the_client_cannot_receive() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    publish(&jetstream, "before").await;
    for (session, headers) in
        [("cr", &b"X-Trace: a\rb"[..]), ("latin", b"X-Name: Jos\xe9"), ("colon", b"none")]
    {
        publish_raw(&nats, SESSION_ENDED_V1.as_bytes(), &block(headers), &payload(session)).await;
    }
    publish(&jetstream, "after").await;
    let url = nats.url();
    let flags = ["--nats-url", &url, "--from", "2025-10-29", "--to", "2025-10-29"];
    let (writer, written) = scripted(|_| Ok(()));
    let args = args::<ReplayEventsArgs<NoArgs>>(&flags);
    sink::replay_events(NAME, args, async |_| Ok((options(), writer))).await.unwrap();
    assert_eq!(stems(&written), ["after-AJ", "before-AJ", "colon-AJ", "cr-AJ", "latin-AJ"]);

    let (writer, written) = scripted(|_| Ok(()));
    let args = args_of_session(&url, "after");
    sink::replay_events(NAME, args, async |_| Ok((options(), writer))).await.unwrap();
    assert_eq!(stems(&written), ["after-AJ"]);
}

fn args_of_session(url: &str, session: &str) -> ReplayEventsArgs<NoArgs> {
    args::<ReplayEventsArgs<NoArgs>>(&["--nats-url", url, "--session", session])
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_messages_are_no_end() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    for session in 0..400 {
        publish(&jetstream, &format!("room{session:03}")).await;
    }
    let stream = jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap();
    for sequence in (1..=20).chain([30]).chain(101..=390).chain([400]) {
        stream.delete_message(sequence).await.unwrap();
    }
    let expected: Vec<u64> = (21..30).chain(31..=100).chain(391..400).collect();
    let all = events(&nats).await;
    assert_eq!(sequences(all.published_since(None).await.unwrap()).await, expected);
    assert_eq!(sequences(all.waiting_for("sink-test").await.unwrap()).await, expected);

    // What is removed while it is read is no end either.
    let mut read = std::pin::pin!(all.published_since(None).await.unwrap());
    let mut seen = vec![read.try_next().await.unwrap().unwrap().sequence];
    for sequence in 60..=95 {
        stream.delete_message(sequence).await.unwrap();
    }
    seen.extend(read.map_ok(|event| event.sequence).try_collect::<Vec<_>>().await.unwrap());
    let expected: Vec<u64> = expected.into_iter().filter(|sequence| !(60..=95).contains(sequence)).collect();
    assert_eq!(seen, expected);

    stream.purge().await.unwrap();
    assert!(sequences(events(&nats).await.published_since(None).await.unwrap()).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_made_anew_while_it_is_read_is_an_error() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    for session in 0..100 {
        publish(&jetstream, &format!("room{session:03}")).await;
    }
    let all = events(&nats).await;
    let mut read = std::pin::pin!(all.published_since(None).await.unwrap());
    assert!(read.next().await.unwrap().is_ok());
    jetstream.delete_stream(names::SESSIONS_STREAM).await.unwrap();
    set_up(&nats, &options(), &[]).await.unwrap();
    let rest: Result<Vec<_>, _> = read.try_collect().await;
    let error = format!("{:#}", rest.map(|events| events.len()).unwrap_err());
    // Or it was asked for one in the moment without a stream.
    let expected = ["the stream was made anew while it was read", "stream not found"];
    assert!(expected.iter().any(|expected| error.contains(expected)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_begins_at_a_time_and_reads_messages_of_every_size() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    publish(&jetstream, "old").await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let since = chrono::Utc::now();
    publish_bytes(&jetstream, "large", "x".repeat(1_000_000)).await;
    publish(&jetstream, "new").await;
    let all = events(&nats).await;
    assert_eq!(sequences(all.published_since(Some(since)).await.unwrap()).await, [2, 3]);
    assert_eq!(all.get(2).await.unwrap().payload.len(), 1_000_000);
    assert!(all.get(4).await.is_err());
    let later = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    assert!(sequences(all.published_since(Some(later)).await.unwrap()).await.is_empty());
}
