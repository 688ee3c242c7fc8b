//! Stands between the sink and the store and behaves as a test says. A change of its mode ends the open connections.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use test_servers::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// Every request gets this status and code.
    Answer(u16, &'static str),
    /// The store gets the requests, the sink never an answer.
    SwallowAnswers,
    /// A request whose first line has this in it gets 403, each other one passes.
    Deny(&'static str),
    /// As [`Self::Deny`], with this status and code.
    AnswerTo(&'static str, u16, &'static str),
    /// A request whose first line has both in it waits until it is released, each other one passes.
    Hold(&'static str, &'static str),
    /// A request for which there is a [`Reply`] gets that, each other one passes.
    Replies,
}

/// What comes instead of the store's answer to a request whose first line has all of some texts in it.
pub(crate) struct Reply {
    to: &'static [&'static str],
    /// Matching requests that pass before.
    after: usize,
    /// Matching requests that get it.
    times: usize,
    /// All that goes over the wire, for the first, the second, … of them.
    bytes: Box<dyn Fn(usize) -> Vec<u8> + Send>,
    asked: usize,
}

impl Reply {
    /// To every matching request.
    pub(crate) fn always(to: &'static [&'static str], bytes: Vec<u8>) -> Self {
        Self::each(to, move |_| bytes.clone())
    }

    /// To the first matching request alone.
    pub(crate) fn once(to: &'static [&'static str], bytes: Vec<u8>) -> Self {
        Self { times: 1, ..Self::always(to, bytes) }
    }

    /// To the first, the second, … matching request.
    pub(crate) fn each(
        to: &'static [&'static str],
        bytes: impl Fn(usize) -> Vec<u8> + Send + 'static,
    ) -> Self {
        Self { to, after: 0, times: usize::MAX, bytes: Box::new(bytes), asked: 0 }
    }

    /// So many matching requests pass first.
    pub(crate) fn after(self, after: usize) -> Self {
        Self { after, ..self }
    }

    fn answer(&mut self, line: &str) -> Option<Vec<u8>> {
        if !self.to.iter().all(|text| line.contains(text)) {
            return None;
        }
        self.asked += 1;
        let number = self.asked.checked_sub(self.after + 1)?;
        (number < self.times).then(|| (self.bytes)(number))
    }
}

type Replies = Arc<Mutex<Vec<Reply>>>;

/// Of the request that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    NotYet,
    Here,
    Released,
}

/// A mode, and how many hold to it: its connections, and who may begin one.
type InForce = (Mode, Arc<()>);

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    mode: watch::Sender<InForce>,
    held: watch::Sender<Held>,
    replies: Replies,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(store: u16, mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mode = watch::Sender::new((mode, Arc::new(())));
        let modes = mode.subscribe();
        let held = watch::Sender::new(Held::NotYet);
        let holder = held.clone();
        let replies = Replies::default();
        let replier = Arc::clone(&replies);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (mut modes, held) = (modes.clone(), holder.clone());
                let replies = Arc::clone(&replier);
                let (mode, connection) = modes.borrow_and_update().clone();
                tokio::spawn(async move {
                    let _connection = connection;
                    // Either side may end the connection as it likes.
                    tokio::select! {
                        ended = serve(client, store, mode, held, replies) => drop(ended),
                        changed = modes.changed() => drop(changed),
                    }
                });
            }
        });
        Self { address, mode, held, replies, task }
    }

    /// Returns once nothing goes on as it did before.
    pub(crate) async fn set(&self, mode: Mode) {
        let (_, connections) = self.mode.send_replace((mode, Arc::new(())));
        eventually("the end of the open connections", async || Arc::strong_count(&connections) == 1).await;
    }
}

impl Proxy {
    /// Holds the first request whose first line has both in it.
    pub(crate) async fn hold(&self, method: &'static str, path: &'static str) {
        self.held.send_replace(Held::NotYet);
        self.set(Mode::Hold(method, path)).await;
    }

    /// From now on there are these replies and no others.
    pub(crate) async fn reply(&self, replies: Vec<Reply>) {
        *self.replies.lock().unwrap() = replies;
        self.set(Mode::Replies).await;
    }

    pub(crate) async fn is_holding(&self) {
        let mut held = self.held.subscribe();
        let holding = held.wait_for(|held| *held == Held::Here);
        tokio::time::timeout(std::time::Duration::from_secs(60), holding).await.unwrap().unwrap();
    }

