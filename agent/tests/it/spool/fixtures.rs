//! What the tests of the spool share: sessions, a spool, a publisher, and the log lines of all of them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once};
use std::time::Duration;

use agent::publisher::{self, PublisherArgs};
use agent::spool::{Spool, SpoolArgs, SpoolError};
use chrono::Utc;
use clap::Parser as _;
use schemas::{Role, SessionEnded, TranscriptEntry};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::nats::Nats;

/// In every payload, and so in no log line.
pub(crate) const EMAIL: &str = "visitor@company.com";
/// Longest that anything is waited for.
const LIMIT: Duration = Duration::from_secs(60);
pub(crate) const LIMIT_BYTES: usize = 900_000;

pub(crate) fn arguments(folder: &Path) -> SpoolArgs {
    SpoolArgs {
        spool_dir: folder.to_owned(),
        max_payload_bytes: LIMIT_BYTES,
        sync_interval: Duration::from_secs(120).into(),
        keep_published_bytes: 256 * 1024 * 1024,
    }
}

/// Opens a spool that is free. A process that another test starts has, until its `exec`, the locks of this one: those of a
/// spool that was just closed, too.
pub(crate) fn open(folder: &Path) -> Spool {
    open_with(&arguments(folder))
}

pub(crate) fn open_with(arguments: &SpoolArgs) -> Spool {
    keep_logs();
    let since = Instant::now();
    loop {
        match Spool::open(arguments) {
            Err(SpoolError::InUse(_)) if since.elapsed() < Duration::from_secs(5) => {
                std::thread::sleep(Duration::from_millis(5));
            }
            opened => return opened.unwrap(),
        }
    }
}

/// A session that begins now.
pub(crate) fn session(name: &str) -> SessionEnded {
    let now = schemas::timestamp::format(&Utc::now());
    let json = serde_json::json!({
        "session_id": name, "job_id": "AJ_test", "user_email": EMAIL, "start_time": now, "end_time": now,
        "duration_seconds": 0.0,
    });
    serde_json::from_value(json).unwrap()
}

pub(crate) fn said(text: &str) -> TranscriptEntry {
    let (start_time, end_time) = (Utc::now(), Utc::now());
    TranscriptEntry { role: Role::User, text: text.to_owned(), start_time, end_time, interrupted: false }
}

pub(crate) fn decode(payload: &[u8]) -> SessionEnded {
    serde_json::from_slice(payload).unwrap()
}

/// The files of one folder of a spool.
pub(crate) fn files(spool: &Path, folder: &str) -> Vec<PathBuf> {
    std::fs::read_dir(spool.join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The one file of a folder of a spool.
pub(crate) fn only_file(spool: &Path, folder: &str) -> PathBuf {
    let files = files(spool, folder);
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

/// Waits for what comes soon; a busy machine takes longer than anything here says.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < end, "not within {LIMIT:?}: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    publisher: PublisherArgs,
}

/// A publisher that runs; ended by [`Self::stop`].
pub(crate) struct Publisher {
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Publisher {
    pub(crate) fn start(nats: &Nats, spool: &Spool) -> Self {
        Self::start_at(nats.port(), spool)
    }

    pub(crate) fn start_at(nats_port: u16, spool: &Spool) -> Self {
        Self::start_with(&format!("nats://127.0.0.1:{nats_port}"), &[], spool)
    }

    pub(crate) fn start_with(nats_url: &str, flags: &[&str], spool: &Spool) -> Self {
        let shutdown = CancellationToken::new();
        let usual = ["test", "--nats-url", nats_url, "--publish-drain-limit", "1s"];
        let arguments = Flags::parse_from(usual.iter().chain(flags)).publisher;
        let trouble = watch::Sender::new(None);
        let task = tokio::spawn(publisher::run(arguments, spool.clone(), trouble, shutdown.clone()));
        Self { shutdown, task }
    }

    /// Stops it as the agent does; entries that cannot be published stay.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        timeout(Duration::from_secs(60), self.task).await.expect("ends within its limit").unwrap().unwrap();
    }
}

/// Publishes until nothing waits.
pub(crate) async fn publish_all(nats: &Nats, spool: &Spool) {
    let publisher = Publisher::start(nats, spool);
    timeout(Duration::from_secs(60), spool.drained()).await.expect("published");
    publisher.stop().await;
}

static LOGS: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The log lines, of all tests, that hold a text.
pub(crate) fn logs_with(text: &str) -> Vec<String> {
    let logs = String::from_utf8(LOGS.lock().unwrap().clone()).unwrap();
    assert!(!logs.contains(EMAIL), "an e-mail address in the log");
    logs.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}

fn keep_logs() {
    struct Logs;
    impl Write for Logs {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            LOGS.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The client's own debug lines hold payloads that these tests asked for.
        let filter = tracing_subscriber::EnvFilter::new("agent=trace");
        let logs = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
        logs.with_writer(|| Logs).init();
    });
}
