//! Which connections are open, whose they are, and which of them makes place for a new one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::HttpLimits;
use super::activity::Activity;
use crate::networks::{Networks, client_network};

/// The connections of one server, by whose they are.
pub(super) struct Connections {
    most: usize,
    most_of_an_address: usize,
    proxies: Networks,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Open>,
    /// How many of them each address has; none for those that may have any number.
    of_address: HashMap<IpAddr, usize>,
}

struct Open {
    address: Option<IpAddr>,
    activity: Arc<Activity>,
    /// Cancelled when another connection gets its place.
    displaced: CancellationToken,
}

/// A connection's place, which it gives back when it is dropped.
pub(super) struct Place {
    id: u64,
    pub(super) activity: Arc<Activity>,
    pub(super) displaced: CancellationToken,
    connections: Arc<Connections>,
}

impl Connections {
    pub(super) fn new(limits: &HttpLimits) -> Self {
        Self {
            most: limits.connections,
            most_of_an_address: limits.connections_of_an_address,
            proxies: limits.proxies.clone(),
            table: Mutex::default(),
        }
    }

    /// A place for a connection from this address, if need be that of another which only waits; `None` where all are at
    /// work.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = (!self.proxies.contains(address)).then(|| client_network(address));
        let mut table = self.table.lock();
        let of_address = address.and_then(|address| table.of_address.get(&address)).copied().unwrap_or(0);
        if of_address >= self.most_of_an_address {
            table.displace(|open| open.address == address)?;
        } else if table.open.len() >= self.most {
            table.displace(|_| true)?;
        }
        let open = Open {
            address,
            activity: Arc::new(Activity::begin(Instant::now())),
            displaced: CancellationToken::new(),
        };
        let id = table.next;
        table.next += 1;
        let (activity, displaced) = (Arc::clone(&open.activity), open.displaced.clone());
        if let Some(address) = address {
            *table.of_address.entry(address).or_default() += 1;
        }
        table.open.insert(id, open);
        Some(Place { id, activity, displaced, connections: Arc::clone(self) })
    }

    /// Ends the connection that has waited longest for its client, where there is one.
    pub(super) fn end_longest_waiting(&self) {
        self.table.lock().displace(|_| true);
    }
}

impl Table {
    fn displace(&mut self, of: impl Fn(&Open) -> bool) -> Option<()> {
        let waiting = self.open.iter().filter(|(_, open)| of(open));
        let waiting = waiting.filter_map(|(id, open)| Some((open.activity.waiting_since()?, *id)));
        let (_, longest) = waiting.min()?;
        self.remove(longest)?.displaced.cancel();
        Some(())
    }

    fn remove(&mut self, id: u64) -> Option<Open> {
        let open = self.open.remove(&id)?;
        if let Some(address) = open.address
            && let Some(count) = self.of_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.of_address.remove(&address);
            }
        }
        Some(open)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // One that was displaced has none any more.
        drop(self.connections.table.lock().remove(self.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(most: usize, most_of_an_address: usize, proxies: &str) -> Arc<Connections> {
        Arc::new(Connections::new(&HttpLimits {
            connections: most,
            connections_of_an_address: most_of_an_address,
            proxies: proxies.parse().unwrap(),
            ..HttpLimits::operations()
        }))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn who_waited_longest_makes_place() {
        let connections = connections(3, 2, "");
        let first = connections.admit(ip("192.0.2.1")).unwrap();
        let second = connections.admit(ip("192.0.2.1")).unwrap();
        second.activity.request_began(false, Instant::now());
        let third = connections.admit(ip("192.0.2.1")).unwrap();
        assert!(first.displaced.is_cancelled() && !second.displaced.is_cancelled());
        let other = connections.admit(ip("192.0.2.2")).unwrap();
        let another = connections.admit(ip("192.0.2.3")).unwrap();
        assert!(third.displaced.is_cancelled() && !other.displaced.is_cancelled());
        drop((first, third, other, another));
        assert_eq!(connections.table.lock().of_address.len(), 1);
        drop(second);
        assert!(connections.table.lock().of_address.is_empty() && connections.table.lock().open.is_empty());
    }

    #[test]
    fn those_at_work_are_left_alone() {
        let connections = connections(2, 2, "");
        let busy = [ip("192.0.2.1"), ip("192.0.2.2")].map(|address| connections.admit(address).unwrap());
        busy.iter().for_each(|place| place.activity.request_began(false, Instant::now()));
        assert!(connections.admit(ip("192.0.2.3")).is_none());
    }

    #[test]
    fn a_proxy_may_have_all_and_a_network_of_ipv6_counts_as_one_address() {
        let connections = connections(4, 1, "192.0.2.0/24");
        let proxied = [1, 2].map(|_| connections.admit(ip("::ffff:192.0.2.7")).unwrap());
        assert!(proxied.iter().all(|place| !place.displaced.is_cancelled()));
        let one = connections.admit(ip("2001:db8::1")).unwrap();
        let two = connections.admit(ip("2001:db8::2")).unwrap();
        assert!(one.displaced.is_cancelled() && !two.displaced.is_cancelled());
    }
}
