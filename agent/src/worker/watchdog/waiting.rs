//! Who has waited for too long. Time is what passes between two looks, and a long gap between them counts as a short one: a
//! clock that jumps, or a process that was stopped, makes nobody overdue.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::company::Seen;
use super::rounds::Place;

/// Each time that an agent was dispatched again the next one takes twice as long, so many times at most.
const DOUBLINGS: u32 = 5;

/// The rooms in which somebody waits, or has waited.
#[derive(Debug)]
pub(super) struct Waiting {
    after: Duration,
    waits: HashMap<String, Wait>,
}

#[derive(Debug)]
struct Wait {
    name: String,
    /// Ids of the orders that stood when somebody last waited. Others since then are another worker's, or this one's.
    orders: Vec<String>,
    dispatched_again: u32,
    /// None while nobody waits.
    now: Option<Now>,
}

#[derive(Debug)]
struct Now {
    who: String,
    waited: Duration,
    seen: Instant,
}

impl Waiting {
    /// Somebody is overdue who has waited for `after`.
    pub(super) fn new(after: Duration) -> Self {
        Self { after, waits: HashMap::new() }
    }

    pub(super) fn saw(&mut self, place: &Place, seen: &Seen, now: Instant) {
        let Some(who) = seen.waits() else { return self.nobody_waits(&place.sid) };
        let orders: Vec<_> = seen.orders.iter().map(|order| order.id.clone()).collect();
        let wait = self.waits.entry(place.sid.clone()).or_insert_with(|| Wait {
            name: place.name.clone(),
            orders: orders.clone(),
            dispatched_again: 0,
            now: None,
        });
        if wait.orders != orders {
            wait.orders = orders;
            wait.dispatched_again += 1;
            wait.now = None;
        }
        let waited = match &wait.now {
            Some(before) if before.who == who => {
                before.waited + now.saturating_duration_since(before.seen).min(self.after / 2)
            }
            _ => Duration::ZERO,
        };
        wait.now = Some(Now { who: who.to_owned(), waited, seen: now });
    }

    pub(super) fn nobody_waits(&mut self, sid: &str) {
        if let Some(wait) = self.waits.get_mut(sid) {
            wait.now = None;
        }
    }

    /// Forgets the other rooms.
    pub(super) fn keep(&mut self, is_there: impl Fn(&str) -> bool) {
        self.waits.retain(|sid, _| is_there(sid));
    }

    /// In how many rooms somebody waits.
    pub(super) fn count(&self) -> usize {
        self.waits.values().filter(|wait| wait.now.is_some()).count()
    }

    pub(super) fn is_overdue(&self, sid: &str) -> bool {
        self.waits.get(sid).is_some_and(|wait| self.overdue_by(wait).is_some())
    }

    /// Where somebody has waited for too long, the longest wait first.
    pub(super) fn overdue(&self) -> Vec<Place> {
        let overdue = |(sid, wait): (&String, &Wait)| {
            let waited = self.overdue_by(wait)?;
            Some((waited, Place { sid: sid.clone(), name: wait.name.clone() }))
        };
        let mut overdue: Vec<_> = self.waits.iter().filter_map(overdue).collect();
        overdue.sort_by(|(one, a), (other, b)| other.cmp(one).then_with(|| a.sid.cmp(&b.sid)));
        overdue.into_iter().map(|(_, place)| place).collect()
    }

    fn overdue_by(&self, wait: &Wait) -> Option<Duration> {
        let patience = self.after * (1 << wait.dispatched_again.min(DOUBLINGS));
        wait.now.as_ref().map(|now| now.waited).filter(|&waited| waited >= patience)
    }
}
