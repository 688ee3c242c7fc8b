//! Addresses and networks of clients.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;

/// A list of networks, such as `10.0.0.0/8,2001:db8::/32`; an address alone is a network of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Arc<[IpNet]>);

/// Why a text is no list of networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected networks such as 10.0.0.0/8 or 2001:db8::/32, separated by commas")]
pub struct InvalidNetworks;

impl Networks {
    /// Whether an address is in one of them; an IPv4 address may be written as an IPv6 one.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for Networks {
    type Err = InvalidNetworks;

    fn from_str(text: &str) -> Result<Self, InvalidNetworks> {
        let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        texts
            .map(|text| text.parse().or_else(|_| text.parse().map(|address: IpAddr| address.into())))
            .collect::<Result<_, _>>()
            .map(Self)
            .map_err(|_| InvalidNetworks)
    }
}

/// What counts as one client: an IPv4 address, or the /64 that an IPv6 address is from, because whoever has one address of
/// it has them all.
pub fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn lists_of_networks_and_addresses_are_read() {
        let networks: Networks = "10.0.0.0/8, 192.0.2.7,2001:db8::/32".parse().unwrap();
        for inside in ["10.1.2.3", "192.0.2.7", "::ffff:10.0.0.1", "2001:db8::1"] {
            assert!(networks.contains(ip(inside)), "{inside}");
        }
        for outside in ["11.0.0.1", "192.0.2.8", "2001:db9::1", "::1"] {
            assert!(!networks.contains(ip(outside)), "{outside}");
        }
        assert!(!Networks::from_str("").unwrap().contains(ip("127.0.0.1")));
        for bad in ["10.0.0.0/33", "proxy", "10.0.0"] {
            assert_eq!(Networks::from_str(bad), Err(InvalidNetworks), "{bad}");
        }
    }

    #[test]
    fn ipv6_counts_by_its_64_bit_network() {
        assert_eq!(client_network(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        assert_eq!(client_network(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    }
}
