//! A TURN client with the socket to its server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

use super::servers::turn::{Client, Event, Options};
use super::servers::url::TurnTransport;
use super::stream::{ByteStream, StreamLink, connect, is_media};
use super::tls;

const STUN_HEADER: usize = 20;
const CHANNEL_HEADER: usize = 4;

/// A server, and the credentials that it asks for.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) transport: TurnTransport,
    /// The name its certificate is for.
    pub(super) host: String,
    pub(super) username: String,
    pub(super) password: String,
}

pub(super) struct Relay {
    client: Client,
    link: Link,
    /// The relayed address, once there is an allocation.
    relayed: Option<SocketAddr>,
}

enum Link {
    Udp(UdpSocket),
    Stream(StreamLink),
}

impl Relay {
    /// Connects and asks for an allocation.
    pub(super) fn open(target: &Target, now: Instant) -> io::Result<Self> {
        let Target { address, transport, host, username, password } = target.clone();
        let link = match transport {
            TurnTransport::Udp => Link::Udp(connect_udp(address)?),
            TurnTransport::Tcp => Link::Stream(StreamLink::open(
                async move {
                    let stream = connect(None, address).await?;
                    let local = stream.local_addr()?;
                    Ok((Box::new(stream) as Box<dyn ByteStream>, local))
                },
                frame,
            )),
            TurnTransport::Tls => Link::Stream(StreamLink::open(
                async move {
                    let stream = connect(None, address).await?;
                    let local = stream.local_addr()?;
                    let stream = tls::connect(&host, stream).await?;
                    Ok((Box::new(stream) as Box<dyn ByteStream>, local))
                },
                frame,
            )),
        };
        let reliable = transport != TurnTransport::Udp;
        let options = Options { username, password, reliable, ipv6: address.is_ipv6() };
        let client = Client::new(options, StdRng::from_rng(&mut rand::rng()), now);
        let mut relay = Self { client, link, relayed: None };
        relay.write(now);
        Ok(relay)
    }

    /// The address peers see.
    pub(super) fn relayed(&self) -> Option<SocketAddr> {
        self.relayed
    }

    /// This side's address of the connection to the server.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        match &self.link {
            Link::Udp(socket) => socket.local_addr().ok(),
            Link::Stream(stream) => stream.local(),
        }
    }

    /// Bytes that wait to be written.
    pub(super) fn backlog(&self) -> usize {
        match &self.link {
            Link::Udp(_) => 0,
            Link::Stream(stream) => stream.backlog(),
        }
    }

    pub(super) fn send(&mut self, peer: SocketAddr, datagram: &[u8], now: Instant) {
        let wrapped = self.client.send(peer, datagram, now);
        // What the client asks for by itself comes first: a channel is bound before it is used.
        self.write(now);
        if let Some(packet) = wrapped {
            self.link.send(packet, is_media(datagram), now);
        }
    }

    fn write(&mut self, now: Instant) {
        while let Some(packet) = self.client.take_outgoing() {
            self.link.send(packet, false, now);
        }
    }

    /// Moves the connection on, and reads the next datagram of a peer to `buffer`; answers the peer and where in the
    /// buffer the datagram is. `None`: what the server said changed timers or made an event.
    pub(super) fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Option<(SocketAddr, Range<usize>)>> {
        let now = Instant::now();
        let received = match ready!(self.link.poll_receive(context, buffer)) {
            Ok(length) => self.client.receive(&buffer[..length], now),
            Err(error) => {
                self.client.disconnected(format!("no connection to the server: {error}"));
                None
            }
        };
        self.write(now);
        Poll::Ready(received)
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        let event = self.client.next_event()?;
        if let Event::Allocated(relayed) = &event {
            self.relayed = Some(*relayed);
        }
        Some(event)
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.client.next_timeout()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.client.handle_timeout(now);
        self.write(now);
    }

    /// Gives the allocation back. Where that cannot be written at once, the end of the connection says the same.
    pub(super) fn close(&mut self) {
        if let Some(packet) = self.client.close() {
            self.link.send(packet, false, Instant::now());
        }
        if let Link::Stream(stream) = &mut self.link {
            stream.flush();
        }
    }
}

impl Link {
    fn send(&mut self, packet: Vec<u8>, is_media: bool, now: Instant) {
        match self {
            // Not through tokio, which takes a new socket for not writable until it has been polled.
            Self::Udp(socket) => {
                if let Err(error) = socket2::SockRef::from(&*socket).send(&packet) {
                    tracing::trace!(%error, "send to the TURN server");
                }
            }
            Self::Stream(stream) => stream.queue(packet, is_media, now),
        }
    }

    fn poll_receive(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Udp(socket) => loop {
                let mut read = ReadBuf::new(buffer);
                match socket.poll_recv(context, &mut read) {
                    Poll::Ready(Ok(())) => return Poll::Ready(Ok(read.filled().len())),
                    // The echo of a packet that did not arrive; the request is repeated.
                    Poll::Ready(Err(_)) => {}
                    Poll::Pending => return Poll::Pending,
                }
            },
            Self::Stream(stream) => stream.poll_receive(context, buffer),
        }
    }
}

fn connect_udp(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// STUN messages have their length at the same place as messages in channels, which are padded.
fn frame(bytes: &[u8]) -> io::Result<Option<(usize, Range<usize>)>> {
    let Some([first, _, high, low]) = bytes.first_chunk() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    match first >> 6 {
        0 => Ok(Some((STUN_HEADER + length, 0..STUN_HEADER + length))),
        1 => {
            let end = CHANNEL_HEADER + length;
            Ok(Some((end.next_multiple_of(4), 0..end)))
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the server does not speak TURN")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_are_framed_by_their_own_length() {
        assert_eq!(frame(&[0, 1, 0]).expect("more"), None);
        assert_eq!(frame(&[0, 1, 0, 8]).expect("a message"), Some((28, 0..28)));
        assert_eq!(frame(&[0x40, 1, 0, 5, 1]).expect("a channel"), Some((12, 0..9)));
        frame(&[0x80, 1, 0, 5]).expect_err("another protocol");
    }

    proptest! {
        #[test]
        fn any_bytes_are_framed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(Some((end, datagram))) = frame(&bytes) {
                prop_assert!(end >= CHANNEL_HEADER && datagram.end <= end);
            }
        }
    }
}
