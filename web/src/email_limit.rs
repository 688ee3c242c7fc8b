//! How many calls are placed with one e-mail address in an hour. The clock is the caller's.
//!
//! Anybody may type an address, so what one network takes of it is not what its owner has: each network has a bucket for each
//! address, and the bucket of the address alone is larger, against those who come from many networks.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use rand::Rng as _;
use ring::hmac;
use schemas::Email;

use crate::rate_limit::{Buckets, Limit, Rate, TooMany, site};

/// What an address may have of all networks together: as much as so many of them.
const SHARES_OF_ALL: u32 = 10;

/// What stands for an address: no address can be told from it without the key, which is made anew at each start.
type Fingerprint = [u8; 16];

/// The buckets of all addresses.
pub(crate) struct EmailLimit {
    rate: Rate,
    key: hmac::Key,
    of_networks: Buckets<(Fingerprint, IpNet)>,
    of_all: Buckets<Fingerprint>,
}

impl EmailLimit {
    pub(crate) fn new(rate: Rate) -> Self {
        let mut salt = [0; 32];
        rand::rng().fill_bytes(&mut salt);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &salt);
        Self { rate, key, of_networks: Buckets::default(), of_all: Buckets::default() }
    }

    /// Whether there is a token of this address for this client.
    pub(crate) fn check(&self, email: &Email, client: IpAddr, now: Duration) -> Result<(), TooMany> {
        let address = self.fingerprint(email);
        let of_network = self.of_networks.full_at(&(address, site(client)));
        self.rate
            .wait(1, of_network, now)
            .and_then(|()| self.rate.wait(SHARES_OF_ALL, self.of_all.full_at(&address), now))
            .map_err(|wait| Limit::Email.refuses(wait))
    }

    pub(crate) fn take(&mut self, email: &Email, client: IpAddr, now: Duration) {
        self.of_networks.sweep(now);
        self.of_all.sweep(now);
        let address = self.fingerprint(email);
        let of_network = (address, site(client));
        let full_at = self.rate.taken(1, self.of_networks.full_at(&of_network), now);
        self.of_networks.set(of_network, full_at);
        let full_at = self.rate.taken(SHARES_OF_ALL, self.of_all.full_at(&address), now);
        self.of_all.set(address, full_at);
    }

    /// Of the mailbox: what stands behind a `+` is its owner's to make up.
    fn fingerprint(&self, email: &Email) -> Fingerprint {
        let (name, domain) = email.normalized().rsplit_once('@').unwrap_or_default();
        let mailbox = name.split_once('+').map_or(name, |(mailbox, _)| mailbox);
        let mut context = hmac::Context::with_key(&self.key);
        [mailbox, "@", domain].iter().for_each(|part| context.update(part.as_bytes()));
        let tag = context.sign();
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const ANN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn take(limit: &mut EmailLimit, text: &str, client: IpAddr, now: Duration) -> Result<(), TooMany> {
        limit.check(&email(text), client, now)?;
        limit.take(&email(text), client, now);
        Ok(())
    }

    fn email(text: &str) -> Email {
        Email::try_from(text).unwrap()
    }

    #[test]
    fn a_mailbox_has_one_limit_however_it_is_spelled() {
        let mut limit = EmailLimit::new(Rate::per_hour(4));
        for text in ["ann@x.org", "Ann@X.org", "ann+one@x.org", "ann+two@x.org"] {
            assert_eq!(take(&mut limit, text, ANN, HOUR), Ok(()), "{text}");
        }
        let refused = take(&mut limit, "ann@x.org", ANN, HOUR).unwrap_err();
        assert_eq!(refused, TooMany { limit: Limit::Email, retry_after: HOUR / 4 });
        assert_eq!(take(&mut limit, "ann@y.org", ANN, HOUR), Ok(()));
        assert_eq!(take(&mut limit, "anna@x.org", ANN, HOUR), Ok(()));
        assert_eq!(take(&mut limit, "ann@x.org", ANN, HOUR + HOUR / 4), Ok(()));
    }

    #[test]
    fn who_types_the_address_of_another_does_not_shut_them_out() {
        let mut limit = EmailLimit::new(Rate::per_hour(20));
        // Of a whole /48, and as often as that can.
        let site = 0x2001_0db8_0001_u128 << 80;
        let strangers = (0..1_000_u128).map(|network| Ipv6Addr::from_bits(site + (network << 64)).into());
        let taken = strangers.filter(|&ip| take(&mut limit, "ann@x.org", ip, HOUR).is_ok()).count();
        assert_eq!(taken, 20);
        assert_eq!(take(&mut limit, "ann@x.org", ANN, HOUR), Ok(()));
        // From many networks together there are ten times as many.
        let many = (0..1_000_u32).map(|number| IpAddr::from(Ipv4Addr::from(number)));
        let taken = many.filter(|&ip| take(&mut limit, "ann@x.org", ip, HOUR).is_ok()).count();
        assert_eq!(taken, 200 - 21);
    }

    #[test]
    fn zero_is_no_limit() {
        let mut limit = EmailLimit::new(Rate::per_hour(0));
        assert!((0..1_000).all(|_| take(&mut limit, "ann@x.org", ANN, HOUR).is_ok()));
    }

    #[test]
    fn what_is_kept_is_not_the_address_and_differs_between_starts() {
        let [one, two] =
            [(); 2].map(|()| EmailLimit::new(Rate::per_hour(1)).fingerprint(&email("ann@x.org")));
        assert_ne!(one, two);
    }
}
