//! The addresses both sides offer each other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use str0m::Candidate;
use str0m::net::{Protocol, TcpType};

use crate::connection::network::host_addresses;
use crate::ice_candidate::IceCandidate;

use super::Driver;

/// The port an active TCP candidate is written with.
const DISCARD_PORT: u16 = 9;

impl Driver {
    /// Opens a socket on each address of the machine, the first time.
    pub(super) fn gather(&mut self) {
        if std::mem::replace(&mut self.gathered, true) {
            return;
        }
        for address in host_addresses() {
            self.offer_udp(address);
        }
        if self.sockets.addresses().next().is_none() {
            self.offer_udp(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
    }

    fn offer_udp(&mut self, address: IpAddr) {
        let candidate = match self.sockets.bind(address) {
            Ok(bound) => Candidate::host(bound, "udp"),
            Err(error) => {
                tracing::debug!(%error, %address, "open UDP socket");
                return;
            }
        };
        self.offer(candidate);
    }

    /// Offers connections to the TCP candidates of the peer.
    pub(super) fn offer_tcp(&mut self) {
        if !self.transport.remote_candidates().iter().any(|candidate| candidate.proto() == Protocol::Tcp) {
            return;
        }
        let addresses: Vec<IpAddr> = self.sockets.addresses().collect();
        for address in addresses {
            let address = SocketAddr::new(address, DISCARD_PORT);
            self.offer(Candidate::builder().tcp().host(address).tcptype(TcpType::Active).build());
        }
    }

    fn offer<E: std::fmt::Display>(&mut self, candidate: Result<Candidate, E>) {
        let added = match candidate {
            Ok(candidate) => self.transport.add_local_candidate(candidate),
            Err(error) => {
                tracing::debug!(%error, "make local candidate");
                return;
            }
        };
        let Some(line) = added else { return };
        // The ufrag is in the description, and changes with a restart.
        let line = line.split(" ufrag ").next().unwrap_or_default().to_owned();
        let mid = {
            let mut negotiation = self.shared.negotiation.lock();
            negotiation.add_local_candidate(line.trim_start_matches("candidate:").to_owned());
            negotiation.first_mid().unwrap_or_default()
        };
        if let Ok(candidate) = IceCandidate::parse(&mid, 0, &line) {
            self.shared.callbacks.ice_candidate.with(|on_candidate| on_candidate(candidate));
        }
    }

    pub(super) fn add_remote_candidate(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        let line = if line.starts_with("candidate:") { line.to_owned() } else { format!("candidate:{line}") };
        let candidate = match Candidate::from_sdp_string(&line) {
            Ok(candidate) => candidate,
            Err(error) => {
                tracing::warn!(%error, line, "a remote candidate cannot be used");
                return;
            }
        };
        let address = candidate.addr().ip();
        if address.is_loopback() && self.gathered {
            let loopback = match address {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            };
            if !self.sockets.has_address(loopback) {
                self.offer_udp(loopback);
            }
        }
        self.transport.add_remote_candidate(candidate);
    }
}
