//! The sockets of a connection, read and written by its task alone.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use socket2::SockRef;
use str0m::net::{Protocol, Transmit};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

use super::tcp::TcpLink;
use super::transport::Network;

/// With more than this queued for TCP, no further data channel messages are written.
const MAX_TCP_BACKLOG: usize = 256 << 10;
/// Bytes of the largest datagram that is read.
const MAX_DATAGRAM: usize = 2_048;

#[derive(Default)]
pub(super) struct Sockets {
    udp: Vec<UdpPort>,
    tcp: Vec<TcpLink>,
    /// Where reading goes on, so that no socket starves another.
    next: usize,
}

struct UdpPort {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Network for Sockets {
    fn send(&mut self, transmit: &Transmit) {
        match transmit.proto {
            Protocol::Udp => self.send_udp(transmit),
            Protocol::Tcp => self.send_tcp(transmit),
            protocol => {
                tracing::debug!(?protocol, "a datagram for a protocol that is not supported is dropped")
            }
        }
    }

    fn has_room(&self) -> bool {
        self.tcp.iter().map(TcpLink::backlog).sum::<usize>() < MAX_TCP_BACKLOG
    }
}

/// A datagram and the way it came; its bytes are in the buffer it was read to.
pub(super) struct Received {
    pub(super) protocol: Protocol,
    pub(super) source: SocketAddr,
    /// The local candidate's address.
    pub(super) destination: SocketAddr,
    pub(super) length: usize,
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

    pub(super) fn has_address(&self, address: IpAddr) -> bool {
        self.udp.iter().any(|port| port.address.ip() == address)
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.udp.iter().map(|port| port.address.ip())
    }

    fn send_udp(&self, transmit: &Transmit) {
        let Some(port) = self.udp.iter().find(|port| port.address == transmit.source) else { return };
        // Not through tokio, which takes a new socket for not writable until it has been polled.
        let sent = SockRef::from(&port.socket).send_to(&transmit.contents, &transmit.destination.into());
        if let Err(error) = sent {
            // As on any network a datagram may be lost; candidates that cannot be reached are tried all the same.
            tracing::trace!(%error, destination = %transmit.destination, "send datagram");
        }
    }

    fn send_tcp(&mut self, transmit: &Transmit) {
        let matches =
            |link: &TcpLink| link.local() == transmit.source && link.remote() == transmit.destination;
        let index = self.tcp.iter().position(matches).unwrap_or_else(|| {
            self.tcp.push(TcpLink::connect(transmit.source, transmit.destination));
            self.tcp.len() - 1
        });
        self.tcp[index].queue(&transmit.contents);
    }

    /// Reads the next datagram. Also moves TCP connections on.
    pub(super) fn poll_receive(&mut self, context: &mut Context<'_>, buffer: &mut Buffer) -> Poll<Received> {
        for offset in 0..self.udp.len() {
            let index = (self.next + offset) % self.udp.len();
            let port = &self.udp[index];
            let mut read = ReadBuf::new(&mut buffer[..]);
            // An error is the echo of a datagram that did not arrive; the socket goes on.
            while let Poll::Ready(result) = port.socket.poll_recv_from(context, &mut read) {
                let Ok(source) = result else { continue };
                let length = read.filled().len();
                self.next = index + 1;
                return Poll::Ready(Received {
                    protocol: Protocol::Udp,
                    source,
                    destination: port.address,
                    length,
                });
            }
        }
        for link in &mut self.tcp {
            if let Poll::Ready(length) = link.poll_receive(context, &mut buffer[..]) {
                return Poll::Ready(Received {
                    protocol: Protocol::Tcp,
                    source: link.remote(),
                    destination: link.local(),
                    length,
                });
            }
        }
        Poll::Pending
    }
}
