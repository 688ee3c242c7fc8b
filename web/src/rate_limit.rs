//! How many tokens there are in a time: for one client, for one e-mail address, and for all of them. The clock is the
//! caller's.
//!
//! Each limit is a bucket that holds what there is in its time, and fills at an even pace. A bucket is one number, the moment at
//! which it will be full again, and a full one is forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::iter;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use parking_lot::Mutex;

/// Buckets of a kind that are kept, at some 50 bytes each. Those who come when there are as many share one.
const MOST_BUCKETS: usize = 100_000;
const SWEEP: Duration = Duration::from_secs(10);
/// What the /48 of an IPv6 address may have: as much as so many of its /64. Whoever was given the whole has 65,536 of them.
const SHARES_OF_A_SITE: u32 = 8;

/// So many tokens in a time; no limit where there are 0.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    tokens: u32,
    period: Duration,
}

/// The buckets of all clients.
#[derive(Debug)]
pub(crate) struct RateLimit {
    rate: Rate,
    clients: Mutex<Buckets<IpNet>>,
}

/// The one bucket of all together.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    /// On the caller's clock.
    full_at: Duration,
}

/// When each bucket will be full again, on the caller's clock, by whose it is.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    full_at: HashMap<K, Duration>,
    /// The same for those that have no bucket of their own.
    shared: Duration,
    swept: Duration,
}

/// Which limit was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Client,
    Email,
    All,
    Calls,
}

/// No token, and when there will be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) limit: Limit,
    pub(crate) retry_after: Duration,
}

impl Rate {
    /// So many in a minute.
    pub fn per_minute(tokens: u32) -> Self {
        Self { tokens, period: Duration::from_mins(1) }
    }

    /// So many in an hour.
    pub fn per_hour(tokens: u32) -> Self {
        Self { tokens, period: Duration::from_hours(1) }
    }

    /// How long a bucket of so many shares takes for one more token.
    fn interval(self, shares: u32) -> Duration {
        self.period.checked_div(self.tokens.saturating_mul(shares)).unwrap_or_default()
    }

    /// Whether there is a token; else, when there will be one.
    pub(crate) fn wait(self, shares: u32, full_at: Duration, now: Duration) -> Result<(), Duration> {
        let one_left = self.period.saturating_sub(self.interval(shares));
        let missing = full_at.saturating_sub(now);
        if self.tokens == 0 || missing <= one_left { Ok(()) } else { Err(missing - one_left) }
    }

    /// When the bucket will be full again, after one more token.
    pub(crate) fn taken(self, shares: u32, full_at: Duration, now: Duration) -> Duration {
        full_at.max(now) + self.interval(shares)
    }
}

impl RateLimit {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, clients: Mutex::default() }
    }

    /// Takes a token, or none. A refusal costs nothing.
    pub(crate) fn take(&self, client: IpAddr, now: Duration) -> Result<(), TooMany> {
        let mut clients = self.clients.lock();
        clients.sweep(now);
        for (network, shares) in networks(client) {
            let full_at = clients.full_at(&network);
            self.rate.wait(shares, full_at, now).map_err(|wait| Limit::Client.refuses(wait))?;
        }
        for (network, shares) in networks(client) {
            let full_at = self.rate.taken(shares, clients.full_at(&network), now);
            clients.set(network, full_at);
        }
        Ok(())
    }

    /// How many buckets are kept.
    pub(crate) fn buckets(&self) -> usize {
        self.clients.lock().len()
    }
}

impl Bucket {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, full_at: Duration::ZERO }
    }

    /// Whether there is a token.
    pub(crate) fn check(&self, now: Duration) -> Result<(), TooMany> {
        self.rate.wait(1, self.full_at, now).map_err(|wait| Limit::All.refuses(wait))
    }

    pub(crate) fn take(&mut self, now: Duration) {
        self.full_at = self.rate.taken(1, self.full_at, now);
    }
}

impl Limit {
    pub(crate) fn refuses(self, retry_after: Duration) -> TooMany {
        TooMany { limit: self, retry_after }
    }

    /// For programs: the same for ever.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Email => "email",
            Self::All => "all",
            Self::Calls => "calls",
        }
    }
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self { full_at: HashMap::new(), shared: Duration::ZERO, swept: Duration::ZERO }
    }
}

impl<K: Eq + Hash> Buckets<K> {
    pub(crate) fn full_at(&self, whose: &K) -> Duration {
        match self.full_at.get(whose) {
            Some(full_at) => *full_at,
            None if self.full_at.len() < MOST_BUCKETS => Duration::ZERO,
            None => self.shared,
        }
    }

