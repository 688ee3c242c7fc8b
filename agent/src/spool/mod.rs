//! Keeps the sessions on disk: a journal for each live session, an outbox entry for each ended one.
//!
//! A journal file always holds a whole, valid payload: the one to publish if the process died now. So recovery is a
//! rename into the outbox, and so is the end of a session. What is in the outbox is final; [`crate::publisher`] sends
//! those bytes. After JetStream's ack the entry is `kept` until the server has surely synced it to its disk.
//!
//! ```text
//! <spool>, <spool>/lock    locked by the worker that uses the folder
//! <spool>/journal/*.json  live sessions, written at every beat
//! <spool>/outbox/*.json   ended sessions, not published yet
//! <spool>/published/*.json published ones that the server may lose in a power cut: published again where it may have
//! <spool>/unreadable/*    files that are no payload, set aside for a person to look at
//! ```
//!
//! A session's [`Journal`] updates its `draft`; the `writer` puts it into the `folder`, and an ended session into the `outbox`.
//! One thread does all the writing, so a beat, an end and a removal of one session never overlap, and sessions that
//! end together share the cost of making it durable.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use schemas::SessionEnded;
use schemas::names::DEAD_LETTER_HEADROOM_BYTES;
use service::SyncInterval;
use tokio::sync::watch;

mod draft;
mod error;
mod folder;
mod health;
mod journal;
mod kept;
mod outbox;
mod writer;
mod writing;

pub use error::SpoolError;
use folder::{Folder, Recovered};
use health::Health;
pub use health::PublishOutcome;
pub use journal::Journal;
use kept::Kept;
use outbox::Outbox;
use writer::{Request, Writer};
use writing::Writing;

/// Largest payload that fits a NATS server's default `max_payload` together with a dead letter's headers, bytes.
const DEFAULT_MAX_PAYLOAD_BYTES: usize = 1024 * 1024 - DEAD_LETTER_HEADROOM_BYTES;

/// A thousand sessions of 256 KiB, or more than are published in some minutes of any usual size.
const DEFAULT_KEEP_PUBLISHED_BYTES: u64 = 256 * 1024 * 1024;

/// Where sessions are kept until they are published.
#[derive(Debug, Clone, clap::Args)]
pub struct SpoolArgs {
    /// Folder for the journals and the outbox, on a volume that outlives the process. One worker only.
    #[arg(long, env = "AGENT_SPOOL_DIR", default_value = "agent-spool")]
    pub spool_dir: PathBuf,
    /// Largest session-end payload, bytes; a larger one is cut and marked. 64 KiB below the NATS server's `max_payload`.
    #[arg(long, env = "AGENT_MAX_PAYLOAD_BYTES", default_value_t = DEFAULT_MAX_PAYLOAD_BYTES)]
    pub max_payload_bytes: usize,
    /// A published session is kept until it is safe, and published again after a reconnect and where the stream has lost what
    /// it had.
    #[command(flatten)]
    pub sync_interval: SyncInterval,
    /// Most bytes of published sessions that are kept; the oldest go first
    #[arg(long, env = "AGENT_KEEP_PUBLISHED_BYTES", default_value_t = DEFAULT_KEEP_PUBLISHED_BYTES)]
    pub keep_published_bytes: u64,
}

/// The journals and the outbox of one worker. Clones share them; the last one to go, journals included, frees the lock.
#[derive(Clone)]
pub struct Spool {
    folder: Arc<Folder>,
    outbox: Arc<Outbox>,
    health: Arc<Health>,
    writer: Arc<Writer>,
    redacts: bool,
    safe_after: Option<Duration>,
}

impl Spool {
    /// Creates the folders (0700), takes the lock, and moves the journals of a dead process into the outbox.
    ///
    /// # Errors
    /// [`SpoolError`] where the folder is in use by another worker, or not usable.
    pub fn open(args: &SpoolArgs) -> Result<Self, SpoolError> {
        let unusable = |error| SpoolError::Unusable(args.spool_dir.clone(), error);
        let (folder, disk_error) = Folder::open(&args.spool_dir)?;
        let (folder, outbox, health) =
            (Arc::new(folder), Arc::new(Outbox::default()), Arc::new(Health::default()));
        let kept = Kept::new(args.sync_interval.safe_after(), args.keep_published_bytes);
        let recovery = folder.recover().map_err(unusable)?;
        health.has_recovered(recovery.journals);
        for Recovered { name, payload, waited } in recovery.entries {
            outbox.count_one_more();
            outbox.add_that_waits(name, payload, waited);
        }
        let writing =
            Writing::new(folder.clone(), outbox.clone(), health.clone(), args.max_payload_bytes, kept);
        let writer = Writer::start(writing, disk_error).map_err(unusable)?;
        Ok(Self {
            folder,
            outbox,
            health,
            writer: Arc::new(writer),
            redacts: false,
            safe_after: args.sync_interval.safe_after(),
        })
    }

    /// [`Self::open`] on a thread of its own.
    ///
    /// # Errors
    /// As there.
    pub async fn open_aside(args: SpoolArgs) -> anyhow::Result<Self> {
        let opened =
            tokio::task::spawn_blocking(move || Self::open(&args)).await.context("open the spool folder")?;
        Ok(opened?)
    }

    /// With addresses and numbers taken out of what is kept and published, or not.
    pub fn redacting(self, redacts: bool) -> Self {
        Self { redacts, ..self }
    }

