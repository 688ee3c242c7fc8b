//! How often a wrong token was given, by whom. The clock is the caller's.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use service::client_network;

/// Wrong tokens that one client may give in a minute.
const MOST_TRIES: u32 = 10;
const WINDOW: Duration = Duration::from_mins(1);
/// Clients that are counted apart; further ones of that minute count as one.
const MOST_CLIENTS: usize = 10_000;

/// Wrong tokens of the minute that goes on.
#[derive(Debug, Default)]
pub(super) struct FailedTries {
    began: Duration,
    of_clients: HashMap<IpAddr, u32>,
    of_others: u32,
}

impl FailedTries {
    /// Whether this client may give a token; else, after what time.
    pub(super) fn may_try(&mut self, client: IpAddr, now: Duration) -> Result<(), Duration> {
        if *self.count(client, now) < MOST_TRIES {
            return Ok(());
        }
        Err((self.began + WINDOW).saturating_sub(now))
    }

    pub(super) fn failed(&mut self, client: IpAddr, now: Duration) {
        *self.count(client, now) += 1;
    }

    fn count(&mut self, client: IpAddr, now: Duration) -> &mut u32 {
        if now.saturating_sub(self.began) >= WINDOW {
            *self = Self { began: now, ..Self::default() };
        }
        let client = client_network(client);
        if self.of_clients.len() >= MOST_CLIENTS && !self.of_clients.contains_key(&client) {
            return &mut self.of_others;
        }
        self.of_clients.entry(client).or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn ten_wrong_tokens_close_the_door_for_the_rest_of_the_minute() {
        let mut tries = FailedTries::default();
        let (client, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let start = 100 * SECOND;
        for _ in 0..MOST_TRIES {
            assert_eq!(tries.may_try(client, start), Ok(()));
            tries.failed(client, start);
        }
        assert_eq!(tries.may_try(client, start + 20 * SECOND), Err(40 * SECOND));
        assert_eq!(tries.may_try(other, start), Ok(()));
        assert_eq!(tries.may_try(client, start + 60 * SECOND), Ok(()));
    }

    #[test]
    fn many_clients_take_bounded_memory() {
        let mut tries = FailedTries::default();
        for number in 0..2 * MOST_CLIENTS as u32 {
            tries.failed(Ipv4Addr::from(number).into(), SECOND);
        }
        assert_eq!(tries.of_clients.len(), MOST_CLIENTS);
        assert!(tries.may_try(IpAddr::from([255, 0, 0, 1]), SECOND).is_err());
        assert!(tries.may_try(IpAddr::from([0, 0, 0, 1]), SECOND).is_ok());
    }
}