    pub(crate) fn set(&mut self, whose: K, full_at: Duration) {
        if self.full_at.len() < MOST_BUCKETS || self.full_at.contains_key(&whose) {
            self.full_at.insert(whose, full_at);
        } else {
            self.shared = full_at;
        }
    }

    /// Forgets those that are full.
    pub(crate) fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        self.full_at.retain(|_, full_at| *full_at > now);
        if self.full_at.len() < self.full_at.capacity() / 4 {
            self.full_at.shrink_to_fit();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.full_at.len()
    }
}

/// What a client counts as, from the smallest on, and how many shares that has.
pub(crate) fn networks(client: IpAddr) -> impl Iterator<Item = (IpNet, u32)> {
    let of = move |bits, shares| (IpNet::new_assert(client, bits).trunc(), shares);
    let (own, site) =
        if client.is_ipv4() { (of(32, 1), None) } else { (of(64, 1), Some(of(48, SHARES_OF_A_SITE))) };
    iter::once(own).chain(site)
}

/// The largest network that may be one client's alone.
pub(crate) fn site(client: IpAddr) -> IpNet {
    IpNet::new_assert(client, if client.is_ipv4() { 32 } else { 48 }).trunc()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// How many of these were granted at one moment.
    fn granted(limit: &RateLimit, clients: impl Iterator<Item = IpAddr>, now: Duration) -> usize {
        clients.filter(|&client| limit.take(client, now).is_ok()).count()
    }

    #[test]
    fn a_client_gets_a_minutes_worth_at_once_and_then_one_at_a_time() {
        let limit = RateLimit::new(Rate::per_minute(60));
        let one = || std::iter::repeat_n(ip("192.0.2.1"), 10_000);
        let start = 100 * SECOND;
        assert_eq!(granted(&limit, one(), start), 60);
        let refused = limit.take(ip("192.0.2.1"), start).unwrap_err();
        assert_eq!(refused, TooMany { limit: Limit::Client, retry_after: SECOND });
        assert_eq!(granted(&limit, one(), start + 5 * SECOND), 5);
        assert!(limit.take(ip("192.0.2.2"), start).is_ok());
        assert_eq!(granted(&limit, one(), start + 1_000 * SECOND), 60);
    }

    #[test]
    fn all_together_have_a_limit_and_a_refusal_costs_nothing() {
        let mut all = Bucket::new(Rate::per_minute(120));
        for _ in 0..120 {
            assert!(all.check(SECOND).is_ok());
            all.take(SECOND);
        }
        for _ in 0..1_000 {
            let refused = all.check(SECOND).unwrap_err();
            assert_eq!(refused, TooMany { limit: Limit::All, retry_after: SECOND / 2 });
        }
        assert!(all.check(SECOND + SECOND / 2).is_ok());
    }

    #[test]
    fn an_ipv6_network_counts_as_one_client_and_a_site_as_eight() {
        let limit = RateLimit::new(Rate::per_minute(10));
        let site = 0x2001_0db8_0001_u128 << 80;
        let of_one_network = (0..1_000).map(|host| IpAddr::from(Ipv6Addr::from_bits(site + host)));
        assert_eq!(granted(&limit, of_one_network, SECOND), 10);
        let of_one_site = (0..1_000_u128).map(|network| Ipv6Addr::from_bits(site + (network << 64)).into());
        assert_eq!(granted(&limit, of_one_site, SECOND), 70);
        assert!(limit.take(ip("2001:db8:2::1"), SECOND).is_ok());
    }

    #[test]
    fn zero_is_no_limit() {
        let limit = RateLimit::new(Rate::per_minute(0));
        assert_eq!(granted(&limit, std::iter::repeat_n(ip("192.0.2.1"), 5_000), SECOND), 5_000);
    }

    #[test]
    fn a_million_addresses_take_bounded_memory_and_are_limited_together() {
        let limit = RateLimit::new(Rate::per_minute(60));
        let million = || (0..1_000_000).map(|number| IpAddr::from(Ipv4Addr::from(number)));
        assert_eq!(granted(&limit, million(), SECOND), MOST_BUCKETS + 60);
        assert_eq!(limit.buckets(), MOST_BUCKETS);
        assert_eq!(limit.take(ip("255.0.0.1"), SECOND).unwrap_err().limit, Limit::Client);
        assert!(limit.take(ip("255.0.0.1"), 100 * SECOND).is_ok());
        assert_eq!(limit.buckets(), 1);
    }
}