    /// Starts the journal of a session; it is on disk when this returns. Without a disk the session goes on from
    /// memory.
    pub async fn begin(&self, session: SessionEnded) -> Journal {
        Journal::begin(session, self.redacts, self.outbox.clone(), self.writer.clone()).await
    }

    /// How many ended sessions wait to be published, on disk or in memory.
    pub fn waiting(&self) -> usize {
        self.outbox.waiting()
    }

    /// How many of [`Self::waiting`] are in memory only, because the disk refused them.
    pub fn waiting_in_memory(&self) -> usize {
        self.outbox.in_memory().len()
    }

    /// How long the one of [`Self::waiting`] has waited that has waited longest.
    pub fn oldest_waits(&self) -> Option<Duration> {
        self.outbox.oldest_waits()
    }

    /// How many live sessions the disk has refused.
    pub fn journals_refused(&self) -> usize {
        self.health.journals_refused()
    }

    /// How many files there are of live sessions, and how many for a person to look at; as of some seconds ago.
    pub fn files(&self) -> (usize, usize) {
        self.health.files()
    }

    /// How many sessions of a dead process were found at the start.
    pub fn recovered(&self) -> u64 {
        self.health.recovered()
    }

    /// How many tries to publish had this outcome.
    pub fn publishes(&self, outcome: PublishOutcome) -> u64 {
        self.health.publishes(outcome)
    }

    /// Counts a try to publish that has failed; one that has not is counted with [`Self::published`].
    pub(crate) fn publish_failed(&self, outcome: PublishOutcome) {
        self.health.count_publish(outcome);
    }

    /// Since when the disk refuses what is to be written; none while it does not.
    pub fn disk_fails(&self) -> watch::Receiver<Option<Instant>> {
        self.health.disk_fails()
    }

    /// Why JetStream takes no session at present, though it answers.
    pub fn why_publish_refused(&self) -> Option<Cow<'static, str>> {
        self.health.why_publish_refused()
    }

    /// JetStream has refused an entry for a fault of its own, until it takes this one.
    pub(crate) fn publish_refused(&self, entry: &str, why: impl Into<Cow<'static, str>>) {
        self.health.publish_refused(entry, why.into());
    }

    /// Resolves when every ended session is published.
    pub async fn drained(&self) {
        self.outbox.drained().await;
    }

    /// Resolves when every ended session is published, and the server has surely synced it to its disk.
    pub(crate) async fn safe(&self) {
        // What is kept may have to be published again in between.
        while self.waiting() > 0 || self.kept() > 0 {
            self.outbox.drained().await;
            self.health.nothing_kept().await;
        }
    }

    /// How many files were set aside for a person to look at.
    pub(crate) fn set_aside_files(&self) -> std::io::Result<usize> {
        Ok(self.folder.count()?.1)
    }

    /// Resolves when there is an entry to [`Self::take_entry`]. For one publisher.
    pub(crate) async fn entry_available(&self) {
        self.outbox.available().await;
    }

    /// Takes the next entry to publish; it counts as waiting until it is removed or set aside.
    pub(crate) fn take_entry(&self) -> Option<String> {
        self.outbox.take()
    }

    /// Queues an entry again, behind the others.
    pub(crate) fn put_back(&self, entry: String) {
        self.outbox.put_back(entry);
    }

    /// The final payload of an entry, as it is to be published.
    pub(crate) async fn payload(&self, entry: &str) -> std::io::Result<Bytes> {
        if let Some(payload) = self.outbox.payload_in_memory(entry) {
            return Ok(payload);
        }
        let (folder, entry) = (self.folder.clone(), entry.to_owned());
        tokio::task::spawn_blocking(move || folder.read(&entry)).await?.map(Bytes::from)
    }

    /// Forgets an entry whose file somebody has removed.
    pub(crate) async fn remove(&self, entry: String) {
        self.health.publish_done(&entry);
        self.writer.request(|done_tx| Request::Remove(entry, done_tx)).await;
    }

    /// An entry that JetStream has acknowledged: it waits no longer, and is kept until its server has synced it.
    pub(crate) async fn published(&self, entry: String) {
        self.health.count_publish(PublishOutcome::Published);
        self.health.publish_done(&entry);
        self.writer.request(|done_tx| Request::Keep(entry, done_tx)).await;
    }

    /// How long the server may take until what it has acknowledged is safe; none where it is safe at once.
    pub(crate) fn safe_after(&self) -> Option<Duration> {
        self.safe_after
    }

    /// How many published sessions are kept.
    pub fn kept(&self) -> usize {
        self.health.kept()
    }

    /// How many were not kept as long as they should, for want of room.
    pub fn not_kept(&self) -> u64 {
        self.health.published_not_kept()
    }

    /// Queues all that is kept once more: the server may have lost it.
    pub(crate) async fn publish_again(&self) {
        self.writer.request(Request::PublishAgain).await;
    }

    /// Forgets what was published long enough before a moment at which the server had lost nothing.
    pub(crate) async fn forget_safe(&self, held: Instant) {
        self.writer.request(|done_tx| Request::ForgetSafe(held, done_tx)).await;
    }

    /// Moves an entry that is no payload out of the way.
    pub(crate) async fn set_aside(&self, entry: String) {
        self.health.publish_done(&entry);
        self.writer.request(|done_tx| Request::SetAside(entry, done_tx)).await;
    }
}
