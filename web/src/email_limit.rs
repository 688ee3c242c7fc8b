//! How many calls are placed with one e-mail address in an hour.

use std::time::Duration;

use parking_lot::Mutex;
use rand::Rng as _;
use ring::hmac;
use schemas::Email;

use crate::rate_limit::{Buckets, Limit, Rate, TooMany};

/// What stands for an address: no address can be told from it without the key, which is made anew at each start.
type Fingerprint = [u8; 16];

/// The buckets of all addresses.
pub(crate) struct EmailLimit {
    rate: Rate,
    key: hmac::Key,
    buckets: Mutex<Buckets<Fingerprint>>,
}

impl EmailLimit {
    pub(crate) fn new(rate: Rate) -> Self {
        let mut salt = [0; 32];
        rand::rng().fill_bytes(&mut salt);
        Self { rate, key: hmac::Key::new(hmac::HMAC_SHA256, &salt), buckets: Mutex::default() }
    }

    /// Takes a token, or none. A refusal costs nothing.
    pub(crate) fn take(&self, email: &Email, now: Duration) -> Result<(), TooMany> {
        let mut buckets = self.buckets.lock();
        buckets.sweep(now);
        let fingerprint = self.fingerprint(email);
        let full_at = buckets.full_at(&fingerprint);
        self.rate.wait(1, full_at, now).map_err(|wait| Limit::Email.refuses(wait))?;
        buckets.set(fingerprint, self.rate.taken(1, full_at, now));
        Ok(())
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
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn email(text: &str) -> Email {
        Email::try_from(text).unwrap()
    }

    #[test]
    fn a_mailbox_has_one_limit_however_it_is_spelled() {
        let limit = EmailLimit::new(Rate::per_hour(4));
        for text in ["ann@x.org", "Ann@X.org", "ann+one@x.org", "ann+two@x.org"] {
            assert_eq!(limit.take(&email(text), HOUR), Ok(()), "{text}");
        }
        let refused = limit.take(&email("ann@x.org"), HOUR).unwrap_err();
        assert_eq!(refused, TooMany { limit: Limit::Email, retry_after: HOUR / 4 });
        assert_eq!(limit.take(&email("ann@y.org"), HOUR), Ok(()));
        assert_eq!(limit.take(&email("anna@x.org"), HOUR), Ok(()));
        assert_eq!(limit.take(&email("ann@x.org"), HOUR + HOUR / 4), Ok(()));
    }

    #[test]
    fn zero_is_no_limit() {
        let limit = EmailLimit::new(Rate::per_hour(0));
        assert!((0..1_000).all(|_| limit.take(&email("ann@x.org"), HOUR).is_ok()));
    }

    #[test]
    fn what_is_kept_is_not_the_address_and_differs_between_starts() {
        let [one, two] =
            [(); 2].map(|()| EmailLimit::new(Rate::per_hour(1)).fingerprint(&email("ann@x.org")));
        assert_ne!(one, two);
    }
}
