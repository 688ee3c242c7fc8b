//! How many calls there are at a time: those that LiveKit has, and those whose visitors are on their way. The clock is the
//! caller's.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;

use crate::rate_limit::{Limit, TooMany, networks};

/// How long a token counts as a call whose room is not there yet. The page joins within a few seconds.
const ON_THEIR_WAY: Duration = Duration::from_secs(15);
/// When to try again: nobody knows when a call ends.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// Calls on their way of one network: whoever takes tokens that nobody uses holds no more lines than these.
const MOST_OF_A_NETWORK: usize = 3;
/// The same of the /48 of an IPv6 address, which may be one client's.
const MOST_OF_A_SITE: usize = 6;

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
    /// The tokens for rooms that it did not have, by room; never more than `most`.
    on_their_way: HashMap<String, Given>,
}

/// A token that was given.
#[derive(Debug)]
struct Given {
    at: Duration,
    to: IpAddr,
}

impl Calls {
    /// At most so many; any number where it is 0.
    pub(crate) fn new(most: u32) -> Self {
        Self { most: most as usize, state: Mutex::default() }
    }

    /// Whether there is room for one more of this client.
    pub(crate) fn check(&self, client: IpAddr, now: Duration) -> Result<(), TooMany> {
        self.state.lock().check(self.most, client, now)
    }

    /// A token is given for this room, if there is room for one more call.
    pub(crate) fn begin(&self, room: &str, client: IpAddr, now: Duration) -> Result<(), TooMany> {
        let mut state = self.state.lock();
        state.check(self.most, client, now)?;
        if self.most > 0 {
            state.on_their_way.insert(room.to_owned(), Given { at: now, to: client });
        }
        Ok(())
    }

    /// None was given for it after all.
    pub(crate) fn take_back(&self, room: &str) {
        self.state.lock().on_their_way.remove(room);
    }

    /// LiveKit has these rooms of ours.
    pub(crate) fn are(&self, rooms: &HashSet<String>) {
        let mut state = self.state.lock();
        state.live = rooms.len();
        state.on_their_way.retain(|room, _| !rooms.contains(room));
    }
}

impl State {
    fn check(&mut self, most: usize, client: IpAddr, now: Duration) -> Result<(), TooMany> {
        if most == 0 {
            return Ok(());
        }
        self.on_their_way.retain(|_, given| now.saturating_sub(given.at) < ON_THEIR_WAY);
        for ((network, _), most) in networks(client).zip([MOST_OF_A_NETWORK, MOST_OF_A_SITE]) {
            let of_network = self.on_their_way.values().filter(|given| network.contains(&given.to));
            let (count, first) =
                of_network.fold((0, now), |(count, first), given| (count + 1, first.min(given.at)));
            if count >= most {
                return Err(Limit::Client.refuses((first + ON_THEIR_WAY).saturating_sub(now)));
            }
        }
        let calls = self.live + self.on_their_way.len();
        if calls < most { Ok(()) } else { Err(Limit::Calls.refuses(RETRY_AFTER)) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rooms(names: &[&str]) -> HashSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn client(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn those_on_their_way_count_once_and_not_for_ever() {
        let (calls, one) = (Calls::new(2), client(1));
        assert!(calls.begin("a", one, SECOND).is_ok() && calls.begin("b", one, SECOND).is_ok());
        assert_eq!(calls.begin("c", one, 2 * SECOND).unwrap_err().limit, Limit::Calls);
        // One of the two has joined, and is not counted twice.
        calls.are(&rooms(&["a"]));
        assert!(calls.check(one, 3 * SECOND).is_err());
        // The other one never came.
        assert!(calls.begin("c", one, SECOND + ON_THEIR_WAY).is_ok());
        assert!(calls.check(one, SECOND + ON_THEIR_WAY).is_err());
        calls.are(&rooms(&[]));
        assert!(calls.check(one, SECOND + ON_THEIR_WAY).is_ok());
        // Of this one nothing came.
        calls.take_back("c");
        assert!(calls.state.lock().on_their_way.is_empty());
    }

    #[test]
    fn who_uses_no_token_holds_three_lines_and_the_others_are_free() {
        let calls = Calls::new(20);
        let taken = (0..100).filter(|number| calls.begin(&number.to_string(), client(1), SECOND).is_ok());
        assert_eq!(taken.count(), MOST_OF_A_NETWORK);
        let refused = calls.check(client(1), 5 * SECOND).unwrap_err();
        assert_eq!(refused, Limit::Client.refuses(SECOND + ON_THEIR_WAY - 5 * SECOND));
        assert!(calls.check(client(2), SECOND).is_ok());
        // Whoever joins is not on their way any more.
        calls.are(&rooms(&["0"]));
        assert!(calls.check(client(1), 5 * SECOND).is_ok());
    }

    #[test]
    fn a_site_of_ipv6_holds_no_more_lines_than_two_networks() {
        let calls = Calls::new(100);
        let site = 0x2001_0db8_0001_u128 << 80;
        let of_site = |network: u128| IpAddr::from(Ipv6Addr::from_bits(site + (network << 64)));
        let taken =
            (0..100).filter(|&number| calls.begin(&number.to_string(), of_site(number), SECOND).is_ok());
        assert_eq!(taken.count(), MOST_OF_A_SITE);
        assert!(calls.check("2001:db8:2::1".parse().unwrap(), SECOND).is_ok());
    }

    #[test]
    fn no_limit_remembers_nobody() {
        let calls = Calls::new(0);
        calls.are(&(0..10).map(|number| number.to_string()).collect());
        assert!((0..1_000).all(|number| calls.begin(&number.to_string(), client(1), SECOND).is_ok()));
        assert!(calls.state.lock().on_their_way.is_empty());
    }
}
