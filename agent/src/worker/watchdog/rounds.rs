//! Which rooms are looked at, and when: those where somebody waits or an agent is in each round, because LiveKit does not count
//! agents and so does not tell that one is gone; those of others when their number of participants has changed, or once a minute.
//! A server with very many rooms is asked no more for it; the news take longer.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use livekit_protocol::Room;

/// A room in which nothing seems to change is looked at this often: a change between two looks may be its own reverse.
const WITHOUT_CHANGE: Duration = Duration::from_secs(60);
/// A room that could not be looked at.
const AFTER_AN_ERROR: Duration = Duration::from_secs(10);

/// A room: by id it is this one, by name LiveKit is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sid: String,
    pub(super) name: String,
}

/// When a room is to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// In the next round, before all others.
    First,
    /// In the next round.
    Soon,
    /// When its number of participants is another.
    WhenItChanges,
    /// When LiveKit may answer again.
    Later,
}

/// The rooms that there are, and when each was looked at.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    looks: HashMap<String, Look>,
}

#[derive(Debug, Default)]
struct Look {
    /// As LiveKit counted them at the time.
    participants: u32,
    last: Option<(Instant, Next)>,
}

impl Rounds {
    /// Forgets the rooms that are not listed.
    pub(super) fn keep(&mut self, listed: &[Room]) {
        let sids: HashSet<_> = listed.iter().map(|room| room.sid.as_str()).collect();
        self.looks.retain(|sid, _| sids.contains(sid.as_str()));
    }

    pub(super) fn knows(&self, sid: &str) -> bool {
        self.looks.contains_key(sid)
    }

    /// The rooms to look at now, `most` of them: where somebody waits, and then those that were not looked at for the longest.
    pub(super) fn choose(
        &mut self,
        listed: &[Room],
        own: &HashSet<String>,
        most: usize,
        now: Instant,
    ) -> Vec<Place> {
        let mut due = Vec::new();
        for room in listed.iter().filter(|room| may_wait(room, own)) {
            let look = self.looks.entry(room.sid.clone()).or_default();
            if look.is_due(room.num_participants, now) {
                let is_first = matches!(look.last, Some((_, Next::First)));
                due.push(((!is_first, look.last.map(|(at, _)| at)), room));
            }
        }
        due.sort_by_key(|(rank, _)| *rank);
        due.truncate(most);
        let chosen = due.into_iter().map(|(_, room)| {
            self.looks.entry(room.sid.clone()).or_default().participants = room.num_participants;
            Place { sid: room.sid.clone(), name: room.name.clone() }
        });
        chosen.collect()
    }

    pub(super) fn looked(&mut self, place: &Place, next: Next, now: Instant) {
        if let Some(look) = self.looks.get_mut(&place.sid) {
            look.last = Some((now, next));
        }
    }
}

/// Whether somebody may be in the room who has no agent: a worker's `own` rooms have its agent, or will have.
pub(super) fn may_wait(room: &Room, own: &HashSet<String>) -> bool {
    room.num_participants > 0 && !own.contains(&room.name)
}

impl Look {
    fn is_due(&self, participants: u32, now: Instant) -> bool {
        let Some((at, next)) = self.last else { return true };
        let since = now.saturating_duration_since(at);
        match next {
            Next::First | Next::Soon => true,
            Next::WhenItChanges => participants != self.participants || since >= WITHOUT_CHANGE,
            Next::Later => since >= AFTER_AN_ERROR,
        }
    }
}
