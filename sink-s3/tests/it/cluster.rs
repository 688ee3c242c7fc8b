//! A cluster of three nats-servers whose leaders die.

use std::time::Duration;

use async_nats::HeaderMap;
use schemas::names;
use test_servers::{NatsCluster, eventually, set_ack_wait};

use crate::program::{NAME, Stage, event};

/// Published at a time.
const EVENTS: usize = 30;

/// Publishes each event until the cluster has it: while it has no leader nobody does.
async fn publish(stage: &Stage, events: impl Iterator<Item = String>) {
    for session_id in events {
        let mut headers = HeaderMap::new();
        headers.insert(names::header::MESSAGE_ID, session_id.as_str());
        eventually("the event is stored", async || {
            let payload = event(&session_id).into();
            let published =
                stage.jetstream.publish_with_headers(names::SESSION_ENDED_V1, headers.clone(), payload).await;
            match published {
                Ok(ack) => ack.await.is_ok(),
                Err(_) => false,
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_session_is_archived_while_one_leader_after_another_dies() {
    let mut cluster = NatsCluster::start().await;
    let mut stage = Stage::bare().await;
    (stage.nats_url, stage.jetstream) = (cluster.url(), cluster.jetstream().await);
    stage.succeed(&["setup", "--create-bucket", "--replicas", "3"]);
    // What was on its way when a leader died is delivered again after so long.
    set_ack_wait(&stage.jetstream, names::SESSIONS_STREAM, NAME, Duration::from_secs(5)).await;
    let program = stage.run();
    let events = |part: usize| (part * EVENTS..(part + 1) * EVENTS).map(|number| format!("room-{number}"));
    for round in 0..3 {
        publish(&stage, events(2 * round)).await;
        // Of what was published some is still on its way to the bucket.
        let killed = cluster.kill_leader(names::SESSIONS_STREAM).await;
        publish(&stage, events(2 * round + 1)).await;
        cluster.start_again(killed, names::SESSIONS_STREAM).await;
    }
    let expected: Vec<String> = (0..6).flat_map(events).map(|session_id| event(&session_id)).collect();
    eventually("every session has its object", async || {
        stage.store.keys(&stage.bucket, "sessions/").await.len() == expected.len()
    })
    .await;
    program.terminate();
    let mut archived: Vec<String> = stage.store.objects(&stage.bucket).await.into_values().collect();
    let mut expected = expected;
    archived.sort();
    expected.sort();
    assert_eq!(archived, expected);
    eventually("the cluster tells of dead letters", async || {
        let stream = stage.jetstream.get_stream(names::DEAD_LETTERS_STREAM).await;
        stream.is_ok_and(|stream| stream.cached_info().state.messages == 0)
    })
    .await;
}
