//! The files of a spool and what is done with them. Nothing here waits, counts or decides when.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use schemas::{SessionEnded, SessionEvent, SessionIdentity, timestamp};
use sha2::{Digest, Sha256};

use super::error::SpoolError;

const PRIVATE_FOLDER: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;

/// The files of a spool; see the module for the layout. A file has the same name as a journal and as an outbox entry.
pub(super) struct Folder {
    root: PathBuf,
    journal: PathBuf,
    outbox: PathBuf,
    published: PathBuf,
    unreadable: PathBuf,
    // Held for their locks: the system frees them with the process.
    _locks: [File; 2],
}

/// What a start finds.
pub(super) struct Recovery {
    /// The outbox, the oldest first.
    pub(super) entries: Vec<Recovered>,
    /// How many of them were journals of a dead process.
    pub(super) journals: usize,
}

/// An outbox entry that a start finds.
pub(super) struct Recovered {
    pub(super) name: String,
    /// Where the disk refused to move it: it waits in memory then.
    pub(super) payload: Option<Bytes>,
    /// Since its session's end.
    pub(super) waited: Duration,
}

/// As many bytes as a journal may have at its beginning: an empty file fits on a full disk.
const PROBE_BYTES: usize = 16 * 1024;

/// Name of a session's file. Ids come from outside and can be longer than a file name, so it is a hash of the identity.
pub(super) fn file_name(session: &SessionEnded) -> String {
    let identity = session.identity().unwrap_or_else(|| SessionIdentity {
        session_id: session.session_id.clone(),
        job_id: timestamp::format(&session.start_time),
    });
    let digest = Sha256::digest(identity.stem());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{digest}.json")
}

