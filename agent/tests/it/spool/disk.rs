//! A disk that is full, or refuses writes: calls go on, and sessions wait in memory.

use std::fs;
use std::time::Duration;

use agent::spool::{Journal, Spool, SpoolError};
use chrono::Utc;
use schemas::EndReason;
use tempfile::TempDir;

use super::fixtures::{
    arguments, decode, files, logs_with, only_file, open, publish_all, said, session, until,
};
use super::nats::Nats;
use crate::refusing_disk::Disk;

#[tokio::test]
async fn calls_go_on_when_the_disk_is_full_and_the_disk_is_tried_again() {
    let (mut nats, disk) = (Nats::start().await, Disk::new());
    let spool = open(disk.path());
    let before = spool.begin(session("began-before")).await;
    disk.fail();

    // A session that begins and ends without a disk is published from memory.
    before.update_now(|session| session.room_sid = Some("RM_in_memory".to_owned())).await;
    let during = spool.begin(session("began-during")).await;
    during.finish(Utc::now(), EndReason::ParticipantLeft).await;
    assert_eq!((spool.waiting(), spool.waiting_in_memory()), (1, 1));
    publish_all(&nats, &spool).await;
    assert_eq!(nats.messages().await.len(), 1);

    // One that ends without disk and server waits in memory, and reaches the disk when there is room.
    nats.kill();
    before.finish(Utc::now(), EndReason::ParticipantLeft).await;
    assert_eq!(spool.waiting_in_memory(), 1);
    assert!(files(disk.path(), "outbox").is_empty());
    disk.repair();
    until("stored on the disk", || spool.waiting_in_memory() == 0).await;
    let payload = fs::read(only_file(disk.path(), "outbox")).unwrap();
    assert_eq!(decode(&payload).room_sid.as_deref(), Some("RM_in_memory"));
    assert_eq!(decode(&payload).end_reason, Some(EndReason::ParticipantLeft));
    assert!(files(disk.path(), "journal").is_empty());

    let folder = disk.path().to_string_lossy().into_owned();
    let count = |text: &str| logs_with(text).iter().filter(|line| line.contains(&folder)).count();
    assert_eq!(count("cannot write to the spool: free disk space"), 1);
    assert_eq!(count("the spool can be written again"), 1);

    drop((spool, during, before));
    nats.start_again().await;
    let spool = open(disk.path());
    publish_all(&nats, &spool).await;
    let messages = nats.messages().await;
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1].payload, payload);
}

#[tokio::test]
async fn a_session_published_from_memory_leaves_no_journal_behind() {
    let (nats, disk) = (Nats::start().await, Disk::new());
    let spool = open(disk.path());
    let journal = spool.begin(session("stale-journal")).await;
    disk.fail();
    journal.finish(Utc::now(), EndReason::ParticipantLeft).await;
    // The journal's last beat is still there: it is what a kill would leave.
    let beat = fs::read(only_file(disk.path(), "journal")).unwrap();
    assert_eq!(decode(&beat).end_reason, Some(EndReason::AgentRecovered));
    let published = if disk.mounted {
        publish_all(&nats, &spool).await;
        nats.messages().await
    } else {
        // Without write permission the journal cannot be removed either, until the folder is repaired.
        disk.repair();
        publish_all(&nats, &spool).await;
        nats.messages().await
    };
    assert_eq!(decode(&published[0].payload).end_reason, Some(EndReason::ParticipantLeft));
    assert!(files(disk.path(), "journal").is_empty());
    drop((spool, journal));
    assert_eq!(open(disk.path()).waiting(), 0);
}

#[test]
fn a_folder_that_is_a_file_is_refused_with_what_to_do() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("spool");
    fs::write(&path, "").unwrap();
    let error = Spool::open(&arguments(&path)).err().expect("refused");
    assert!(matches!(error, SpoolError::Unusable(..)), "{error}");
    assert!(error.to_string().contains("AGENT_SPOOL_DIR"), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_known_without_a_session_and_so_is_its_end() {
    let disk = Disk::new();
    drop(open(disk.path()));
    disk.fail();
    if !disk.mounted {
        // Without a disk of its own the folder is not full, but refused at the start.
        return disk.repair();
    }
    let spool = open(disk.path());
    let mut fails = spool.disk_fails();
    assert!(fails.borrow_and_update().is_some(), "said at the start");
    let folder = disk.path().to_string_lossy().into_owned();
    assert!(logs_with("cannot write to the spool").iter().any(|line| line.contains(&folder)));
    disk.repair();
    until("the disk works again", || fails.borrow_and_update().is_none()).await;
    disk.fail();
    until("the disk fails again", || fails.borrow_and_update().is_some()).await;
}

#[test]
fn a_lock_that_somebody_removed_still_holds() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    fs::remove_file(folder.path().join("lock")).unwrap();
    let refused = Spool::open(&arguments(folder.path())).err();
    assert!(matches!(refused, Some(SpoolError::InUse(_))), "{refused:?}");
    drop(spool);
    open(folder.path());
}

