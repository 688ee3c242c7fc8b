//! Candidates from STUN and TURN servers.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::FutureExt;
use str0m::Candidate;
use str0m::net::Protocol;

use crate::connection::network::{host_addresses, is_own};
use crate::connection::servers::binding::{Binding, BindingEvent, UNREACHABLE};
use crate::connection::servers::message::Message;
use crate::connection::servers::turn;
use crate::connection::servers::url::{ServerKind, ServerUrl};
use crate::connection::sockets::{Received, RelayId};
use crate::peer_connection::IceCandidateError;
use crate::peer_connection_factory::{IceServer, IceTransportsType};

use super::Driver;
use super::gathering::{Origin, Probe, Server, ServerId};

/// URLs that are used, of all servers.
const MAX_SERVERS: usize = 8;
const MAX_CREDENTIAL: usize = 512;
const LOOKUP_PATIENCE: Duration = Duration::from_secs(10);
/// How long what a server gave outlasts its place in the configuration: until something else carries the connection.
const RETIREMENT: Duration = Duration::from_secs(30);
/// Before a server whose relay was lost is asked for another.
const PAUSE: Duration = Duration::from_secs(1);

impl Driver {
    /// Asks the servers of a configuration that are not asked yet, and lets go of those that are not in it.
    pub(super) fn follow_servers(&mut self, servers: &[IceServer], now: Instant) {
        for server in &mut self.gathering.servers {
            server.retires_at.get_or_insert(now + RETIREMENT);
        }
        let entries = servers.iter().flat_map(|server| server.urls.iter().map(move |url| (url, server)));
        for (index, (text, IceServer { username, password, .. })) in entries.enumerate() {
            if index >= MAX_SERVERS {
                tracing::warn!(MAX_SERVERS, "more STUN and TURN servers are not used");
                break;
            }
            let url = match ServerUrl::parse(text) {
                Ok(url) => url,
                Err(error) => {
                    self.report_server_error(text, None, UNREACHABLE, error.to_string());
                    continue;
                }
            };
            if username.len() > MAX_CREDENTIAL || password.len() > MAX_CREDENTIAL {
                self.report_server_error(text, None, UNREACHABLE, "the credentials are too long".to_owned());
                continue;
            }
            let is_same = |known: &&mut Server| {
                known.url == url && known.username == *username && known.password == *password
            };
            if let Some(known) = self.gathering.servers.iter_mut().find(is_same) {
                known.retires_at = None;
                continue;
            }
            self.gathering.next_server += 1;
            let id = self.gathering.next_server;
            self.gathering.servers.push(Server {
                id,
                text: text.clone(),
                url,
                username: username.clone(),
                password: password.clone(),
                addresses: Vec::new(),
                relays: Vec::new(),
                failed: false,
                ask_again_at: None,
                retires_at: None,
            });
            self.look_up(id);
        }
    }

    /// Asks the servers again that could not be used: the network, or what is wanted of it, has changed.
    pub(super) fn ask_servers_again(&mut self, now: Instant) {
        for server in self.gathering.servers.iter_mut().filter(|server| server.failed) {
            server.ask_again_at = Some(now);
        }
    }

    /// Does what is due about servers and the machine's addresses.
    pub(super) fn advance_gathering(&mut self, now: Instant) {
        self.watch_addresses(now);
        self.retire_servers(now);
        let mut due = Vec::new();
        for server in &mut self.gathering.servers {
            due.extend(server.ask_again_at.take_if(|at| now >= *at).map(|_| server.id));
        }
        due.into_iter().for_each(|id| self.look_up(id));
        self.advance_probes(now);
        self.sockets.handle_timeout(now);
        while let Some((relay, event)) = self.sockets.next_relay_event() {
            self.relay_changed(relay, event, now);
        }
        self.fail_when_moved(now);
    }

    fn retire_servers(&mut self, now: Instant) {
        let is_due = |server: &mut Server| server.retires_at.is_some_and(|at| now >= at);
        let retired: Vec<Server> = self.gathering.servers.extract_if(.., is_due).collect();
        for server in retired {
            self.gathering.probes.retain(|probe| probe.server != server.id);
            self.withdraw(
                |origin| matches!(origin, Origin::Reflexive { server: id, .. } if *id == server.id),
            );
            server.relays.iter().for_each(|(relay, _)| self.drop_relay(*relay));
        }
    }

    fn look_up(&mut self, id: ServerId) {
        let Some(server) = self.gathering.server(id) else { return };
        server.failed = false;
        let (host, port) = (server.url.host.clone(), server.url.port);
        if let Some(address) = server.url.address() {
            return self.resolved(id, Ok(vec![SocketAddr::new(address, port)]));
        }
        let lookup = async move {
            let found = tokio::time::timeout(LOOKUP_PATIENCE, tokio::net::lookup_host((host, port))).await;
            (id, found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map(Iterator::collect))
        };
        self.gathering.lookups.push(lookup.boxed());
    }

