//! The connection to livekit-server: registers the worker, passes messages both ways, and connects anew with back-off when the
//! connection is lost.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow, bail};
use futures::{SinkExt as _, StreamExt as _};
use livekit_api::access_token::VideoGrants;
use livekit_protocol::{
    RegisterWorkerRequest, ServerMessage, WorkerMessage, WorkerPing, server_message, worker_message,
};
use prost::Message as _;
use service::Backoff;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message as Frame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tracing::{debug, info, warn};

use crate::configuration::LiveKit;

/// The server closes a socket that has not registered after 10 s.
const REGISTER_LIMIT: Duration = Duration::from_secs(10);
/// What a worker tells the server, and does.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(30);
/// The server pings every 10 s: a socket that is silent for three of those is dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// Longest that a frame may wait for the network.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// LiveKit's own limit for a frame, bytes.
const FRAME_LIMIT: usize = 2 * 1024 * 1024;
/// Before another try to connect.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));
/// Longest that the token for the connection is valid; it is only read when connecting.
const TOKEN_TTL: Duration = Duration::from_secs(3600);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What the connection brings.
#[derive(Debug)]
pub(super) enum FromServer {
    /// Connected, and registered under this worker id.
    Registered(String),
    /// There is no connection, for this reason; it is being made again.
    Lost(String),
    /// A message after the registration.
    Message(Box<server_message::Message>),
}

/// A message for the server. It is dropped where there is no connection.
#[derive(Debug)]
pub(super) struct ToServer {
    pub(super) message: worker_message::Message,
    /// Told when the message was written; dropped when it was not.
    pub(super) written_tx: Option<oneshot::Sender<()>>,
}

/// Keeps the worker connected and registered, with back-off, until `from_server_tx` is closed.
pub(super) async fn run(
    livekit: LiveKit,
    registration: RegisterWorkerRequest,
    from_server_tx: mpsc::Sender<FromServer>,
    mut to_server_rx: mpsc::UnboundedReceiver<ToServer>,
) {
    let mut lost_since = Instant::now();
    let mut attempts = 0u32;
    loop {
        let connecting = timeout(REGISTER_LIMIT, connect(&livekit, &registration));
        let error = match while_dropping(&mut to_server_rx, connecting).await {
            Ok(Ok((socket, worker_id))) => {
                info!(worker.id = %worker_id, url = livekit.url.websocket(), "registered");
                if from_server_tx.send(FromServer::Registered(worker_id)).await.is_err() {
                    return;
                }
                let error = match serve(socket, &from_server_tx, &mut to_server_rx).await {
                    Ok(()) => return,
                    Err(error) => error,
                };
                (lost_since, attempts) = (Instant::now(), 0);
                error
            }
            Ok(Err(error)) => error,
            Err(_) => anyhow!("no registration within {REGISTER_LIMIT:?}"),
        };
        attempts += 1;
        let elapsed_seconds = lost_since.elapsed().as_secs();
        warn!(attempts, elapsed_seconds, "not connected to LiveKit, trying again: {error:#}");
        if from_server_tx.send(FromServer::Lost(format!("{error:#}"))).await.is_err() {
            return;
        }
        tokio::select! {
            () = while_dropping(&mut to_server_rx, sleep(BACKOFF.pause(attempts))) => {}
            () = from_server_tx.closed() => return,
        }
    }
}

/// Without a connection messages have no meaning: a new registration knows nothing of the old jobs.
async fn while_dropping<T>(
    to_server_rx: &mut mpsc::UnboundedReceiver<ToServer>,
    work: impl Future<Output = T>,
) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            Some(dropped) = to_server_rx.recv() => debug!(message = kind(&dropped.message), "not sent: not connected"),
        }
    }
}

async fn connect(
    livekit: &LiveKit,
    registration: &RegisterWorkerRequest,
) -> anyhow::Result<(Socket, String)> {
    let grants = VideoGrants { agent: true, ..VideoGrants::default() };
    let token = livekit.token(grants, TOKEN_TTL).await?;
    let mut request =
        format!("{}/agent", livekit.url.websocket()).into_client_request().context("read LIVEKIT_URL")?;
    request
        .headers_mut()
        .insert(AUTHORIZATION, format!("Bearer {token}").parse().context("make the header")?);
    let limits =
        WebSocketConfig::default().max_message_size(Some(FRAME_LIMIT)).max_frame_size(Some(FRAME_LIMIT));
    let (mut socket, _) = match connect_async_with_config(request, Some(limits), true).await {
        Err(WebSocketError::Http(response)) if response.status() == 401 => {
            bail!(
                "LiveKit refuses the API key or secret (401): check LIVEKIT_API_KEY and LIVEKIT_API_SECRET, or renew their files"
            )
        }
        connected => connected.context("connect to LiveKit")?,
    };
    write(&mut socket, worker_message::Message::Register(registration.clone())).await?;
    loop {
        let silent_at = Instant::now() + SILENCE_LIMIT;
        if let Some(server_message::Message::Register(registered)) = read(&mut socket, silent_at).await? {
            return Ok((socket, registered.worker_id));
        }
    }
}

