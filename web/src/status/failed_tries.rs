//! How often a wrong token was given, by whom. The clock is the caller's.
//!
//! Whoever has the right token is refused only where their own networks have given too many wrong ones: then right and wrong are
//! answered alike, so that nobody guesses on. Where there are too many clients to count apart, the rest share one count, which
//! refuses wrong tokens alone: otherwise strangers could keep everybody out. The price is that who guesses from more than
//! `MOST_COUNTED` networks at a time may guess on, and is told by the answer 200; against that stands the length of the token.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::rate_limit::networks;

/// Wrong tokens that one client may give in a minute.
const MOST_TRIES: u32 = 10;
const WINDOW: Duration = Duration::from_mins(1);
/// Networks that are counted apart; further ones of that minute count as one.
const MOST_COUNTED: usize = 10_000;

/// Wrong tokens of the minute that goes on.
#[derive(Debug, Default)]
pub(super) struct FailedTries {
    began: Duration,
    of_networks: HashMap<IpNet, u32>,
    of_others: u32,
}

impl FailedTries {
    /// Whether this client may give a right token; else, after what time.
    pub(super) fn may_be_right(&mut self, client: IpAddr, now: Duration) -> Result<(), Duration> {
        self.begin(now);
        let too_many = networks(client).any(|(network, shares)| {
            self.of_networks.get(&network).is_some_and(|count| *count >= MOST_TRIES * shares)
        });
        if too_many { Err(self.rest(now)) } else { Ok(()) }
    }

    /// Whether a wrong token of this client, who may give a right one, is answered as such; else, after what time.
    pub(super) fn may_be_wrong(&mut self, client: IpAddr, now: Duration) -> Result<(), Duration> {
        self.begin(now);
        let of_others = networks(client).any(|(network, _)| !self.is_counted_apart(&network));
        if of_others && self.of_others >= MOST_TRIES { Err(self.rest(now)) } else { Ok(()) }
    }

    pub(super) fn failed(&mut self, client: IpAddr, now: Duration) {
        self.begin(now);
        let mut is_of_others = false;
        for (network, _) in networks(client) {
            if self.is_counted_apart(&network) {
                *self.of_networks.entry(network).or_default() += 1;
            } else {
                is_of_others = true;
            }
        }
        self.of_others += u32::from(is_of_others);
    }

    fn is_counted_apart(&self, network: &IpNet) -> bool {
        self.of_networks.len() < MOST_COUNTED || self.of_networks.contains_key(network)
    }

    fn begin(&mut self, now: Duration) {
        if now.saturating_sub(self.began) >= WINDOW {
            *self = Self { began: now, ..Self::default() };
        }
    }

    fn rest(&self, now: Duration) -> Duration {
        (self.began + WINDOW).saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn ten_wrong_tokens_close_the_door_for_the_rest_of_the_minute() {
        let mut tries = FailedTries::default();
        let (client, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let start = 100 * SECOND;
        for _ in 0..MOST_TRIES {
            assert_eq!(tries.may_be_right(client, start), Ok(()));
            assert_eq!(tries.may_be_wrong(client, start), Ok(()));
            tries.failed(client, start);
        }
        assert_eq!(tries.may_be_right(client, start + 20 * SECOND), Err(40 * SECOND));
        assert_eq!(tries.may_be_right(other, start), Ok(()));
        assert_eq!(tries.may_be_right(client, start + 60 * SECOND), Ok(()));
    }

    #[test]
    fn a_site_of_ipv6_tries_no_more_often_than_eight_networks() {
        let mut tries = FailedTries::default();
        let site = 0x2001_0db8_0001_u128 << 80;
        let of_site = |network: u128| IpAddr::from(Ipv6Addr::from_bits(site + (network << 64)));
        let mut heard = 0;
        for network in 0..1_000 {
            if tries.may_be_right(of_site(network), SECOND).is_ok() {
                tries.failed(of_site(network), SECOND);
                heard += 1;
            }
        }
        assert_eq!(heard, 8 * MOST_TRIES);
        assert_eq!(tries.may_be_right("2001:db8:2::1".parse().unwrap(), SECOND), Ok(()));
    }

    #[test]
    fn many_clients_take_bounded_memory_and_shut_out_nobody_who_is_right() {
        let mut tries = FailedTries::default();
        let stranger = IpAddr::from([255, 0, 0, 1]);
        // Who has only asked is not kept.
        assert_eq!(tries.may_be_right(stranger, SECOND).and(tries.may_be_wrong(stranger, SECOND)), Ok(()));
        assert!(tries.of_networks.is_empty());
        for number in 0..2 * MOST_COUNTED as u32 {
            tries.failed(Ipv4Addr::from(number).into(), SECOND);
        }
        assert_eq!(tries.of_networks.len(), MOST_COUNTED);
        assert!(tries.may_be_wrong(stranger, SECOND).is_err());
        assert_eq!(tries.may_be_right(stranger, SECOND), Ok(()));
        assert_eq!(tries.may_be_wrong(IpAddr::from([0, 0, 0, 1]), SECOND), Ok(()));
    }
}