    /// A server's addresses are known: the first of each family that this machine has is used.
    pub(super) fn resolved(&mut self, id: ServerId, found: io::Result<Vec<SocketAddr>>) {
        let now = Instant::now();
        let Some(server) = self.gathering.server(id) else { return };
        let own = host_addresses(now);
        let reachable = |address: &&SocketAddr| {
            address.ip().is_loopback() || own.iter().any(|own| own.is_ipv4() == address.is_ipv4())
        };
        let addresses = match found {
            Ok(found) => {
                let first = |ipv4| found.iter().filter(reachable).find(|address| address.is_ipv4() == ipv4);
                [first(true), first(false)].into_iter().flatten().copied().collect::<Vec<_>>()
            }
            Err(error) => {
                tracing::debug!(%error, host = server.url.host, "resolve name");
                Vec::new()
            }
        };
        if addresses.is_empty() {
            server.failed = true;
            let text = server.text.clone();
            let reason = "its name has no address that can be reached".to_owned();
            return self.report_server_error(&text, None, UNREACHABLE, reason);
        }
        server.addresses = addresses;
        let sockets: Vec<SocketAddr> = self.sockets.addresses().collect();
        sockets.into_iter().for_each(|local| self.probe_from(local, now));
        self.open_relays(id, now);
    }

    /// Asks for an allocation at each address of a server where there is none.
    fn open_relays(&mut self, id: ServerId, now: Instant) {
        let Some(server) = self.gathering.server(id) else { return };
        let is_open = |address: &SocketAddr| server.relays.iter().any(|(_, known)| known == address);
        let missing: Vec<SocketAddr> =
            server.addresses.iter().copied().filter(|address| !is_open(address)).collect();
        for address in missing {
            let Some(server) = self.gathering.server(id) else { return };
            let Some(target) = server.target(address) else { return };
            match self.sockets.open_relay(&target, now) {
                Ok(relay) => server.relays.push((relay, address)),
                Err(error) => self.server_failed(id, None, UNREACHABLE, error.to_string()),
            }
        }
    }

    /// Asks from a socket whatever it has not asked yet.
    pub(super) fn probe_from(&mut self, local: SocketAddr, now: Instant) {
        for server in self.gathering.servers.iter().filter(|server| server.answers_probes()) {
            for address in server.addresses.iter().copied() {
                let is_known = |probe: &Probe| probe.local == local && probe.address == address;
                let is_possible = local.is_ipv4() == address.is_ipv4()
                    && (address.ip().is_loopback() || !local.ip().is_loopback());
                if is_possible && !self.gathering.probes.iter().any(is_known) {
                    let binding = Binding::new(rand::random(), now);
                    self.gathering.probes.push(Probe { server: server.id, address, local, binding });
                }
            }
        }
    }

    fn advance_probes(&mut self, now: Instant) {
        let mut events = Vec::new();
        for (index, probe) in self.gathering.probes.iter_mut().enumerate() {
            events.extend(probe.binding.handle_timeout(rand::random(), now).map(|event| (index, event)));
            if let Some(request) = probe.binding.take_outgoing() {
                self.sockets.send_udp(probe.local, probe.address, &request);
            }
        }
        // From the last on: one that failed is removed.
        events.into_iter().rev().for_each(|(index, event)| self.probe_changed(index, event));
    }

    /// Whether a datagram is a server's answer; it is taken then.
    pub(super) fn received_from_server(&mut self, received: &Received, datagram: &[u8]) -> bool {
        let Received { protocol, source, destination, .. } = received;
        let from = |probe: &Probe| probe.address == *source && probe.local == *destination;
        if *protocol != Protocol::Udp || !self.gathering.probes.iter().any(from) {
            return false;
        }
        let Some(message) = Message::parse(datagram) else { return false };
        let is_asked = |probe: &Probe| from(probe) && probe.binding.expects(&message);
        let Some(index) = self.gathering.probes.iter().position(is_asked) else { return false };
        if let Some(event) = self.gathering.probes[index].binding.answered(&message, Instant::now()) {
            self.probe_changed(index, event);
        }
        true
    }

