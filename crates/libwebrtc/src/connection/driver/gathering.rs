//! What was gathered, and from whom.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use str0m::Candidate;

use crate::connection::relay::Target;
use crate::connection::servers::binding::Binding;
use crate::connection::servers::url::{ServerKind, ServerUrl, TurnTransport};
use crate::connection::sockets::RelayId;
use crate::peer_connection_factory::IceTransportsType;

pub(super) struct Gathering {
    pub(super) started: bool,
    pub(super) policy: IceTransportsType,
    /// When the machine's addresses are compared again, if they are watched.
    pub(super) compare_at: Option<Instant>,
    /// Addresses of the loopback interface that are used all the same.
    pub(super) loopbacks: Vec<IpAddr>,
    /// The address that carried the connection is gone.
    pub(super) moved: bool,
    /// Connections over TCP are offered as well.
    pub(super) tcp: bool,
    pub(super) offered: Vec<Offered>,
    pub(super) servers: Vec<Server>,
    pub(super) next_server: ServerId,
    /// Names of servers that are being resolved.
    pub(super) lookups: FuturesUnordered<BoxFuture<'static, (ServerId, io::Result<Vec<SocketAddr>>)>>,
    pub(super) probes: Vec<Probe>,
}

/// A local candidate the transport has.
pub(super) struct Offered {
    pub(super) candidate: Candidate,
    pub(super) origin: Origin,
    /// As in descriptions, without the prefix `candidate:`; `None` when the peer is not told.
    pub(super) line: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A socket, or connections, of an address of this machine.
    Host(IpAddr),
    /// What a server sees a socket as.
    Reflexive {
        server: ServerId,
        base: SocketAddr,
    },
    Relay(RelayId),
}

pub(super) type ServerId = u64;

/// A STUN or TURN server of the configuration.
pub(super) struct Server {
    pub(super) id: ServerId,
    pub(super) text: String,
    pub(super) url: ServerUrl,
    pub(super) username: String,
    pub(super) password: String,
    /// The addresses that its name resolves to, once they are known.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) relays: Vec<(RelayId, SocketAddr)>,
    /// Whether it could not be used; it is asked again when something changed.
    pub(super) failed: bool,
    pub(super) ask_again_at: Option<Instant>,
    /// When it is given up, where it is no longer in the configuration.
    pub(super) retires_at: Option<Instant>,
}

/// A socket's question to a server.
pub(super) struct Probe {
    pub(super) server: ServerId,
    pub(super) address: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) binding: Binding,
}

impl Default for Gathering {
    fn default() -> Self {
        Self {
            started: false,
            policy: IceTransportsType::All,
            compare_at: None,
            loopbacks: Vec::new(),
            moved: false,
            tcp: false,
            offered: Vec::new(),
            servers: Vec::new(),
            next_server: 0,
            lookups: FuturesUnordered::new(),
            probes: Vec::new(),
        }
    }
}

impl Gathering {
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let probes = self.probes.iter().filter_map(|probe| probe.binding.next_timeout());
        let servers = self.servers.iter().flat_map(|server| [server.ask_again_at, server.retires_at]);
        probes.chain(servers.flatten()).chain(self.compare_at).min()
    }

    pub(super) fn server(&mut self, id: ServerId) -> Option<&mut Server> {
        self.servers.iter_mut().find(|server| server.id == id)
    }

    pub(super) fn server_of(&mut self, relay: RelayId) -> Option<&mut Server> {
        self.servers.iter_mut().find(|server| server.relays.iter().any(|(id, _)| *id == relay))
    }

    pub(super) fn has_relayed_candidate(&self) -> bool {
        self.offered.iter().any(|offered| matches!(offered.origin, Origin::Relay(_)))
    }
}

impl Server {
    /// Whether sockets ask it for their address. TURN over UDP answers that as well.
    pub(super) fn answers_probes(&self) -> bool {
        matches!(self.url.kind, ServerKind::Stun | ServerKind::Turn(TurnTransport::Udp))
    }

    /// What to open a relay with, if it is one.
    pub(super) fn target(&self, address: SocketAddr) -> Option<Target> {
        let ServerKind::Turn(transport) = self.url.kind else { return None };
        Some(Target {
            address,
            transport,
            host: self.url.host.clone(),
            username: self.username.clone(),
            password: self.password.clone(),
        })
    }
}
