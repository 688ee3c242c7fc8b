//! The ended sessions of a worker that are not published yet, and the order in which they are published.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, watch};

/// The ended sessions that are not published yet, by file name, and the order to publish them in.
#[derive(Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    added: Notify,
    /// Ended sessions; one counts from the moment it ends, before the writer has stored it.
    waiting_tx: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    entries: HashMap<String, Entry>,
    queue: VecDeque<String>,
}

struct Entry {
    /// The payload, where it is in memory only.
    payload: Option<Bytes>,
    since: Instant,
}

impl Outbox {
    /// Counts a session that ends; [`Self::add`] follows.
    pub(super) fn count_one_more(&self) {
        self.waiting_tx.send_modify(|waiting| *waiting += 1);
    }

    /// Queues an ended session. One that waits already is final, and stays as it is.
    pub(super) fn add(&self, name: String, in_memory: Option<Bytes>) {
        self.add_that_waits(name, in_memory, Duration::ZERO);
    }

    /// The same, of one that has waited already.
    pub(super) fn add_that_waits(&self, name: String, in_memory: Option<Bytes>, waited: Duration) {
        let now = Instant::now();
        let since = now.checked_sub(waited).unwrap_or(now);
        let mut state = self.lock();
        if state.entries.contains_key(&name) {
            drop(state);
            self.count_one_less();
            return;
        }
        state.entries.insert(name.clone(), Entry { payload: in_memory, since });
        state.queue.push_back(name);
        drop(state);
        self.added.notify_one();
    }

    pub(super) fn holds(&self, name: &str) -> bool {
        self.lock().entries.contains_key(name)
    }

    /// Resolves when there is one to [`Self::take`]. For one waiter.
    pub(super) async fn available(&self) {
        loop {
            let added = self.added.notified();
            if !self.lock().queue.is_empty() {
                return;
            }
            added.await;
        }
    }

    pub(super) fn take(&self) -> Option<String> {
        self.lock().queue.pop_front()
    }

    pub(super) fn put_back(&self, name: String) {
        self.lock().queue.push_back(name);
        self.added.notify_one();
    }

    pub(super) fn payload_in_memory(&self, name: &str) -> Option<Bytes> {
        self.lock().entries.get(name).and_then(|entry| entry.payload.clone())
    }

    pub(super) fn in_memory(&self) -> Vec<(String, Bytes)> {
        let state = self.lock();
        let in_memory = |(name, entry): (&String, &Entry)| Some((name.clone(), entry.payload.clone()?));
        state.entries.iter().filter_map(in_memory).collect()
    }

    pub(super) fn has_in_memory(&self) -> bool {
        self.lock().entries.values().any(|entry| entry.payload.is_some())
    }

    /// An entry is no longer in memory only.
    pub(super) fn stored(&self, name: &str) {
        if let Some(entry) = self.lock().entries.get_mut(name) {
            entry.payload = None;
        }
    }

    /// An entry is published, or set aside.
    pub(super) fn remove(&self, name: &str) {
        if self.lock().entries.remove(name).is_some() {
            self.count_one_less();
        }
    }

    /// How long the one has waited that has waited longest.
    pub(super) fn oldest_waits(&self) -> Option<Duration> {
        self.lock().entries.values().map(|entry| entry.since.elapsed()).max()
    }

    pub(super) fn waiting(&self) -> usize {
        *self.waiting_tx.borrow()
    }

    pub(super) async fn drained(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        drop(self.waiting_tx.subscribe().wait_for(|waiting| *waiting == 0).await);
    }

    fn count_one_less(&self) {
        self.waiting_tx.send_modify(|waiting| *waiting -= 1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
