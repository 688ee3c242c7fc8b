//! Stands between our programs and a server, and lets pass what the faults of the moment let pass. A change of these ends the open
//! connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How a connection fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Closed at once.
    Down,
    /// Each piece of it waits so long.
    Slow(Duration),
    /// Closed in the middle of an answer, each connection elsewhere.
    Cut,
    /// Each request over HTTP is answered with 503, and the server does not get it.
    Unavailable,
}

/// How large a piece of a slow connection is at most.
const PIECE_BYTES: usize = 4_096;
/// Bytes of answers that pass before a connection is cut: from the first ones, on and on.
const CUT_AFTER: std::ops::Range<u64> = 20..6_000;
const CUT_STEP: u64 = 397;

/// A proxy before one server. It ends with its owner.
pub struct Proxy {
    pub(super) address: SocketAddr,
    mode_tx: watch::Sender<Mode>,
    /// Each by the number of its fault; the last one counts.
    active: Vec<(usize, Mode)>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Begins to pass connections on to a server's address.
    ///
    /// # Errors
    /// There is no port for it.
    pub async fn start(server: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen as a proxy")?;
        let address = listener.local_addr().context("find the proxy's address")?;
        let mode_tx = watch::Sender::new(Mode::Pass);
        let modes_rx = mode_tx.subscribe();
        let accepting = tokio::spawn(async move {
            let mut cut_after = CUT_AFTER.cycle();
            while let Ok((client, _)) = listener.accept().await {
                let (server, mut modes_rx) = (server.clone(), modes_rx.clone());
                let mode = *modes_rx.borrow_and_update();
                let cut_after = cut_after.nth(CUT_STEP as usize).unwrap_or_default();
                tokio::spawn(async move {
                    // Either side may end the connection as it likes.
                    tokio::select! {
                        ended = serve(client, &server, mode, cut_after) => drop(ended),
                        changed = modes_rx.changed() => drop(changed),
                    }
                });
            }
        });
        Ok(Self { address, mode_tx, active: Vec::new(), accepting })
    }

    /// From now on connections fare so, until the fault of this number ends.
    pub fn begin(&mut self, fault: usize, mode: Mode) {
        self.active.push((fault, mode));
        self.apply();
    }

    pub fn end(&mut self, fault: usize) {
        self.active.retain(|(number, _)| *number != fault);
        self.apply();
    }

    fn apply(&self) {
        self.mode_tx.send_replace(self.active.last().map_or(Mode::Pass, |(_, mode)| *mode));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut client: TcpStream, server: &str, mode: Mode, cut_after: u64) -> io::Result<()> {
    match mode {
        Mode::Down => return Ok(()),
        Mode::Unavailable => return refuse(client).await,
        Mode::Pass | Mode::Slow(_) | Mode::Cut => {}
    }
    let mut server = TcpStream::connect(server).await?;
    if mode == Mode::Pass {
        return copy_bidirectional(&mut client, &mut server).await.map(drop);
    }
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    if let Mode::Slow(slowness) = mode {
        let requests = copy_slowly(&mut from_client, &mut to_server, slowness);
        return tokio::try_join!(requests, copy_slowly(&mut from_server, &mut to_client, slowness)).map(drop);
    }
    let mut answers = from_server.take(cut_after);
    tokio::select! {
        ended = copy(&mut from_client, &mut to_server) => ended.map(drop),
        ended = copy(&mut answers, &mut to_client) => ended.map(drop),
    }
}

async fn copy_slowly(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    slowness: Duration,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = from.read(&mut piece).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        tokio::time::sleep(slowness).await;
        to.write_all(&piece[..read]).await?;
    }
}

/// Reads a request to its end and answers that the server cannot.
async fn refuse(mut client: TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    while client.read_buf(&mut request).await? > 0 {
        let text = String::from_utf8_lossy(&request);
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        let end = head.len() + 4 + length.unwrap_or(0);
        let mut rest = vec![0; end.saturating_sub(request.len())];
        client.read_exact(&mut rest).await?;
        let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        client.write_all(answer.as_bytes()).await?;
        return client.shutdown().await;
    }
    Ok(())
}
