//! Datagrams over a byte stream: TCP or TLS, with a queue that media never wait in for long.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};

/// Media that waited longer are not written: at the far end they would be too late to be played.
const MEDIA_PATIENCE: Duration = Duration::from_millis(200);
/// Bytes in the queue before anything is dropped that is not media. Data channel messages stop long before; what SCTP has
/// in flight by then is bounded by the peer's window, commonly of 1 MiB.
const MAX_BACKLOG: usize = 4 << 20;
/// Bytes the system takes before they can be sent. More would only move the queue to where media cannot be taken out.
#[cfg(any(target_os = "android", target_os = "linux"))]
const MAX_UNSENT: u32 = 16 << 10;

/// The end of a frame, and where in it the datagram is. `None`: more bytes are needed.
pub(super) type Framing = fn(&[u8]) -> io::Result<Option<(usize, Range<usize>)>>;

pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// A stream that is open, and its own address.
pub(super) type Opened = (Box<dyn ByteStream>, SocketAddr);

pub(super) struct StreamLink {
    state: State,
    framing: Framing,
    outgoing: VecDeque<Frame>,
    /// Bytes of the first outgoing frame that are written.
    written: usize,
    backlog: usize,
    incoming: Incoming,
}

enum State {
    Opening(Pin<Box<dyn Future<Output = io::Result<Opened>> + Send>>),
    Open(Box<dyn ByteStream>, SocketAddr),
    Closed,
}

struct Frame {
    bytes: Vec<u8>,
    /// From when on the frame is dropped, because its media would be too late; `None` for data.
    perishes_at: Option<Instant>,
}

impl StreamLink {
    pub(super) fn open(
        opening: impl Future<Output = io::Result<Opened>> + Send + 'static,
        framing: Framing,
    ) -> Self {
        Self {
            state: State::Opening(Box::pin(opening)),
            framing,
            outgoing: VecDeque::new(),
            written: 0,
            backlog: 0,
            incoming: Incoming::default(),
        }
    }

    /// Bytes that wait to be written.
    pub(super) fn backlog(&self) -> usize {
        self.backlog
    }

    /// This side's address, once it is open.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        if let State::Open(_, local) = &self.state { Some(*local) } else { None }
    }

    /// Queues a frame; it is written by [`poll_receive`](Self::poll_receive).
    pub(super) fn queue(&mut self, frame: Vec<u8>, is_media: bool, now: Instant) {
        if matches!(self.state, State::Closed) {
            return;
        }
        if self.backlog + frame.len() > MAX_BACKLOG {
            tracing::warn!(backlog = self.backlog, "a stream is too slow: a datagram is dropped");
            return;
        }
        self.backlog += frame.len();
        self.outgoing.push_back(Frame { bytes: frame, perishes_at: is_media.then(|| now + MEDIA_PATIENCE) });
    }

    /// Opens the stream, writes what is queued, and reads the next datagram to `buffer`; answers its length. Once it has
    /// answered an error, it stays pending.
    pub(super) fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let received = ready!(self.poll_io(context, buffer));
        if received.is_err() {
            self.state = State::Closed;
            self.outgoing = VecDeque::new();
            self.backlog = 0;
            self.incoming = Incoming::default();
        }
        Poll::Ready(received)
    }

    /// Writes what can be written at once.
    pub(super) fn flush(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        if let Err(error) = self.write(&mut context, Instant::now()) {
            tracing::trace!(%error, "write to a stream that is to be closed");
        }
    }

    fn poll_io(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if let State::Opening(opening) = &mut self.state {
            let (stream, local) = ready!(opening.as_mut().poll(context))?;
            self.state = State::Open(stream, local);
        }
        if matches!(self.state, State::Closed) {
            return Poll::Pending;
        }
        self.write(context, Instant::now())?;
        let State::Open(stream, _) = &mut self.state else { return Poll::Pending };
        loop {
            if let Some(length) = self.incoming.take(self.framing, buffer)? {
                return Poll::Ready(Ok(length));
            }
            let mut chunk = [0; 4096];
            let mut read = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.incoming.bytes.extend(read.filled());
        }
    }

    /// Writes frames until the stream is full or there are none.
    fn write(&mut self, context: &mut Context<'_>, now: Instant) -> io::Result<()> {
        let State::Open(stream, _) = &mut self.state else { return Ok(()) };
        let mut stream = Pin::new(stream);
        while let Some(frame) = self.outgoing.front() {
            // A frame that was begun has to be finished.
            let is_late = self.written == 0 && frame.perishes_at.is_some_and(|at| now >= at);
            if !is_late {
                match stream.as_mut().poll_write(context, &frame.bytes[self.written..])? {
                    Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Poll::Ready(written) => self.written += written,
                    Poll::Pending => break,
                }
                if self.written < frame.bytes.len() {
                    continue;
                }
            }
            self.written = 0;
            self.backlog -= frame.bytes.len();
            self.outgoing.pop_front();
        }
        // TLS holds records back until it is asked for them.
        match stream.poll_flush(context) {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Ok(()),
        }
    }
}

/// Bytes that were read, up to the first incomplete frame.
#[derive(Default)]
struct Incoming {
    bytes: Vec<u8>,
    /// How many of them have been handed out.
    taken: usize,
}

impl Incoming {
    /// Moves the first complete datagram to `buffer`; one that is empty or too long for it is skipped.
    fn take(&mut self, framing: Framing, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            let rest = &self.bytes[self.taken..];
            let Some((end, datagram)) = framing(rest)?.filter(|(end, _)| *end <= rest.len()) else {
                self.bytes.drain(..self.taken);
                self.taken = 0;
                return Ok(None);
            };
            let datagram = &rest[datagram];
            let length = datagram.len();
            let copied = buffer.get_mut(..length).map(|buffer| buffer.copy_from_slice(datagram));
            self.taken += end;
            if copied.is_some() && length > 0 {
                return Ok(Some(length));
            }
        }
    }
}

/// Whether a datagram carries media (RFC 7983): ICE, DTLS and what is in it are not dropped.
pub(super) fn is_media(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(128..=191))
}

/// Connects from an address of this machine, or from any.
pub(super) async fn connect(from: Option<SocketAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = from {
        socket.bind(from)?;
    }
    socket.set_nodelay(true)?;
    #[cfg(any(target_os = "android", target_os = "linux"))]
    socket2::SockRef::from(&socket).set_tcp_notsent_lowat(MAX_UNSENT)?;
    socket.connect(to).await
}
