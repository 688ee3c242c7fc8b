//! ICE over TCP: an outgoing connection whose datagrams are framed by their length (RFC 4571).

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};

/// Bytes that may wait before further datagrams are dropped. Data channels stop long before.
const MAX_BACKLOG: usize = 1 << 20;
const LENGTH_BYTES: usize = 2;

pub(super) struct TcpLink {
    /// The active candidate's address, whose port is 9.
    local: SocketAddr,
    remote: SocketAddr,
    state: LinkState,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
}

enum LinkState {
    Connecting(Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>),
    Open(TcpStream),
    Closed,
}

impl TcpLink {
    pub(super) fn connect(local: SocketAddr, remote: SocketAddr) -> Self {
        let connecting = async move {
            let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.bind(SocketAddr::new(local.ip(), 0))?;
            socket.set_nodelay(true)?;
            socket.connect(remote).await
        };
        Self {
            local,
            remote,
            state: LinkState::Connecting(Box::pin(connecting)),
            outgoing: Vec::new(),
            incoming: Vec::new(),
        }
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) fn remote(&self) -> SocketAddr {
        self.remote
    }

    pub(super) fn backlog(&self) -> usize {
        self.outgoing.len()
    }

    /// Queues a datagram; it is written by [`poll_receive`](Self::poll_receive).
    pub(super) fn queue(&mut self, datagram: &[u8]) {
        let closed = matches!(self.state, LinkState::Closed);
        let Some(length) = u16::try_from(datagram.len()).ok().filter(|_| !closed) else { return };
        if self.outgoing.len() > MAX_BACKLOG {
            tracing::debug!(remote = %self.remote, "a TCP connection is too slow: a datagram is dropped");
            return;
        }
        self.outgoing.extend(length.to_be_bytes());
        self.outgoing.extend(datagram);
    }

    /// Connects, writes what is queued, and reads the next datagram to `buffer`; answers its length.
    pub(super) fn poll_receive(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<usize> {
        let received = match self.poll_io(context, buffer) {
            Poll::Ready(Ok(length)) => return Poll::Ready(length),
            Poll::Ready(Err(error)) => error,
            Poll::Pending => return Poll::Pending,
        };
        tracing::debug!(error = %received, remote = %self.remote, "a TCP connection ended");
        self.state = LinkState::Closed;
        self.outgoing = Vec::new();
        self.incoming = Vec::new();
        Poll::Pending
    }

    fn poll_io(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if let LinkState::Connecting(connecting) = &mut self.state {
            let stream = ready!(connecting.as_mut().poll(context))?;
            self.state = LinkState::Open(stream);
        }
        let LinkState::Open(stream) = &mut self.state else { return Poll::Pending };
        while !self.outgoing.is_empty() {
            match Pin::new(&mut *stream).poll_write(context, &self.outgoing)? {
                Poll::Ready(written) => drop(self.outgoing.drain(..written)),
                Poll::Pending => break,
            }
        }
        loop {
            if let Some(length) = take_frame(&mut self.incoming, buffer) {
                return Poll::Ready(Ok(length));
            }
            let mut chunk = [0; 4096];
            let mut read = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.incoming.extend(read.filled());
        }
    }
}

/// Moves the first complete datagram to `buffer`; one that is too long for it is skipped.
fn take_frame(incoming: &mut Vec<u8>, buffer: &mut [u8]) -> Option<usize> {
    loop {
        let length = usize::from(u16::from_be_bytes(incoming.first_chunk().copied()?));
        let frame = incoming.get(LENGTH_BYTES..LENGTH_BYTES + length)?;
        let taken = buffer.get_mut(..length).map(|buffer| buffer.copy_from_slice(frame));
        incoming.drain(..LENGTH_BYTES + length);
        if taken.is_some() && length > 0 {
            return Some(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_one_by_one_and_long_ones_skipped() {
        let mut incoming = vec![0, 3, 1, 2, 3, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0, 1, 7, 0];
        let mut buffer = [0; 4];
        assert_eq!(take_frame(&mut incoming, &mut buffer), Some(3));
        assert_eq!(buffer[..3], [1, 2, 3]);
        assert_eq!(take_frame(&mut incoming, &mut buffer), Some(1));
        assert_eq!(buffer[0], 7);
        assert_eq!(take_frame(&mut incoming, &mut buffer), None);
        assert_eq!(incoming, [0]);
    }
}