#[tokio::test]
async fn names_from_outside_are_escaped_in_the_log() {
    let folder = TempDir::new().unwrap();
    let journal = folder.path().join("journal");
    drop(open(folder.path()));
    let mut left = session("forged\u{1b}[2J\nERROR forged");
    left.end_reason = Some(EndReason::AgentRecovered);
    fs::write(journal.join("left.json"), serde_json::to_vec(&left).unwrap()).unwrap();
    drop(open(folder.path()));
    let lines = logs_with("forged");
    assert!(lines.iter().any(|line| line.contains("recovered the session")), "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("\\n")), "{lines:?}");
}

/// One journal is larger than the room that is left, and others fit.
#[tokio::test]
async fn a_disk_that_takes_small_journals_and_refuses_a_large_one_fails_until_it_takes_that() {
    let disk = Disk::new();
    if !disk.mounted {
        return disk.repair();
    }
    let spool = open(disk.path());
    let (large, small) = (spool.begin(session("large")).await, spool.begin(session("small")).await);
    large
        .update_now(|session| session.transcript.get_or_insert_default().push(said(&"word ".repeat(5_000))))
        .await;
    assert_eq!(*spool.disk_fails().borrow(), None);
    // 64 KiB, less 28 of the journal: a second one of the same size does not fit beside it.
    fs::write(disk.path().join("ballast"), [0; 12 * 1024]).unwrap();
    let mut fails = spool.disk_fails();
    until("refused", || fails.borrow_and_update().is_some()).await;
    let since = *fails.borrow_and_update();
    for turn in 0..30 {
        small
            .update_now(|session| {
                session.transcript.get_or_insert_default().push(said(&format!("turn {turn}")))
            })
            .await;
        assert_eq!(*fails.borrow_and_update(), since, "the large one is not written");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let folder = disk.path().to_string_lossy().into_owned();
    let count = |text: &str| logs_with(text).iter().filter(|line| line.contains(&folder)).count();
    assert_eq!((count("cannot write to the spool"), count("the spool can be written again")), (1, 0));

    // Its end, while there is no room, waits in memory; a small one's does not clear it.
    large.finish(Utc::now(), EndReason::ParticipantLeft).await;
    small.finish(Utc::now(), EndReason::ParticipantLeft).await;
    assert_eq!((spool.waiting(), spool.waiting_in_memory()), (2, 1));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(*fails.borrow_and_update(), since, "the large one is in memory only");
    disk.repair();
    until("it is written", || fails.borrow_and_update().is_none()).await;
    assert_eq!(spool.waiting_in_memory(), 0);
    assert_eq!((count("cannot write to the spool"), count("the spool can be written again")), (1, 1));
}

/// A large session that waits in memory does not keep small ones from the disk.
#[tokio::test]
async fn what_fits_is_stored_beside_what_does_not() {
    let disk = Disk::new();
    if !disk.mounted {
        return disk.repair();
    }
    let spool = open(disk.path());
    let large = spool.begin(session("large-end")).await;
    large
        .update_now(|session| session.transcript.get_or_insert_default().push(said(&"word ".repeat(5_000))))
        .await;
    let small: Vec<_> = begin_small_ones(&spool).await;
    disk.fail();
    large.update(|session| session.transcript.get_or_insert_default().push(said("goodbye")));
    large.finish(Utc::now(), EndReason::ParticipantLeft).await;
    for journal in &small {
        journal.finish(Utc::now(), EndReason::ParticipantLeft).await;
    }
    assert_eq!(spool.waiting_in_memory(), 1 + small.len());
    // Room for the small ones.
    fs::write(disk.path().join("ballast"), [0; 12 * 1024]).unwrap();
    until("the small ones are stored", || spool.waiting_in_memory() == 1).await;
    assert!(spool.disk_fails().borrow().is_some());
}

async fn begin_small_ones(spool: &Spool) -> Vec<Journal> {
    let mut journals = Vec::new();
    for number in 0..4 {
        journals.push(spool.begin(session(&format!("small-end-{number}"))).await);
    }
    journals
}
