//! The one thread that writes to the disk: it makes durable together what was asked for, writes live sessions every second,
//! and tries a disk that fails again and again.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use chrono::Utc;

use super::draft::Draft;
use super::folder::Folder;
use super::health::Health;
use super::kept::Kept;
use super::outbox::Outbox;
use super::writer::Request;

/// Longest time between two writes of a live session.
const BEAT: Duration = Duration::from_secs(1);
/// Beats due within this time are written together, so that they share one sync of the folder.
const BEATS_TOGETHER: Duration = Duration::from_millis(100);
/// How often the disk is tried while nothing else is written, and while it fails.
const PROBE: Duration = Duration::from_secs(10);
const PROBE_FAILING: Duration = BEAT;
/// Most requests, and most beats, that are made durable together; a caller waits for no more than this.
const BATCH: usize = 32;

/// What the thread does.
pub(super) struct Writing {
    folder: Arc<Folder>,
    pub(super) outbox: Arc<Outbox>,
    health: Arc<Health>,
    pub(super) max_payload_bytes: usize,
    /// Live sessions and when their next beat is due.
    live: Vec<(Instant, Arc<Draft>)>,
    retry_memory_at: Instant,
    probe_at: Instant,
    disk_fails: bool,
    /// Live sessions, by their names, whose latest payload the disk refused.
    refused: HashSet<String>,
    /// Entries that are published or set aside, which the disk still has.
    owed: HashMap<String, Owed>,
    kept: Kept,
}

/// What is to be done to an entry's file.
#[derive(Clone, Copy)]
enum Owed {
    Removal,
    SettingAside,
}

impl Writing {
    pub(super) fn new(
        folder: Arc<Folder>,
        outbox: Arc<Outbox>,
        health: Arc<Health>,
        max_payload_bytes: usize,
        kept: Kept,
    ) -> Self {
        let now = Instant::now();
        count_files(&folder, &health);
        Self {
            folder,
            outbox,
            health,
            max_payload_bytes,
            live: Vec::new(),
            retry_memory_at: now,
            probe_at: now + PROBE,
            disk_fails: false,
            refused: HashSet::new(),
            owed: HashMap::new(),
            kept,
        }
    }

    /// What the disk said when it was tried.
    pub(super) fn disk_said(&mut self, error: Option<io::Error>) {
        self.report(Outcome { error, ..Outcome::default() });
    }

