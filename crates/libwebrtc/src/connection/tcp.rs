//! ICE over TCP: outgoing connections whose datagrams are framed by their length (RFC 4571, RFC 6544).
//!
//! This side is the active one only: servers have the passive candidates, and a client behind a router could not be
//! reached at one.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::stream::{ByteStream, StreamLink, connect, is_media};

const LENGTH_BYTES: usize = 2;
/// The back-off before a connection that broke is made anew, which doubles with each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const MAX_PAUSE: Duration = Duration::from_secs(8);

pub(super) struct TcpLink {
    /// The active candidate's address, whose port is 9.
    local: SocketAddr,
    remote: SocketAddr,
    stream: StreamLink,
    /// While the connection is broken, from when on it may be made anew.
    broken_until: Option<Instant>,
    pause: Duration,
}

impl TcpLink {
    pub(super) fn connect(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { local, remote, stream: open(local, remote), broken_until: None, pause: FIRST_PAUSE }
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) fn remote(&self) -> SocketAddr {
        self.remote
    }

    pub(super) fn backlog(&self) -> usize {
        self.stream.backlog()
    }

    /// Queues a datagram; it is written by [`poll_receive`](Self::poll_receive). A connection that broke is made anew,
    /// which the checks of ICE ask for as long as it is of use.
    pub(super) fn queue(&mut self, datagram: &[u8], now: Instant) {
        let Ok(length) = u16::try_from(datagram.len()) else { return };
        if self.broken_until.take_if(|until| now >= *until).is_some() {
            self.stream = open(self.local, self.remote);
        }
        let mut frame = Vec::with_capacity(LENGTH_BYTES + datagram.len());
        frame.extend(length.to_be_bytes());
        frame.extend(datagram);
        self.stream.queue(frame, is_media(datagram), now);
    }

    /// Writes what can be written at once.
    pub(super) fn flush(&mut self) {
        self.stream.flush();
    }

    /// Connects, writes what is queued, and reads the next datagram to `buffer`; answers its length.
    pub(super) fn poll_receive(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<usize> {
        match self.stream.poll_receive(context, buffer) {
            Poll::Ready(Ok(length)) => {
                self.pause = FIRST_PAUSE;
                return Poll::Ready(length);
            }
            Poll::Ready(Err(error)) => {
                tracing::debug!(%error, remote = %self.remote, "a TCP connection ended");
                self.broken_until = Some(Instant::now() + self.pause);
                self.pause = (self.pause * 2).min(MAX_PAUSE);
            }
            Poll::Pending => {}
        }
        Poll::Pending
    }
}

fn open(local: SocketAddr, remote: SocketAddr) -> StreamLink {
    let connecting = async move {
        let stream = connect(Some(SocketAddr::new(local.ip(), 0)), remote).await?;
        let local = stream.local_addr()?;
        Ok((Box::new(stream) as Box<dyn ByteStream>, local))
    };
    StreamLink::open(connecting, frame)
}

#[expect(clippy::unnecessary_wraps, reason = "any bytes are a frame, unlike those of other protocols")]
fn frame(bytes: &[u8]) -> io::Result<Option<(usize, Range<usize>)>> {
    let Some(length) = bytes.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length))) else {
        return Ok(None);
    };
    let end = LENGTH_BYTES + length;
    Ok(Some((end, LENGTH_BYTES..end)))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_broken_connection_is_made_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let remote = listener.local_addr().expect("read address");
        let mut link = TcpLink::connect(SocketAddr::new(remote.ip(), 9), remote);
        let mut buffer = [0; 2048];
        for round in 0..3u8 {
            let serve = async {
                let (mut peer, _) = listener.accept().await.expect("accept");
                let mut frame = [0; 3];
                peer.read_exact(&mut frame).await.expect("read");
                assert_eq!(frame, [0, 1, round]);
                peer.write_all(&frame).await.expect("write");
            };
            // ICE asks again and again as well.
            let ask = async {
                loop {
                    link.queue(&[round], Instant::now());
                    let received = poll_fn(|context| link.poll_receive(context, &mut buffer));
                    match tokio::time::timeout(Duration::from_millis(50), received).await {
                        Ok(length) => return assert_eq!(buffer[..length], [round]),
                        Err(_) => continue,
                    }
                }
            };
            let both = async { tokio::join!(serve, ask) };
            tokio::time::timeout(Duration::from_secs(10), both).await.expect("connect again");
        }
    }
}