/// Passes messages both ways; `Ok` where nobody listens any more.
async fn serve(
    mut socket: Socket,
    from_server_tx: &mpsc::Sender<FromServer>,
    to_server_rx: &mut mpsc::UnboundedReceiver<ToServer>,
) -> anyhow::Result<()> {
    let mut pings = interval(PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silent_at = Instant::now() + SILENCE_LIMIT;
    loop {
        tokio::select! {
            // Each message of the server's makes some for it: before more is read, these are written, or they would grow in number.
            biased;
            Some(ToServer { message, written_tx }) = to_server_rx.recv() => {
                write(&mut socket, message).await?;
                if let Some(written_tx) = written_tx
                    && written_tx.send(()).is_err()
                {
                    debug!("a message was written later than its sender waited");
                }
            }
            _ = pings.tick() => {
                let milliseconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
                let timestamp = i64::try_from(milliseconds).unwrap_or(i64::MAX);
                write(&mut socket, worker_message::Message::Ping(WorkerPing { timestamp })).await?;
            }
            () = from_server_tx.closed() => break,
            message = read(&mut socket, silent_at) => {
                silent_at = Instant::now() + SILENCE_LIMIT;
                let Some(message) = message? else { continue };
                if from_server_tx.send(FromServer::Message(Box::new(message))).await.is_err() {
                    break;
                }
            }
        }
    }
    if let Err(error) = timeout(Duration::from_secs(1), socket.close(None)).await {
        debug!("the socket was not closed in time: {error}");
    }
    Ok(())
}

/// The next frame; `None` for one without a message for us. Cancel-safe.
async fn read(socket: &mut Socket, silent_at: Instant) -> anyhow::Result<Option<server_message::Message>> {
    let frame = timeout_at(silent_at.into(), socket.next())
        .await
        .map_err(|_| anyhow!("LiveKit was silent for {SILENCE_LIMIT:?}"))?
        .context("LiveKit closed the connection")?
        .context("read from LiveKit")?;
    match frame {
        Frame::Binary(bytes) => {
            let message = ServerMessage::decode(bytes).context("decode LiveKit's message")?.message;
            if message.is_none() {
                debug!("ignored a message of an unknown kind");
            }
            Ok(message)
        }
        Frame::Close(reason) => bail!("LiveKit closed the connection: {reason:?}"),
        _ => Ok(None),
    }
}

async fn write(socket: &mut Socket, message: worker_message::Message) -> anyhow::Result<()> {
    let bytes = WorkerMessage { message: Some(message) }.encode_to_vec();
    timeout(WRITE_LIMIT, socket.send(Frame::Binary(bytes.into())))
        .await
        .map_err(|_| anyhow!("LiveKit did not read for {WRITE_LIMIT:?}"))?
        .context("write to LiveKit")
}

fn kind(message: &worker_message::Message) -> &'static str {
    match message {
        worker_message::Message::Availability(_) => "availability",
        worker_message::Message::UpdateJob(_) => "update_job",
        worker_message::Message::UpdateWorker(_) => "update_worker",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use livekit_protocol::WorkerPong;
    use tokio::net::TcpListener;
    use tokio_tungstenite::{accept_async, connect_async};

    use super::*;

    #[tokio::test]
    async fn what_waits_for_the_server_is_written_before_more_is_read() {
        const MANY: usize = 100;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let server = async {
            let mut socket = accept_async(listener.accept().await.unwrap().0).await.unwrap();
            for _ in 0..MANY {
                let pong = server_message::Message::Pong(WorkerPong::default());
                let pong = ServerMessage { message: Some(pong) }.encode_to_vec();
                socket.send(Frame::Binary(pong.into())).await.unwrap();
            }
            socket
        };
        let (server, client) = tokio::join!(server, connect_async(url));
        let (from_server_tx, mut from_server_rx) = mpsc::channel(MANY);
        let (to_server_tx, mut to_server_rx) = mpsc::unbounded_channel();
        let written = (0..MANY).map(|_| {
            let (written_tx, written_rx) = oneshot::channel();
            let message = worker_message::Message::Ping(WorkerPing::default());
            to_server_tx.send(ToServer { message, written_tx: Some(written_tx) }).unwrap();
            written_rx
        });
        let mut written: Vec<_> = written.collect();
        let serving =
            tokio::spawn(async move { serve(client.unwrap().0, &from_server_tx, &mut to_server_rx).await });
        assert!(matches!(from_server_rx.recv().await, Some(FromServer::Message(_))));
        assert!(written.iter_mut().all(|written| written.try_recv().is_ok()));
        // The server is there until the end: whatever is still on its way to it is written.
        drop(from_server_rx);
        serving.await.unwrap().unwrap();
        drop(server);
    }
}
