//! The sockets of a connection, read and written by its task alone.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::task::{Context, Poll};
use std::time::Instant;

use socket2::SockRef;
use str0m::net::{Protocol, Transmit};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

use super::relay::{Relay, Target};
use super::servers::turn;
use super::tcp::TcpLink;
use super::transport::Network;

/// With more than this queued for TCP, no further data channel messages are written.
const MAX_TCP_BACKLOG: usize = 256 << 10;
/// The checks of ICE begin with a byte up to this one (RFC 7983); they go everywhere, data only where they succeeded.
const LAST_STUN_BYTE: u8 = 3;
/// Bytes of the largest datagram that is read.
const MAX_DATAGRAM: usize = 2_048;

#[derive(Default)]
pub(super) struct Sockets {
    udp: Vec<UdpPort>,
    tcp: Vec<TcpLink>,
    relays: Vec<(RelayId, Relay)>,
    next_relay: RelayId,
    /// Where reading goes on, so that no socket starves another.
    next: usize,
    /// The local candidate's address that data was sent from last.
    carrier: Option<SocketAddr>,
}

pub(super) type RelayId = u64;

struct UdpPort {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Network for Sockets {
    fn send(&mut self, transmit: &Transmit) {
        if transmit.contents.first().is_some_and(|first| *first > LAST_STUN_BYTE) {
            self.carrier = Some(transmit.source);
        }
        let relayed = |(_, relay): &&mut (RelayId, Relay)| relay.relayed() == Some(transmit.source);
        if let Some((_, relay)) = self.relays.iter_mut().find(relayed) {
            return relay.send(transmit.destination, &transmit.contents, Instant::now());
        }
        match transmit.proto {
            Protocol::Udp => self.send_udp(transmit.source, transmit.destination, &transmit.contents),
            Protocol::Tcp => self.send_tcp(transmit),
            protocol => {
                tracing::debug!(?protocol, "a datagram for a protocol that is not supported is dropped")
            }
        }
    }

    fn has_room(&self) -> bool {
        let relays = self.relays.iter().map(|(_, relay)| relay.backlog());
        self.tcp.iter().map(TcpLink::backlog).chain(relays).sum::<usize>() < MAX_TCP_BACKLOG
    }
}

/// A datagram and the way it came.
pub(super) struct Received {
    pub(super) protocol: Protocol,
    pub(super) source: SocketAddr,
    /// The local candidate's address.
    pub(super) destination: SocketAddr,
    /// Where in the buffer it is.
    pub(super) range: Range<usize>,
}

/// What a datagram is read to.
pub(super) type Buffer = Box<[u8; MAX_DATAGRAM]>;

pub(super) fn new_buffer() -> Buffer {
    Box::new([0; MAX_DATAGRAM])
}

impl Sockets {
    /// Opens a UDP socket on any port of `address`.
    pub(super) fn bind(&mut self, address: IpAddr) -> io::Result<SocketAddr> {
        let socket = std::net::UdpSocket::bind((address, 0))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        self.udp.push(UdpPort { socket: UdpSocket::from_std(socket)?, address });
        Ok(address)
    }

    /// Closes the socket and the connections of an address.
    pub(super) fn unbind(&mut self, address: IpAddr) {
        self.udp.retain(|port| port.address.ip() != address);
        self.tcp.retain(|link| link.local().ip() != address);
    }

    /// The local addresses of the UDP sockets.
    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.udp.iter().map(|port| port.address)
    }

    /// Whether data went out from an address last. Once said so, it is forgotten.
    pub(super) fn take_carrier(&mut self, is_gone: impl Fn(SocketAddr) -> bool) -> bool {
        self.carrier.take_if(|carrier| is_gone(*carrier)).is_some()
    }

    /// Asks a TURN server for an allocation.
    pub(super) fn open_relay(&mut self, target: &Target, now: Instant) -> io::Result<RelayId> {
        self.next_relay += 1;
        self.relays.push((self.next_relay, Relay::open(target, now)?));
        Ok(self.next_relay)
    }

    pub(super) fn close_relay(&mut self, id: RelayId) {
        self.relays.extract_if(.., |(relay, _)| *relay == id).for_each(|(_, mut relay)| relay.close());
    }

    /// Writes the last words, and gives back what servers hold for this connection.
    pub(super) fn close(&mut self) {
        self.tcp.iter_mut().for_each(TcpLink::flush);
        self.relays.drain(..).for_each(|(_, mut relay)| relay.close());
    }

    pub(super) fn relay(&self, id: RelayId) -> Option<&Relay> {
        self.relays.iter().find(|(relay, _)| *relay == id).map(|(_, relay)| relay)
    }

    /// What has become of the relays.
    pub(super) fn next_relay_event(&mut self) -> Option<(RelayId, turn::Event)> {
        self.relays.iter_mut().find_map(|(id, relay)| Some((*id, relay.next_event()?)))
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.relays.iter().filter_map(|(_, relay)| relay.next_timeout()).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for (_, relay) in &mut self.relays {
            relay.handle_timeout(now);
        }
    }

    pub(super) fn send_udp(&self, source: SocketAddr, destination: SocketAddr, datagram: &[u8]) {
        let Some(port) = self.udp.iter().find(|port| port.address == source) else { return };
        // Not through tokio, which takes a new socket for not writable until it has been polled.
        if let Err(error) = SockRef::from(&port.socket).send_to(datagram, &destination.into()) {
            // As on any network a datagram may be lost; candidates that cannot be reached are tried all the same.
            tracing::trace!(%error, %destination, "send datagram");
        }
    }

    fn send_tcp(&mut self, transmit: &Transmit) {
        let matches =
            |link: &TcpLink| link.local() == transmit.source && link.remote() == transmit.destination;
        let index = self.tcp.iter().position(matches).unwrap_or_else(|| {
            self.tcp.push(TcpLink::connect(transmit.source, transmit.destination));
            self.tcp.len() - 1
        });
        self.tcp[index].queue(&transmit.contents, Instant::now());
    }

    /// Reads the next datagram, or answers `None` when a relay has news. Also moves TCP connections on.
    pub(super) fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut Buffer,
    ) -> Poll<Option<Received>> {
        for offset in 0..self.udp.len() {
            let index = (self.next + offset) % self.udp.len();
            let port = &self.udp[index];
            let mut read = ReadBuf::new(&mut buffer[..]);
            // An error is the echo of a datagram that did not arrive; the socket goes on.
            while let Poll::Ready(result) = port.socket.poll_recv_from(context, &mut read) {
                let Ok(source) = result else { continue };
                let range = 0..read.filled().len();
                self.next = index + 1;
                let destination = port.address;
                return Poll::Ready(Some(Received { protocol: Protocol::Udp, source, destination, range }));
            }
        }
        for link in &mut self.tcp {
            if let Poll::Ready(length) = link.poll_receive(context, &mut buffer[..]) {
                let (source, destination) = (link.remote(), link.local());
                let range = 0..length;
                return Poll::Ready(Some(Received { protocol: Protocol::Tcp, source, destination, range }));
            }
        }
        for (_, relay) in &mut self.relays {
            if let Poll::Ready(received) = relay.poll_receive(context, &mut buffer[..]) {
                // A datagram that arrives before its candidate is known is of no use.
                let received = received.zip(relay.relayed());
                return Poll::Ready(received.map(|((source, range), destination)| Received {
                    protocol: Protocol::Udp,
                    source,
                    destination,
                    range,
                }));
            }
        }
        Poll::Pending
    }
}
