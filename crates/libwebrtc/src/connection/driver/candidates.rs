//! The addresses both sides offer each other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use str0m::Candidate;
use str0m::net::{Protocol, TcpType};

use crate::connection::network::{FRESHNESS, host_addresses};
use crate::ice_candidate::{IceCandidate, parse_line};
use crate::peer_connection_factory::{ContinualGatheringPolicy, IceTransportsType};

use super::Driver;
use super::gathering::{Offered, Origin};

/// The port an active TCP candidate is written with.
const DISCARD_PORT: u16 = 9;

impl Driver {
    /// Opens a socket on each address of the machine, and asks the servers. What is there already stays.
    pub(super) fn gather(&mut self) {
        let now = Instant::now();
        let configuration = self.shared.configuration.lock().clone();
        self.gathering.policy = configuration.ice_transport_type;
        let watch = configuration.continual_gathering_policy == ContinualGatheringPolicy::GatherContinually;
        self.gathering.compare_at = watch.then(|| now + FRESHNESS);
        let first = !std::mem::replace(&mut self.gathering.started, true);
        if first && host_addresses(now).is_empty() {
            self.gathering.loopbacks.push(Ipv4Addr::LOCALHOST.into());
        }
        self.follow_addresses(now);
        self.follow_servers(&configuration.ice_servers, now);
    }

    /// Gathers again after the configuration changed, where gathering has begun.
    pub(super) fn gather_anew(&mut self) {
        if self.gathering.started {
            self.gather();
        }
    }

    /// Compares the machine's addresses when that is due.
    pub(super) fn watch_addresses(&mut self, now: Instant) {
        if self.gathering.compare_at.is_some_and(|at| now >= at) {
            self.gathering.compare_at = Some(now + FRESHNESS);
            self.follow_addresses(now);
        }
    }

    /// Gives every address of the machine a socket, and takes it from those that are gone.
    fn follow_addresses(&mut self, now: Instant) {
        let found = host_addresses(now);
        let mut wanted = Vec::new();
        if self.gathering.policy != IceTransportsType::Relay {
            wanted.extend(found.iter().chain(&self.gathering.loopbacks).copied());
        }
        let current: Vec<IpAddr> = self.sockets.addresses().map(|address| address.ip()).collect();
        for gone in current.iter().filter(|address| !wanted.contains(address)) {
            self.withdraw(|origin| match origin {
                Origin::Host(address) => address == gone,
                Origin::Reflexive { base, .. } => base.ip() == *gone,
                Origin::Relay(_) => false,
            });
            self.gathering.probes.retain(|probe| probe.local.ip() != *gone);
            self.gathering.moved |= self.sockets.take_carrier(|carrier| carrier.ip() == *gone);
            self.sockets.unbind(*gone);
        }
        let new: Vec<IpAddr> = wanted.into_iter().filter(|address| !current.contains(address)).collect();
        for address in &new {
            self.offer_udp(*address, now);
        }
        self.drop_relays_of_gone_addresses(now);
        if !new.is_empty() {
            self.ask_servers_again(now);
        }
    }

    /// The peer holds on to an address that is gone until it has given it up, which takes it long. An ICE restart tells it
    /// of the new one, and that is what programs answer a failure with; it needs a network.
    pub(super) fn fail_when_moved(&mut self, now: Instant) {
        if self.gathering.moved && !host_addresses(now).is_empty() {
            self.gathering.moved = false;
            tracing::info!("the address that carried the connection is gone");
            self.transport.fail();
        }
    }

    fn offer_udp(&mut self, address: IpAddr, now: Instant) {
        let bound = match self.sockets.bind(address) {
            Ok(bound) => bound,
            Err(error) => {
                tracing::debug!(%error, %address, "open UDP socket");
                return;
            }
        };
        self.offer(Candidate::host(bound, "udp"), Origin::Host(address));
        if self.gathering.tcp {
            self.offer_tcp_from(address);
        }
        self.probe_from(bound, now);
    }

    /// Offers connections to the TCP candidates of the peer.
    pub(super) fn offer_tcp(&mut self) {
        if !self.transport.remote_candidates().iter().any(|candidate| candidate.proto() == Protocol::Tcp) {
            return;
        }
        self.gathering.tcp = true;
        let addresses: Vec<SocketAddr> = self.sockets.addresses().collect();
        for address in addresses {
            self.offer_tcp_from(address.ip());
        }
    }

    fn offer_tcp_from(&mut self, address: IpAddr) {
        let candidate = Candidate::builder()
            .tcp()
            .host(SocketAddr::new(address, DISCARD_PORT))
            .tcptype(TcpType::Active)
            .build();
        self.offer(candidate, Origin::Host(address));
    }

    /// Gives a candidate to the transport, and tells the peer unless its kind is to stay unknown.
    pub(super) fn offer<E: std::fmt::Display>(&mut self, candidate: Result<Candidate, E>, origin: Origin) {
        let candidate = match candidate {
            Ok(candidate) => candidate,
            Err(error) => {
                tracing::debug!(%error, "make local candidate");
                return;
            }
        };
        let Some(line) = self.transport.add_local_candidate(candidate.clone()) else { return };
        let is_secret =
            matches!(origin, Origin::Host(_)) && self.gathering.policy == IceTransportsType::NoHost;
        // The ufrag is in the description, and changes with a restart.
        let line = line.split(" ufrag ").next().filter(|_| !is_secret);
        let attribute = line.map(|line| line.trim_start_matches("candidate:").to_owned());
        self.gathering.offered.push(Offered { candidate, origin, line: attribute.clone() });
        let (Some(line), Some(attribute)) = (line, attribute) else { return };
        let mid = {
            let mut negotiation = self.shared.negotiation.lock();
            negotiation.add_local_candidate(attribute);
            negotiation.first_mid().unwrap_or_default()
        };
        if let Ok(candidate) = IceCandidate::parse(&mid, 0, line) {
            self.shared.callbacks.ice_candidate.with(|on_candidate| on_candidate(candidate));
        }
    }

    /// Takes candidates back. The peer, which cannot be told, finds out by its checks.
    pub(super) fn withdraw(&mut self, is_gone: impl Fn(&Origin) -> bool) {
        for gone in self.gathering.offered.extract_if(.., |offered| is_gone(&offered.origin)) {
            self.transport.remove_local_candidate(&gone.candidate);
            if let Some(line) = &gone.line {
                self.shared.negotiation.lock().remove_local_candidate(line);
            }
        }
    }

    pub(super) fn add_remote_candidate(&mut self, line: &str) {
        let candidate = match parse_line(line) {
            Ok(Some(candidate)) => candidate,
            // The end of candidates.
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, line, "a remote candidate cannot be used");
                return;
            }
        };
        let address = candidate.addr().ip();
        if address.is_loopback() && self.gathering.started {
            let loopback = match address {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            };
            if !self.gathering.loopbacks.contains(&loopback) {
                self.gathering.loopbacks.push(loopback);
                self.follow_addresses(Instant::now());
            }
        }
        self.transport.add_remote_candidate(candidate);
    }
}
