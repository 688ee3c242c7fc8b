//! The order of what is said to a client: nothing of an utterance before the final transcript of the one before it.

use std::collections::VecDeque;

use tokio::time::{Instant, sleep_until};

use super::stability::Stability;
use super::{Event, Transcript};

/// An utterance by its number, and where its speech ends.
type Id = (u64, u64);

/// What is to be said, in its order.
#[derive(Default)]
pub(super) struct Outbox(VecDeque<Entry>);

enum Entry {
    Event(Event),
    /// A final transcript that is being made.
    Expected {
        id: Id,
        stability: Stability,
        not_before: Instant,
    },
    /// One that is there, but would be too soon.
    Timed(Event, Instant),
}

impl Outbox {
    pub(super) fn push(&mut self, event: Event) {
        self.0.push_back(Entry::Event(event));
    }

    /// The final transcript of an utterance comes here, and not before a time.
    pub(super) fn expect(&mut self, id: Id, stability: Stability, not_before: Instant) {
        self.0.push_back(Entry::Expected { id, stability, not_before });
    }

    /// It came. Words that no interim transcript had are shown before it: there is one of each utterance at least.
    pub(super) fn arrived(&mut self, id: Id, transcript: Transcript) {
        let Some((position, mut stability, not_before)) = self.take_expected(id) else { return };
        let shown = stability.settle(&transcript.words);
        self.0.insert(position, Entry::Timed(Event::Final(transcript.clone()), not_before));
        if let Some(words) = shown {
            let interim = Event::Interim(Transcript { words, ..transcript });
            self.0.insert(position, Entry::Event(interim));
        }
    }

    /// It will not come.
    pub(super) fn failed(&mut self, id: Id) {
        if let Some((position, ..)) = self.take_expected(id) {
            self.0.insert(position, Entry::Event(Event::Failed));
        }
    }

    pub(super) fn pop(&mut self, now: Instant) -> Option<Event> {
        let entry = self.0.pop_front_if(|entry| match entry {
            Entry::Event(_) => true,
            Entry::Timed(_, not_before) => *not_before <= now,
            Entry::Expected { .. } => false,
        })?;
        match entry {
            Entry::Event(event) | Entry::Timed(event, _) => Some(event),
            Entry::Expected { .. } => None,
        }
    }

    /// Until the first entry may be said, if time is all that it waits for.
    pub(super) async fn due(&self) {
        match self.0.front() {
            Some(Entry::Timed(_, not_before)) => sleep_until(*not_before).await,
            Some(Entry::Event(_)) => {}
            Some(Entry::Expected { .. }) | None => std::future::pending().await,
        }
    }

    fn take_expected(&mut self, of: Id) -> Option<(usize, Stability, Instant)> {
        let is_it = |entry: &Entry| matches!(entry, Entry::Expected { id, .. } if *id == of);
        let position = self.0.iter().position(is_it)?;
        match self.0.remove(position)? {
            Entry::Expected { stability, not_before, .. } => Some((position, stability, not_before)),
            _ => None,
        }
    }
}