    fn probe_changed(&mut self, index: usize, event: BindingEvent) {
        let Probe { server, local: base, .. } = self.gathering.probes[index];
        match event {
            BindingEvent::Mapped(mapped) => {
                let origin = Origin::Reflexive { server, base };
                self.withdraw(|known| *known == origin);
                if mapped != base {
                    self.offer(Candidate::server_reflexive(mapped, base, "udp"), origin);
                }
            }
            BindingEvent::Failed(code, reason) => {
                // A relay says itself why it cannot be used.
                let is_stun =
                    self.gathering.server(server).is_some_and(|server| server.url.kind == ServerKind::Stun);
                if is_stun {
                    self.server_failed(server, Some(base), code, reason);
                }
                self.gathering.probes.remove(index);
            }
        }
    }

    fn relay_changed(&mut self, id: RelayId, event: turn::Event, now: Instant) {
        let local = self.sockets.relay(id).and_then(|relay| relay.local());
        match event {
            turn::Event::Allocated(relayed) => {
                let local = local.unwrap_or(relayed);
                self.withdraw_retiring_relays();
                self.offer(Candidate::relayed(relayed, local, "udp"), Origin::Relay(id));
            }
            turn::Event::Failed { code, reason } => {
                let was_used =
                    self.gathering.offered.iter().any(|offered| offered.origin == Origin::Relay(id));
                let Some(server) = self.gathering.server_of(id) else { return };
                let (server, url) = (server.id, server.text.clone());
                self.drop_relay(id);
                if was_used {
                    tracing::warn!(url, code, reason, "a TURN server's relay was lost");
                    self.gathering.server(server).into_iter().for_each(|server| {
                        server.ask_again_at = Some(now + PAUSE);
                    });
                } else {
                    self.server_failed(server, local, code, reason);
                }
            }
        }
    }

    /// There are others now: the next ICE restart must not choose one that is about to end. It still carries data.
    fn withdraw_retiring_relays(&mut self) {
        let retiring = self.gathering.servers.iter().filter(|server| server.retires_at.is_some());
        let relays: Vec<RelayId> =
            retiring.flat_map(|server| server.relays.iter().map(|(relay, _)| *relay)).collect();
        self.withdraw(|origin| matches!(origin, Origin::Relay(relay) if relays.contains(relay)));
    }

    fn drop_relay(&mut self, id: RelayId) {
        let relayed = self.sockets.relay(id).and_then(|relay| relay.relayed());
        self.gathering.moved |= self.sockets.take_carrier(|carrier| Some(carrier) == relayed);
        self.withdraw(|origin| *origin == Origin::Relay(id));
        self.sockets.close_relay(id);
        if let Some(server) = self.gathering.server_of(id) {
            server.relays.retain(|(relay, _)| *relay != id);
        }
    }

    /// A relay over an address this machine has lost is silent, and would be until it expires.
    pub(super) fn drop_relays_of_gone_addresses(&mut self, now: Instant) {
        let relays =
            self.gathering.servers.iter().flat_map(|server| server.relays.iter().map(|(relay, _)| *relay));
        let is_gone = |relay: &RelayId| {
            let local = self.sockets.relay(*relay).and_then(|relay| relay.local());
            local.is_some_and(|local| !is_own(local.ip(), now))
        };
        for relay in relays.filter(is_gone).collect::<Vec<_>>() {
            if let Some(server) = self.gathering.server_of(relay) {
                server.ask_again_at = Some(now + PAUSE);
            }
            self.drop_relay(relay);
        }
    }

    /// Reports it, unless the server can be used at its other address.
    fn server_failed(&mut self, id: ServerId, local: Option<SocketAddr>, code: u16, reason: String) {
        let Some(server) = self.gathering.server(id) else { return };
        server.failed = true;
        if !server.relays.is_empty() {
            tracing::debug!(
                url = server.text,
                code,
                reason,
                "a TURN server has an address that cannot be used"
            );
            return;
        }
        let text = server.text.clone();
        self.report_server_error(&text, local, code, reason);
    }

    fn report_server_error(&self, url: &str, local: Option<SocketAddr>, code: u16, reason: String) {
        tracing::warn!(url, code, reason, "a STUN or TURN server cannot be used");
        let error = IceCandidateError {
            address: local.map(|local| local.ip().to_string()).unwrap_or_default(),
            port: local.map_or(0, |local| local.port().into()),
            url: url.to_owned(),
            error_code: code.into(),
            error_text: reason,
        };
        self.shared.callbacks.ice_candidate_error.with(|on_error| on_error(error));
    }

    /// Says what a connection that failed lacked, where that is known.
    pub(super) fn explain_failure(&self) {
        if self.gathering.policy == IceTransportsType::Relay && !self.gathering.has_relayed_candidate() {
            let reason = "only relayed candidates are allowed, and no TURN server gave one".to_owned();
            self.report_server_error("", None, UNREACHABLE, reason);
        }
    }
}
