//! How many calls there are at a time: those that LiveKit has, and those whose visitors are on their way. The clock is the
//! caller's.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use parking_lot::Mutex;

use crate::rate_limit::{Limit, TooMany};

/// How long a token counts as a call whose room is not there yet. The page joins within a few seconds.
const ON_THEIR_WAY: Duration = Duration::from_secs(15);
/// When to try again: nobody knows when a call ends.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// The calls of all visitors.
#[derive(Debug)]
pub(crate) struct Calls {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Rooms that LiveKit had when it was last asked.
    live: usize,
    /// When a token was given for each room that it did not have; never more than `most`.
    on_their_way: HashMap<String, Duration>,
}

impl Calls {
    /// At most so many; any number where it is 0.
    pub(crate) fn new(most: u32) -> Self {
        Self { most: most as usize, state: Mutex::default() }
    }

    /// Whether there is room for one more.
    pub(crate) fn check(&self, now: Duration) -> Result<(), TooMany> {
        self.state.lock().check(self.most, now)
    }

    /// A token is given for this room, if there is room for one more call.
    pub(crate) fn begin(&self, room: &str, now: Duration) -> Result<(), TooMany> {
        let mut state = self.state.lock();
        state.check(self.most, now)?;
        if self.most > 0 {
            state.on_their_way.insert(room.to_owned(), now);
        }
        Ok(())
    }

    /// LiveKit has these rooms of ours.
    pub(crate) fn are(&self, rooms: &HashSet<String>) {
        let mut state = self.state.lock();
        state.live = rooms.len();
        state.on_their_way.retain(|room, _| !rooms.contains(room));
    }
}

impl State {
    fn check(&mut self, most: usize, now: Duration) -> Result<(), TooMany> {
        if most == 0 {
            return Ok(());
        }
        self.on_their_way.retain(|_, given| now.saturating_sub(*given) < ON_THEIR_WAY);
        let calls = self.live + self.on_their_way.len();
        if calls < most { Ok(()) } else { Err(Limit::Calls.refuses(RETRY_AFTER)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rooms(names: &[&str]) -> HashSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn those_on_their_way_count_once_and_not_for_ever() {
        let calls = Calls::new(2);
        assert!(calls.begin("a", SECOND).is_ok() && calls.begin("b", SECOND).is_ok());
        assert_eq!(calls.begin("c", 2 * SECOND).unwrap_err().limit, Limit::Calls);
        // One of the two has joined, and is not counted twice.
        calls.are(&rooms(&["a"]));
        assert!(calls.check(3 * SECOND).is_err());
        // The other one never came.
        assert!(calls.begin("c", SECOND + ON_THEIR_WAY).is_ok());
        assert!(calls.check(SECOND + ON_THEIR_WAY).is_err());
        calls.are(&rooms(&[]));
        assert!(calls.check(SECOND + ON_THEIR_WAY).is_ok());
    }

    #[test]
    fn no_limit_remembers_nobody() {
        let calls = Calls::new(0);
        calls.are(&(0..10).map(|number| number.to_string()).collect());
        assert!((0..1_000).all(|number| calls.begin(&number.to_string(), SECOND).is_ok()));
        assert!(calls.state.lock().on_their_way.is_empty());
    }
}