    pub(super) fn run(mut self, requests_rx: &Receiver<Request>) {
        loop {
            let due = self.live.iter().map(|(due, _)| *due).min();
            let wait = due.unwrap_or_else(|| Instant::now() + BEAT).saturating_duration_since(Instant::now());
            let first = match requests_rx.recv_timeout(wait.min(BEAT)) {
                Ok(request) => Some(request),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let batch = first.into_iter().chain(requests_rx.try_iter().take(BATCH)).collect();
            self.write(batch);
        }
        // The last chance of what is in memory.
        self.retry_memory_at = Instant::now();
        self.write(Vec::new());
    }

    /// Does what was asked and the beats that are due, makes it durable once, and then answers.
    fn write(&mut self, batch: Vec<Request>) {
        let mut outcome = Outcome::default();
        let mut answers = Vec::new();
        let mut finished = Vec::new();
        for request in batch {
            match request {
                Request::Begin(draft, done_tx) => {
                    self.save(&draft, &mut outcome);
                    self.live.push((Instant::now() + BEAT, draft));
                    answers.push(done_tx);
                }
                Request::Save(draft, done_tx) => {
                    self.save(&draft, &mut outcome);
                    answers.push(done_tx);
                }
                Request::SaveSoon(draft) => {
                    draft.write_begins();
                    self.save(&draft, &mut outcome);
                }
                Request::Finish(draft) => {
                    self.live.retain(|(_, live)| !Arc::ptr_eq(live, &draft));
                    finished.push(self.finish(draft, &mut outcome));
                }
                Request::Remove(name, done_tx) => {
                    self.discard(&name, Owed::Removal, &mut outcome);
                    self.outbox.remove(&name);
                    answers.push(done_tx);
                }
                Request::Keep(name, done_tx) => {
                    self.keep(&name, &mut outcome);
                    answers.push(done_tx);
                }
                Request::PublishAgain(done_tx) => {
                    self.publish_again(&mut outcome);
                    answers.push(done_tx);
                }
                Request::ForgetSafe(held, done_tx) => {
                    while let Some(name) = self.kept.take_safe(held) {
                        outcome.note(self.folder.forget(&name));
                    }
                    answers.push(done_tx);
                }
                Request::SetAside(name, done_tx) => {
                    self.discard(&name, Owed::SettingAside, &mut outcome);
                    self.outbox.remove(&name);
                    answers.push(done_tx);
                }
            }
        }
        self.beat(&mut outcome);
        let retried = self.retry_memory(&mut outcome);
        self.probe(&mut outcome);
        let durable = !outcome.wrote || outcome.note(self.folder.sync(outcome.ended));
        if durable {
            retried.iter().for_each(|name| self.outbox.stored(name));
        }
        let mut stored = Vec::new();
        for Finished { draft, payload, refused } in finished {
            stored.push(draft.clone());
            // What is not known to be on the disk stays in memory, too, and is stored again.
            self.outbox.add(draft.name.clone(), (refused || !durable).then(|| payload.into()));
        }
        self.health.keeps(self.kept.len());
        self.report(outcome);
        for draft in stored {
            draft.stored();
        }
        for done_tx in answers {
            // Nobody waits any more: it is done all the same.
            done_tx.send(()).ok();
        }
    }

    fn save(&mut self, draft: &Draft, outcome: &mut Outcome) {
        let Some(payload) = draft.payload_at(Utc::now(), self.max_payload_bytes) else { return };
        let written = self.write_journal(&draft.name, &payload, outcome);
        if outcome.wrote(written) {
            self.refused.remove(&draft.name);
        } else {
            self.refused.insert(draft.name.clone());
        }
    }

    fn finish(&mut self, draft: Arc<Draft>, outcome: &mut Outcome) -> Finished {
        // Where its end is refused, it waits in memory.
        self.refused.remove(&draft.name);
        let payload = draft.final_payload(self.max_payload_bytes);
        let refused = if self.outbox.holds(&draft.name) {
            tracing::warn!("a session ended twice: the first end stays");
            outcome.note(self.folder.remove_journal(&draft.name));
            false
        } else {
            !self.store(&draft.name, &payload, outcome)
        };
        Finished { draft, payload, refused }
    }

    fn store(&mut self, name: &str, payload: &[u8], outcome: &mut Outcome) -> bool {
        let stored = self.write_journal(name, payload, outcome).and_then(|()| self.folder.end(name));
        outcome.ended |= stored.is_ok();
        outcome.wrote(stored)
    }

    /// On a full disk what is published makes room for what is not.
    fn write_journal(&mut self, name: &str, payload: &[u8], outcome: &mut Outcome) -> io::Result<()> {
        loop {
            let written = self.folder.write(name, payload);
            let full = matches!(&written, Err(error) if error.kind() == ErrorKind::StorageFull);
            let oldest = if full { self.kept.take_oldest() } else { None };
            let Some(oldest) = oldest else { return written };
            self.keep_no_longer(&oldest, outcome);
        }
    }

    /// An entry that is published. What the disk refused is in memory only, and is tried once more.
    fn keep(&mut self, name: &str, outcome: &mut Outcome) {
        if !self.kept.is_wanted() {
            self.discard(name, Owed::Removal, outcome);
        } else if self
            .outbox
            .payload_in_memory(name)
            .is_none_or(|payload| self.store(name, &payload, outcome))
            && let Ok(bytes) = self.folder.keep(name)
        {
            self.kept.add(name.to_owned(), bytes, Instant::now());
        } else {
            self.discard(name, Owed::Removal, outcome);
            self.note_not_kept();
        }
        while let Some(surplus) = self.kept.take_surplus() {
            self.keep_no_longer(&surplus, outcome);
        }
        // Before it counts as published.
        self.health.keeps(self.kept.len());
        self.outbox.remove(name);
    }

    fn publish_again(&mut self, outcome: &mut Outcome) {
        let number = self.kept.len();
        while let Some(name) = self.kept.take_oldest() {
            // What stays where it is, is published again at the next start.
            if outcome.wrote(self.folder.publish_again(&name)) {
                outcome.ended = true;
                self.outbox.count_one_more();
                self.outbox.add(name, None);
            }
        }
        if number > 0 {
            tracing::info!(sessions = number, "sessions are published again: NATS may have lost them");
        }
    }

    /// Before the server has surely synced it.
    fn keep_no_longer(&mut self, name: &str, outcome: &mut Outcome) {
        outcome.note(self.folder.forget(name));
        self.note_not_kept();
    }

    fn note_not_kept(&self) {
        if self.health.count_not_kept() {
            tracing::warn!(
                "a published session was not kept until NATS has surely synced it, for want of room: it is lost only if NATS \
                 loses power now; the metric postcall_agent_published_not_kept_total counts on"
            );
        }
    }

    fn beat(&mut self, outcome: &mut Outcome) {
        self.live.sort_by_key(|(due, _)| *due);
        let limit = Instant::now() + BEATS_TOGETHER;
        let due = self.live.iter().take(BATCH).take_while(|(due, _)| *due <= limit).count();
        for index in 0..due {
            let draft = self.live[index].1.clone();
            self.save(&draft, outcome);
            self.live[index].0 = Instant::now() + BEAT;
        }
    }

    fn discard(&mut self, name: &str, what: Owed, outcome: &mut Outcome) {
        let done = match what {
            Owed::Removal => self.folder.remove(name),
            Owed::SettingAside => self.folder.set_aside(name),
        };
        if outcome.note(done) {
            self.owed.remove(name);
        } else {
            self.owed.insert(name.to_owned(), what);
        }
    }

    /// Tries the disk again for the entries that it refused; those that it takes now. The smallest come first: a large one
    /// that does not fit keeps no other from the disk.
    fn retry_memory(&mut self, outcome: &mut Outcome) -> Vec<String> {
        let mut stored = Vec::new();
        if Instant::now() < self.retry_memory_at {
            return stored;
        }
        for (name, what) in self.owed.clone() {
            self.discard(&name, what, outcome);
        }
        let mut in_memory = self.outbox.in_memory();
        in_memory.sort_by_key(|(_, payload)| payload.len());
        for (name, payload) in in_memory {
            if !self.store(&name, &payload, outcome) {
                break;
            }
            stored.push(name);
        }
        self.retry_memory_at = Instant::now() + BEAT;
        stored
    }

    /// Tries the disk though nothing is to be written: no call should begin on one that is full, and while none does,
    /// nothing else would tell that it works again.
    fn probe(&mut self, outcome: &mut Outcome) {
        if Instant::now() < self.probe_at {
            return;
        }
        count_files(&self.folder, &self.health);
        let probed = if self.disk_fails { self.folder.probe() } else { self.folder.probe_disk() };
        outcome.wrote(probed);
        let fails = self.disk_fails || outcome.error.is_some();
        self.probe_at = Instant::now() + if fails { PROBE_FAILING } else { PROBE };
    }

    /// Says once when the disk begins to fail and once when it works again. It does when it has taken all that it refused, and
    /// not when it takes something else: what is small may fit where the rest does not.
    fn report(&mut self, outcome: Outcome) {
        let folder = self.folder.root().display();
        match outcome.error {
            Some(error) if !self.disk_fails => {
                self.disk_fails = true;
                self.probe_at = Instant::now() + PROBE_FAILING;
                tracing::error!(
                    spool.dir = %folder, %error,
                    "cannot write to the spool: free disk space or make the folder writable; calls go on, but sessions \
                     are lost if this process dies before they are published"
                );
            }
            None if self.disk_fails && outcome.wrote && self.owes_nothing() => {
                self.disk_fails = false;
                tracing::info!(spool.dir = %folder, "the spool can be written again");
            }
            _ => {}
        }
        self.health.disk(self.disk_fails);
        self.health.refuses(self.refused.len());
    }

    fn owes_nothing(&self) -> bool {
        self.refused.is_empty() && self.owed.is_empty() && !self.outbox.has_in_memory()
    }
}

/// For whoever watches; a folder that cannot be listed shows what it did.
fn count_files(folder: &Folder, health: &Health) {
    if let Ok(files) = folder.count() {
        health.holds(files);
    }
}

struct Finished {
    draft: Arc<Draft>,
    payload: Vec<u8>,
    refused: bool,
}

/// What a batch did to the disk.
#[derive(Default)]
struct Outcome {
    wrote: bool,
    ended: bool,
    error: Option<io::Error>,
}

impl Outcome {
    /// Notes a write; says whether it succeeded.
    fn wrote(&mut self, result: io::Result<()>) -> bool {
        self.wrote |= result.is_ok();
        self.note(result)
    }

    fn note(&mut self, result: io::Result<()>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => {
                self.error.get_or_insert(error);
                false
            }
        }
    }
}
