//! Why the folder of a spool cannot be used.

use std::path::PathBuf;

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another process holds the lock.
    #[error(
        "another worker uses the spool folder {folder}: end it, or give this one a folder of its own \
         (--spool-dir, AGENT_SPOOL_DIR)",
        folder = .0.display()
    )]
    InUse(PathBuf),
    /// The folder cannot be created, locked, read or written.
    #[error(
        "cannot use the spool folder {folder}: make it writable for this user, or choose another \
         (--spool-dir, AGENT_SPOOL_DIR)",
        folder = .0.display()
    )]
    Unusable(PathBuf, #[source] std::io::Error),
}
