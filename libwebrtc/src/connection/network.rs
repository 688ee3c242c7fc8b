//! The machine's addresses.

use std::net::IpAddr;

/// More interfaces than this are not used: each makes a socket and pairs with every candidate of the peer.
const MAX_ADDRESSES: usize = 6;

/// Addresses a peer may reach this machine at; none of the loopback interface.
pub(super) fn host_addresses() -> Vec<IpAddr> {
    let interfaces = match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces,
        Err(error) => {
            tracing::error!(%error, "list network interfaces");
            return Vec::new();
        }
    };
    let mut addresses: Vec<IpAddr> =
        interfaces.iter().map(if_addrs::Interface::ip).filter(is_usable).collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.dedup();
    addresses.truncate(MAX_ADDRESSES);
    addresses
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
