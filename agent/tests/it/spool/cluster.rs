//! A cluster of three nats-servers whose leaders die.

use async_nats::jetstream::stream::Config;
use chrono::Utc;
use schemas::{EndReason, names};
use tempfile::TempDir;
use test_servers::{NatsCluster, eventually};

use super::fixtures::{Publisher, open, session, until};
use super::nats::stream_config;

/// Ended at a time.
const SESSIONS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn every_session_is_published_once_while_one_leader_after_another_dies() {
    let mut cluster = NatsCluster::start().await;
    let stream = Config { num_replicas: 3, ..stream_config(-1) };
    cluster.jetstream().await.create_stream(stream).await.unwrap();
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    let publisher = Publisher::start_with(&cluster.url(), &[], &spool);
    for round in 0..3 {
        for part in 0..2 {
            for number in 0..SESSIONS {
                let session = session(&format!("session-{round}-{part}-{number}"));
                spool.begin(session).await.finish(Utc::now(), EndReason::ParticipantLeft).await;
            }
            if part == 0 {
                let killed = cluster.kill_leader(names::SESSIONS_STREAM).await;
                cluster.start_again(killed, names::SESSIONS_STREAM).await;
            }
        }
    }
    until("nothing waits", || spool.waiting() == 0).await;
    publisher.stop().await;
    let jetstream = cluster.jetstream().await;
    eventually("the stream has each of them once", async || {
        let stream = jetstream.get_stream(names::SESSIONS_STREAM).await;
        stream.is_ok_and(|stream| stream.cached_info().state.messages == 6 * SESSIONS as u64)
    })
    .await;
}