    /// Lets it go on, and all that come later pass.
    pub(crate) fn release(&self) {
        self.held.send_replace(Held::Released);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut client: TcpStream,
    store: u16,
    mode: Mode,
    held: watch::Sender<Held>,
    replies: Replies,
) -> std::io::Result<()> {
    if let Mode::Answer(status, code) = mode {
        return answer(client, Vec::new(), status, code).await;
    }
    let mut server = TcpStream::connect(("127.0.0.1", store)).await?;
    if let Mode::Deny(what) = mode {
        return answer_to(what, 403, "AccessDenied", client, server).await;
    }
    if let Mode::AnswerTo(what, status, code) = mode {
        return answer_to(what, status, code, client, server).await;
    }
    if let Mode::Hold(method, path) = mode {
        return hold([method, path], client, server, held).await;
    }
    if mode == Mode::Replies {
        return reply(client, server, &replies).await;
    }
    if mode == Mode::Pass {
        tokio::io::copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    let (mut from_client, _to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let requests = tokio::io::copy(&mut from_client, &mut to_server);
    let mut nowhere = tokio::io::sink();
    let answers = tokio::io::copy(&mut from_server, &mut nowhere);
    tokio::try_join!(requests, answers)?;
    Ok(())
}

/// The beginning of a request, its head and perhaps more, and where its first line ends.
async fn head(client: &mut TcpStream) -> std::io::Result<Option<(Vec<u8>, usize)>> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if client.read_buf(&mut request).await? == 0 {
            return Ok(None);
        }
    }
    let first_line = request.iter().position(|byte| *byte == b'\r').unwrap();
    Ok(Some((request, first_line)))
}

/// Looks at one request; the next one comes over a connection of its own.
async fn answer_to(
    what: &str,
    status: u16,
    code: &str,
    mut client: TcpStream,
    server: TcpStream,
) -> std::io::Result<()> {
    let Some((request, first_line)) = head(&mut client).await? else { return Ok(()) };
    if String::from_utf8_lossy(&request[..first_line]).contains(what) {
        return answer(client, request, status, code).await;
    }
    pass(&request, first_line, client, server).await
}

/// As [`answer_to`], but the request waits.
async fn hold(
    what: [&str; 2],
    mut client: TcpStream,
    server: TcpStream,
    held: watch::Sender<Held>,
) -> std::io::Result<()> {
    let Some((request, first_line)) = head(&mut client).await? else { return Ok(()) };
    let line = String::from_utf8_lossy(&request[..first_line]).into_owned();
    if *held.borrow() != Held::Released && what.iter().all(|what| line.contains(what)) {
        held.send_replace(Held::Here);
        let mut released = held.subscribe();
        released.wait_for(|held| *held == Held::Released).await.map_err(std::io::Error::other)?;
    }
    pass(&request, first_line, client, server).await
}

/// Looks at one request, and reads all of it where the store does not get it.
async fn reply(mut client: TcpStream, server: TcpStream, replies: &Replies) -> std::io::Result<()> {
    let Some((request, first_line)) = head(&mut client).await? else { return Ok(()) };
    let line = String::from_utf8_lossy(&request[..first_line]).into_owned();
    let answer = replies.lock().unwrap().iter_mut().find_map(|reply| reply.answer(&line));
    let Some(answer) = answer else { return pass(&request, first_line, client, server).await };
    read_whole(&mut client, request).await?;
    client.write_all(&answer).await?;
    client.shutdown().await
}

async fn pass(
    request: &[u8],
    first_line: usize,
    mut client: TcpStream,
    mut server: TcpStream,
) -> std::io::Result<()> {
    server.write_all(&request[..first_line]).await?;
    server.write_all(b"\r\nConnection: close").await?;
    server.write_all(&request[first_line..]).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// Reads one request, of which the beginning was read already, and answers it.
async fn answer(mut client: TcpStream, request: Vec<u8>, status: u16, code: &str) -> std::io::Result<()> {
    if !read_whole(&mut client, request).await? {
        return Ok(());
    }
    let body = format!("<Error><Code>{code}</Code><Message>about one key</Message></Error>");
    client.write_all(&response(status, "application/xml", body.as_bytes())).await?;
    client.shutdown().await
}

/// Reads a request to its end, of which the beginning was read already; false where the client went away.
async fn read_whole(client: &mut TcpStream, mut request: Vec<u8>) -> std::io::Result<bool> {
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let end = head.len() + 4 + length.unwrap_or(0);
            let mut rest = vec![0; end.saturating_sub(request.len())];
            client.read_exact(&mut rest).await?;
            return Ok(true);
        }
        if client.read_buf(&mut request).await? == 0 {
            return Ok(false);
        }
    }
}

/// A whole response as it goes over the wire.
pub(crate) fn response(status: u16, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} Test\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
