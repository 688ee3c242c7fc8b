//! `agent publish`: the spool of a worker that will not come back.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use chrono::Utc;
use schemas::EndReason;
use tempfile::TempDir;
use test_servers::free_port;

use super::fixtures::{EMAIL, files, open, session, until};
use super::nats::Nats;

/// A spool with a session that has ended, and one that was going on when its worker died.
async fn left_behind() -> TempDir {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    spool.begin(session("ended")).await.finish(Utc::now(), EndReason::ParticipantLeft).await;
    let _journal = spool.begin(session("going-on")).await;
    drop(spool);
    folder
}

/// `agent publish` of a folder.
fn command(folder: &Path, nats_port: u16, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent"));
    command.arg("publish").args(flags).env_clear().env("AGENT_SPOOL_DIR", folder);
    command.env("NATS_URL", format!("nats://127.0.0.1:{nats_port}")).stderr(Stdio::piped());
    command
}

/// The program's end, and what it said.
fn publish(folder: &Path, nats_port: u16, flags: &[&str]) -> Output {
    for _ in 0..1_000 {
        let output = command(folder, nats_port, flags).output().unwrap();
        // A process that another test starts has, until its `exec`, the locks of a spool that was just closed here.
        if !said(&output).contains("another worker uses") {
            return output;
        }
    }
    panic!("the spool is never free");
}

fn terminate(child: &Child) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
}

fn said(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains(EMAIL), "an address in the log");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_left_is_published_and_nothing_needs_its_folder_any_more() {
    let nats = Nats::start().await;
    for sync_interval in ["always", "500ms"] {
        let folder = left_behind().await;
        let output = publish(folder.path(), nats.port(), &["--nats-sync-interval", sync_interval]);
        let log = said(&output);
        assert!(output.status.success(), "{log}");
        assert!(log.contains("nothing needs the folder any more"), "{log}");
        assert_eq!(log.contains("until NATS has surely synced it"), sync_interval != "always", "{log}");
        for subfolder in ["journal", "outbox", "published"] {
            assert_eq!(files(folder.path(), subfolder).len(), 0, "{subfolder}");
        }
    }
    let messages = nats.messages().await;
    let ids: Vec<_> =
        messages.iter().map(|message| message.headers.get("Nats-Msg-Id").unwrap().to_string()).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert!(
        ids.contains(&"ended-AJ_test".to_owned()) && ids.contains(&"going-on-AJ_test".to_owned()),
        "{ids:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_published_stays_and_is_told() {
    let nats = Nats::start().await;
    let folder = left_behind().await;
    let refused = publish(folder.path(), free_port(), &["--publish-limit", "500ms"]);
    let log = said(&refused);
    assert!(!refused.status.success() && log.contains("2 of 2 sessions are not published"), "{log}");
    assert_eq!(files(folder.path(), "outbox").len(), 2);

    // Published, and not yet safe: the folder is needed.
    let waiting = command(folder.path(), nats.port(), &["--nats-sync-interval", "1h"]).spawn().unwrap();
    until("both are published", || files(folder.path(), "published").len() == 2).await;
    terminate(&waiting);
    let stopped = waiting.wait_with_output().unwrap();
    let log = said(&stopped);
    assert!(!stopped.status.success() && log.contains("2 sessions are published, but NATS may not"), "{log}");
    assert_eq!(files(folder.path(), "published").len(), 2);

    std::fs::write(folder.path().join("outbox/torn.json"), b"{").unwrap();
    let torn = publish(folder.path(), nats.port(), &["--nats-sync-interval", "always"]);
    let log = said(&torn);
    assert!(!torn.status.success() && log.contains("unreadable are no payloads"), "{log}");
    assert_eq!(nats.messages().await.len(), 2);

    let nowhere = publish(&folder.path().join("mistyped"), nats.port(), &[]);
    let log = said(&nowhere);
    assert!(!nowhere.status.success() && log.contains("set AGENT_SPOOL_DIR"), "{log}");
    assert!(!folder.path().join("mistyped").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lives_keeps_its_spool() {
    let nats = Nats::start().await;
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    let output = command(folder.path(), nats.port(), &[]).output().unwrap();
    drop(spool);
    let log = said(&output);
    assert!(!output.status.success() && log.contains("another worker uses"), "{log}");
}
