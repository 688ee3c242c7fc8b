//! A NATS server that loses what it has acknowledged: JetStream acknowledges before it syncs.

use std::path::Path;
use std::time::Duration;

use agent::spool::{Spool, SpoolArgs};
use chrono::Utc;
use schemas::{EndReason, names};
use tempfile::TempDir;
use test_servers::eventually;
use tokio::time::sleep;

use super::fixtures::{Publisher, arguments, files, open_with, publish_all, session, until};
use super::nats::{Nats, stream_config};
use crate::refusing_disk::Disk;

const SESSIONS: usize = 3;

/// A server that syncs so often.
fn syncing(folder: &Path, interval: Duration) -> SpoolArgs {
    SpoolArgs { sync_interval: interval.into(), ..arguments(folder) }
}

async fn end_sessions(spool: &Spool) {
    for number in 0..SESSIONS {
        let session = session(&format!("session-{number}"));
        spool.begin(session).await.finish(Utc::now(), EndReason::ParticipantLeft).await;
    }
}

/// The message ids of what the stream holds.
async fn stored(nats: &Nats) -> Vec<String> {
    let messages = nats.messages().await.into_iter();
    let mut ids: Vec<_> =
        messages.map(|message| message.headers.get("Nats-Msg-Id").unwrap().to_string()).collect();
    ids.sort();
    ids
}

fn all_ids() -> Vec<String> {
    (0..SESSIONS).map(|number| format!("session-{number}-AJ_test")).collect()
}

/// The power of the server is cut before it has synced anything of what it acknowledged; it comes back, and one more session
/// is published.
async fn after_a_power_cut(sync_interval: Duration) -> Vec<String> {
    let (mut nats, folder) = (Nats::start().await, TempDir::new().unwrap());
    let spool = open_with(&syncing(folder.path(), sync_interval));
    let publisher = Publisher::start(&nats, &spool);
    let on_disk = nats.on_disk();
    end_sessions(&spool).await;
    spool.drained().await;
    assert_eq!(stored(&nats).await, all_ids());
    nats.lose_power(&on_disk);
    nats.start_again().await;
    spool.begin(session("after-it")).await.finish(Utc::now(), EndReason::ParticipantLeft).await;
    until("nothing waits", || spool.waiting() == 0).await;
    publisher.stop().await;
    stored(&nats).await
}

#[tokio::test]
async fn what_a_power_cut_takes_from_nats_is_published_again() {
    let after_it = vec!["after-it-AJ_test".to_owned()];
    assert_eq!(after_a_power_cut(Duration::ZERO).await, after_it, "nothing is kept: it is lost");
    assert_eq!(after_a_power_cut(Duration::from_secs(120)).await, [after_it, all_ids()].concat());
}

#[tokio::test]
async fn what_is_kept_outlives_the_agent_and_its_server() {
    let (mut nats, folder) = (Nats::start().await, TempDir::new().unwrap());
    let arguments = syncing(folder.path(), Duration::from_secs(120));
    let spool = open_with(&arguments);
    let on_disk = nats.on_disk();
    end_sessions(&spool).await;
    publish_all(&nats, &spool).await;
    assert_eq!((spool.waiting(), spool.kept()), (0, SESSIONS));
    drop(spool);
    nats.lose_power(&on_disk);
    nats.start_again().await;

    let spool = open_with(&arguments);
    assert_eq!((spool.waiting(), spool.kept()), (SESSIONS, 0));
    publish_all(&nats, &spool).await;
    assert_eq!(stored(&nats).await, all_ids());
    // Where nothing was lost, it changes nothing.
    drop(spool);
    let spool = open_with(&arguments);
    publish_all(&nats, &spool).await;
    assert_eq!((stored(&nats).await, spool.kept()), (all_ids(), SESSIONS));
}

#[tokio::test]
async fn a_stream_that_is_made_anew_under_a_connection_gets_what_is_kept() {
    let (nats, folder) = (Nats::start().await, TempDir::new().unwrap());
    let spool = open_with(&syncing(folder.path(), Duration::from_secs(4)));
    let publisher = Publisher::start(&nats, &spool);
    end_sessions(&spool).await;
    spool.drained().await;
    // It was looked at.
    sleep(Duration::from_secs(3)).await;
    let jetstream = nats.jetstream().await;
    jetstream.delete_stream(names::SESSIONS_STREAM).await.unwrap();
    jetstream.create_stream(stream_config(-1)).await.unwrap();
    eventually("published again", async || stored(&nats).await == all_ids()).await;
    publisher.stop().await;
}

#[tokio::test]
async fn what_the_server_held_long_enough_is_forgotten_and_nothing_while_it_is_away() {
    let (mut nats, folder) = (Nats::start().await, TempDir::new().unwrap());
    let spool = open_with(&syncing(folder.path(), Duration::from_secs(1)));
    let publisher = Publisher::start(&nats, &spool);
    end_sessions(&spool).await;
    spool.drained().await;
    nats.kill();
    sleep(Duration::from_secs(4)).await;
    assert_eq!(files(folder.path(), "published").len(), SESSIONS, "whether it has them is not known");
    nats.start_again().await;
    until("forgotten", || spool.kept() == 0 && spool.waiting() == 0).await;
    publisher.stop().await;
    assert!(files(folder.path(), "published").is_empty() && files(folder.path(), "outbox").is_empty());
    assert_eq!(stored(&nats).await, all_ids());
}

#[tokio::test]
async fn what_is_published_makes_room_for_what_is_not() {
    let (nats, disk) = (Nats::start().await, Disk::new());
    if !disk.mounted {
        return disk.repair();
    }
    let spool = open_with(&syncing(disk.path(), Duration::from_secs(120)));
    end_sessions(&spool).await;
    publish_all(&nats, &spool).await;
    assert_eq!(spool.kept(), SESSIONS);
    disk.fail();
    let journal = spool.begin(session("on-a-full-disk")).await;
    assert_eq!(files(disk.path(), "journal").len(), 1);
    assert!(spool.kept() < SESSIONS && spool.not_kept() > 0);
    journal.finish(Utc::now(), EndReason::ParticipantLeft).await;
    assert_eq!((spool.waiting(), spool.waiting_in_memory()), (1, 0));
}

#[tokio::test]
async fn bytes_that_are_kept_have_a_bound() {
    let (nats, folder) = (Nats::start().await, TempDir::new().unwrap());
    let arguments = SpoolArgs { keep_published_bytes: 1, ..arguments(folder.path()) };
    let spool = open_with(&arguments);
    end_sessions(&spool).await;
    publish_all(&nats, &spool).await;
    assert_eq!((spool.kept(), spool.not_kept()), (0, SESSIONS as u64));
    assert!(files(folder.path(), "published").is_empty());
}
