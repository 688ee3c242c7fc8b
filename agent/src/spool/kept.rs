//! Published sessions that the server may not have on its disk yet: JetStream acknowledges before it syncs.
//!
//! Their payloads are files; here is only which they are, and in what order they go.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Most sessions that are kept.
const MOST: usize = 10_000;

/// The kept sessions, the oldest first.
pub(super) struct Kept {
    /// None where nothing has to be kept.
    safe_after: Option<Duration>,
    most_bytes: u64,
    entries: VecDeque<Entry>,
    bytes: u64,
}

struct Entry {
    name: String,
    bytes: u64,
    published: Instant,
}

impl Kept {
    pub(super) fn new(safe_after: Option<Duration>, most_bytes: u64) -> Self {
        Self { safe_after, most_bytes, entries: VecDeque::new(), bytes: 0 }
    }

    /// Whether anything is kept at all.
    pub(super) fn is_wanted(&self) -> bool {
        self.safe_after.is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn add(&mut self, name: String, bytes: u64, published: Instant) {
        self.bytes += bytes;
        self.entries.push_back(Entry { name, bytes, published });
    }

    /// Takes the oldest where they are too many.
    pub(super) fn take_surplus(&mut self) -> Option<String> {
        (self.entries.len() > MOST || self.bytes > self.most_bytes).then(|| self.take_oldest()).flatten()
    }

    /// Takes the oldest where the server had everything at a moment that is late enough for it.
    pub(super) fn take_safe(&mut self, held: Instant) -> Option<String> {
        let oldest = self.entries.front()?;
        let safe = oldest.published + self.safe_after.unwrap_or_default();
        (safe <= held).then(|| self.take_oldest()).flatten()
    }

    pub(super) fn take_oldest(&mut self) -> Option<String> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.bytes;
        Some(entry.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(240);

    #[test]
    fn what_the_server_held_long_enough_goes_the_oldest_first() {
        let began = Instant::now();
        let mut kept = Kept::new(Some(TIME), 1_000);
        for (seconds, name) in [(0, "a"), (1, "b"), (60, "c")] {
            kept.add(name.to_owned(), 10, began + Duration::from_secs(seconds));
        }
        assert_eq!(kept.take_safe(began + TIME - Duration::from_millis(1)), None);
        let held = began + TIME + Duration::from_secs(1);
        assert_eq!(kept.take_safe(held).as_deref(), Some("a"));
        assert_eq!(kept.take_safe(held).as_deref(), Some("b"));
        assert_eq!(kept.take_safe(held), None);
        assert_eq!(kept.len(), 1);
    }

    #[test]
    fn the_oldest_make_room_by_bytes_and_by_number() {
        let now = Instant::now();
        let mut kept = Kept::new(Some(TIME), 100);
        for name in ["a", "b", "c"] {
            kept.add(name.to_owned(), 40, now);
        }
        assert_eq!(kept.take_surplus().as_deref(), Some("a"));
        assert_eq!(kept.take_surplus(), None);
        // One that is too large for itself is not kept either.
        kept.add("d".to_owned(), 101, now);
        let surplus: Vec<_> = std::iter::from_fn(|| kept.take_surplus()).collect();
        assert_eq!((surplus, kept.bytes), (vec!["b".to_owned(), "c".to_owned(), "d".to_owned()], 0));

        let mut kept = Kept::new(Some(TIME), u64::MAX);
        for number in 0..=MOST {
            kept.add(number.to_string(), 1, now);
        }
        assert_eq!((kept.take_surplus().as_deref(), kept.take_surplus()), (Some("0"), None));
    }
}