impl Folder {
    /// Opens it, and says whether its disk is full: room can be made while calls go on.
    pub(super) fn open(root: &Path) -> Result<(Self, Option<io::Error>), SpoolError> {
        let unusable = |error| SpoolError::Unusable(root.to_owned(), error);
        let is_new = !root.exists();
        DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(root).map_err(unusable)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(PRIVATE_FILE)
            .open(root.join("lock"))
            .map_err(unusable)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => SpoolError::InUse(root.to_owned()),
            TryLockError::Error(error) => unusable(error),
        })?;
        let subfolder = |name| private_folder(root.join(name)).map_err(unusable);
        let folder = Self {
            root: root.to_owned(),
            journal: subfolder("journal")?,
            outbox: subfolder("outbox")?,
            published: subfolder("published")?,
            unreadable: subfolder("unreadable")?,
            _locks: [file, lock_folder(root)?],
        };
        // What is in them is durable only where they themselves are.
        File::open(root).and_then(|folder| folder.sync_all()).map_err(unusable)?;
        if is_new && let Some(parent) = root.canonicalize().map_err(unusable)?.parent() {
            // Not everybody may read the parent's names.
            drop(File::open(parent).and_then(|folder| folder.sync_all()));
        }
        match folder.probe() {
            Err(error) if error.kind() != ErrorKind::StorageFull => Err(unusable(error)),
            probed => Ok((folder, probed.err())),
        }
    }

    /// Whether a journal can be written.
    pub(super) fn probe(&self) -> io::Result<()> {
        probe(&self.journal)
    }

    /// Whether the disk has room, looked at beside the journals.
    pub(super) fn probe_disk(&self) -> io::Result<()> {
        probe(&self.root)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Replaces a journal, whole or not at all. The name is durable after [`Self::sync`].
    pub(super) fn write(&self, name: &str, payload: &[u8]) -> io::Result<()> {
        let temporary = self.journal.join(format!("{name}.tmp"));
        let written = private_file(&temporary)
            .and_then(|mut file| file.write_all(payload).and_then(|()| file.sync_data()))
            .and_then(|()| fs::rename(&temporary, self.journal.join(name)));
        if written.is_err() {
            // Half a file would only take room on a full disk; the next start removes it otherwise.
            drop(fs::remove_file(&temporary));
        }
        written
    }

    /// Makes a journal, as it is, an outbox entry.
    pub(super) fn end(&self, name: &str) -> io::Result<()> {
        fs::rename(self.journal.join(name), self.outbox.join(name))
    }

    /// Makes the names durable: the new ones of the outbox before the journal's old ones go.
    pub(super) fn sync(&self, outbox_too: bool) -> io::Result<()> {
        if outbox_too {
            File::open(&self.outbox)?.sync_all()?;
        }
        File::open(&self.journal)?.sync_all()
    }

    pub(super) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.outbox.join(name))
    }

    /// Removes an entry, and a journal that an end on a failing disk left behind. It need not be durable: an entry that
    /// comes back is published under the same message id.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        let journal = remove_if_there(&self.journal.join(name));
        remove_if_there(&self.outbox.join(name)).and(journal)
    }

    /// Makes an entry one that is kept; how many bytes it has. It need not be durable, as a removal need not.
    pub(super) fn keep(&self, name: &str) -> io::Result<u64> {
        let kept = self.published.join(name);
        fs::rename(self.outbox.join(name), &kept)?;
        remove_if_there(&self.journal.join(name))?;
        Ok(fs::metadata(kept)?.len())
    }

    /// Makes a kept entry one of the outbox again.
    pub(super) fn publish_again(&self, name: &str) -> io::Result<()> {
        fs::rename(self.published.join(name), self.outbox.join(name))
    }

    pub(super) fn forget(&self, name: &str) -> io::Result<()> {
        remove_if_there(&self.published.join(name))
    }

    pub(super) fn remove_journal(&self, name: &str) -> io::Result<()> {
        remove_if_there(&self.journal.join(name))
    }

    pub(super) fn set_aside(&self, name: &str) -> io::Result<()> {
        self.set_aside_file(&self.outbox.join(name))
    }

    fn set_aside_file(&self, path: &Path) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let target = std::iter::once(self.unreadable.join(&*name))
            .chain((1..).map(|number| self.unreadable.join(format!("{name}.{number}"))))
            .find(|target| !target.exists())
            .unwrap_or_else(|| self.unreadable.join(&*name));
        fs::rename(path, &target)?;
        tracing::error!(
            file.path = %target.display(),
            file.bytes = fs::metadata(&target).map_or(0, |metadata| metadata.len()),
            "a spool file holds no session-end payload: set aside, not published; look at it and remove it"
        );
        Ok(())
    }

    /// How many journals and unreadable files there are.
    pub(super) fn count(&self) -> io::Result<(usize, usize)> {
        let journals = files(&self.journal)?;
        let journals = journals.iter().filter(|path| json_name(path).is_some()).count();
        Ok((journals, files(&self.unreadable)?.len()))
    }

    /// Moves what a dead process left into the outbox, and what was published and may be lost, and lists the outbox, oldest
    /// first.
    pub(super) fn recover(&self) -> io::Result<Recovery> {
        let (mut in_memory, mut journals) = (Vec::new(), 0);
        for path in files(&self.journal)? {
            match self.recover_journal(&path) {
                Ok(None) => {}
                Ok(Some((name, payload))) => {
                    journals += 1;
                    let in_memory_only =
                        |payload| Recovered { name, payload: Some(payload), waited: Duration::ZERO };
                    in_memory.extend(payload.map(in_memory_only));
                }
                Err(error) => tracing::error!(
                    file.path = %path.display(), %error,
                    "cannot recover a journal: left where it is; repair the disk and start the worker again"
                ),
            }
        }
        for path in files(&self.published)? {
            let Some(name) = json_name(&path) else { continue };
            if let Err(error) = self.publish_again(name) {
                tracing::error!(file.path = %path.display(), %error, "cannot publish a kept session again: it stays where it is");
            }
        }
        if let Err(error) = self.sync(true) {
            tracing::error!(%error, "cannot make recovered sessions durable; they are published all the same");
        }
        let mut entries = Vec::new();
        for path in files(&self.outbox)? {
            if let Some(name) = json_name(&path) {
                let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
                entries.push((modified.unwrap_or(SystemTime::UNIX_EPOCH), name.to_owned()));
            }
        }
        entries.sort();
        let on_disk = entries.into_iter().map(|(modified, name)| Recovered {
            name,
            payload: None,
            waited: modified.elapsed().unwrap_or_default(),
        });
        Ok(Recovery { entries: on_disk.chain(in_memory).collect(), journals })
    }

    /// The session that a journal was, with its payload where the disk refused the move; none where it holds none.
    fn recover_journal(&self, path: &Path) -> io::Result<Option<(String, Option<Bytes>)>> {
        if path.extension().is_some_and(|extension| extension == "tmp") {
            fs::remove_file(path)?;
            return Ok(None);
        }
        let Some(name) = json_name(path) else { return Ok(None) };
        let payload = fs::read(path)?;
        let Ok(event) = SessionEvent::decode(&payload, None) else {
            self.set_aside_file(path)?;
            return Ok(None);
        };
        let session_id = event.identity.session_id.as_str().escape_debug();
        if self.outbox.join(name).exists() {
            tracing::warn!(session.id = %session_id, "this session had already ended: its journal is removed");
            fs::remove_file(path)?;
            return Ok(None);
        }
        tracing::warn!(session.id = %session_id, payload.bytes = payload.len(), "recovered the session of a dead process");
        match self.end(name) {
            Ok(()) => Ok(Some((name.to_owned(), None))),
            Err(error) => {
                tracing::error!(session.id = %session_id, %error, "cannot move a journal into the outbox: it is published from memory");
                Ok(Some((name.to_owned(), Some(payload.into()))))
            }
        }
    }
}

fn probe(folder: &Path) -> io::Result<()> {
    let path = folder.join("probe.tmp");
    let written = private_file(&path).and_then(|mut file| file.write_all(&[0; PROBE_BYTES]));
    let removed = remove_if_there(&path);
    written.and(removed)
}

/// Locks the folder itself: somebody may remove a file in it, and the next worker would lock another one. Where folders cannot
/// be locked, as on some network file systems, the file has to do.
fn lock_folder(root: &Path) -> Result<File, SpoolError> {
    let folder = File::open(root).map_err(|error| SpoolError::Unusable(root.to_owned(), error))?;
    match folder.try_lock() {
        Err(TryLockError::WouldBlock) => Err(SpoolError::InUse(root.to_owned())),
        Err(TryLockError::Error(error)) => {
            tracing::debug!(%error, "the spool folder itself cannot be locked");
            Ok(folder)
        }
        Ok(()) => Ok(folder),
    }
}

fn private_folder(path: PathBuf) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(&path)?;
    if fs::metadata(&path)?.permissions().mode() & 0o777 != PRIVATE_FOLDER {
        fs::set_permissions(&path, Permissions::from_mode(PRIVATE_FOLDER))?;
    }
    Ok(path)
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(true).write(true).mode(PRIVATE_FILE).open(path)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// The plain files of a folder.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

fn json_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str().filter(|name| name.ends_with(".json"))
}
