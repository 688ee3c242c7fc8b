//! The addresses of the machine that a connection gathers candidates from.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// More addresses of a family than this are not used: each makes a socket and pairs with every candidate of the peer.
const MAX_ADDRESSES: usize = 4;
/// How old an answer may be.
pub(super) const FRESHNESS: Duration = Duration::from_secs(2);

/// All addresses as of the last reading, for all connections of the process: none of them has to watch for itself.
static LAST: Mutex<Option<(Instant, Vec<IpAddr>)>> = Mutex::new(None);

/// Addresses a peer may reach this machine at; none of the loopback interface.
pub(super) fn host_addresses(now: Instant) -> Vec<IpAddr> {
    choose(all_addresses(now).into_iter())
}

/// Whether an address is this machine's, of use or not.
pub(super) fn is_own(address: IpAddr, now: Instant) -> bool {
    all_addresses(now).contains(&address)
}

/// They are read anew when `now` is more than [`FRESHNESS`] past the last reading.
fn all_addresses(now: Instant) -> Vec<IpAddr> {
    let mut last = LAST.lock();
    if let Some((_, addresses)) = last.as_ref().filter(|(at, _)| now < *at + FRESHNESS) {
        return addresses.clone();
    }
    let addresses = match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces.iter().map(if_addrs::Interface::ip).collect(),
        Err(error) => {
            tracing::error!(%error, "list network interfaces");
            // Nothing is known to have changed.
            last.as_ref().map_or_else(Vec::new, |(_, addresses)| addresses.clone())
        }
    };
    *last = Some((now, addresses.clone()));
    addresses
}

/// The usable addresses, IPv4 before IPv6, each family in the system's order.
fn choose(found: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let (mut ipv4, mut ipv6): (Vec<IpAddr>, Vec<IpAddr>) = (Vec::new(), Vec::new());
    for address in found.filter(is_usable) {
        let family = if address.is_ipv4() { &mut ipv4 } else { &mut ipv6 };
        if family.len() < MAX_ADDRESSES && !family.contains(&address) {
            family.push(address);
        }
    }
    ipv4.append(&mut ipv6);
    ipv4
}

fn is_usable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !address.is_loopback() && !address.is_link_local() && !address.is_unspecified()
        }
        IpAddr::V6(address) => {
            !address.is_loopback() && !address.is_unicast_link_local() && !address.is_unspecified()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_are_used_without_what_nobody_reaches() {
        let found = [
            "127.0.0.1",
            "::1",
            "fe80::1",
            "169.254.1.1",
            "2001:db8::1",
            "10.0.0.1",
            "10.0.0.1",
            "10.0.0.2",
            "10.0.0.3",
            "10.0.0.4",
            "10.0.0.5",
        ];
        let chosen = choose(found.iter().map(|text| text.parse().expect("read address")));
        let chosen: Vec<String> = chosen.iter().map(IpAddr::to_string).collect();
        assert_eq!(chosen, ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "2001:db8::1"]);
    }
}
