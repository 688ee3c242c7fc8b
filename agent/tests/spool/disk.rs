use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use agent::spool::{Spool, SpoolError};
use chrono::Utc;
use schemas::EndReason;
use tempfile::TempDir;

use crate::fixtures::{arguments, decode, files, logs_with, only_file, open, publish_all, session, until};
use crate::nats::Nats;

/// A folder whose disk can be made to refuse writes: a small tmpfs that is filled, or, where mounting is not permitted,
/// a journal folder without write permission (which root would ignore; but root can mount).
struct Disk {
    folder: TempDir,
    mounted: bool,
}

impl Disk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(folder.path())
            .output();
        let mounted = mount.is_ok_and(|output| output.status.success());
        Self { folder, mounted }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn fail(&self) {
        if !self.mounted {
            return fs::set_permissions(self.path().join("journal"), Permissions::from_mode(0o500)).unwrap();
        }
        let mut ballast = File::create(self.path().join("ballast")).unwrap();
        while ballast.write_all(&[0; 1024]).is_ok() {}
    }

    fn repair(&self) {
        if !self.mounted {
            return fs::set_permissions(self.path().join("journal"), Permissions::from_mode(0o700)).unwrap();
        }
        fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            Command::new("umount").arg("-l").arg(self.path()).status().ok();
        }
    }
}

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
    until("stored on the disk", Duration::from_secs(5), || spool.waiting_in_memory() == 0).await;
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
