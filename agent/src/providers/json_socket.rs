//! A WebSocket that carries JSON texts: connected within a time limit, watched by pings, counted, and closed when it is dropped.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use prometheus::core::Collector;
use prometheus::{IntCounterVec, IntGaugeVec, Opts};
use reqwest::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use reqwest::{StatusCode, Upgraded, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::error::{Provider, ProviderError};
use super::health::PROVIDERS;
use super::request::refusal;

/// Most bytes of a text; of sound in base64, some seconds.
const TEXT_LIMIT: usize = 4 * 1024 * 1024;
/// What is read at a time; it stays for as long as the socket. A tenth of a second of sound, and more.
const READ_BUFFER: usize = 16 * 1024;
/// Longest that a text may wait for the network.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// A socket on which nothing came for so long is asked whether it lives, and is dead where nothing comes for as long again.
const PING: Duration = Duration::from_secs(10);
/// Longest that the end of a socket is waited for.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// Sockets that were opened and are open, by the service; clones share the numbers.
#[derive(Debug, Clone)]
pub struct SocketCount {
    opened: IntCounterVec,
    open: IntGaugeVec,
}

impl SocketCount {
    pub(super) fn new() -> prometheus::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(format!("postcall_agent_service_sockets_{name}"), help);
        let opened = opts("opened_total", "Sockets to speech services that were opened");
        let open = opts("open", "Sockets to speech services that are open; a plan has room for few");
        let count = Self {
            opened: IntCounterVec::new(opened, &["service"])?,
            open: IntGaugeVec::new(open, &["service"])?,
        };
        for provider in PROVIDERS {
            count.opened.with_label_values(&[provider.label()]);
            count.open.with_label_values(&[provider.label()]);
        }
        Ok(count)
    }

    /// What to show of them.
    pub(crate) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![Box::new(self.opened.clone()), Box::new(self.open.clone())]
    }

    fn opened(&self, provider: Provider) {
        self.opened.with_label_values(&[provider.label()]).inc();
        self.open.with_label_values(&[provider.label()]).inc();
    }

    fn closed(&self, provider: Provider) {
        self.open.with_label_values(&[provider.label()]).dec();
    }
}

/// An open socket.
pub(super) struct JsonSocket {
    provider: Provider,
    socket: WebSocketStream<Upgraded>,
    /// When the last frame came, and whether it was asked for since.
    heard: Instant,
    asked: bool,
    /// Since when an answer to [`Self::ping`] is waited for.
    pinged: Option<Instant>,
    count: SocketCount,
}

impl JsonSocket {
    /// Connects to an http or https address, which becomes ws or wss. The request is made by the client for HTTP, which reads a
    /// refusal to its end: its body says whether it passes.
    ///
    /// # Errors
    /// It is not reached in time, or refused.
    pub(super) async fn connect(
        provider: Provider,
        http: &reqwest::Client,
        url: &Url,
        token: Option<&SecretString>,
        limit: Duration,
        count: &SocketCount,
    ) -> Result<Self, ProviderError> {
        let deadline = Instant::now() + limit;
        let late = |_| ProviderError::timeout(provider, limit);
        let key = generate_key();
        let upgrade = http
            .get(url.clone())
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &key);
        let upgrade = match token {
            Some(token) => upgrade.bearer_auth(token.expose_secret()),
            None => upgrade,
        };
        let answer = timeout_at(deadline, upgrade.send()).await.map_err(late)?;
        let answer = answer.map_err(|_| ProviderError::unreached(provider))?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(refusal(provider, answer, deadline).await);
        }
        let accepted = answer.headers().get(SEC_WEBSOCKET_ACCEPT);
        if accepted.is_none_or(|accepted| *accepted != derive_accept_key(key.as_bytes())) {
            return Err(ProviderError::malformed(provider, "its address is none of a WebSocket"));
        }
        let upgraded = timeout_at(deadline, answer.upgrade()).await.map_err(late)?;
        let upgraded = upgraded.map_err(|_| ProviderError::unreached(provider))?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(TEXT_LIMIT))
            .max_frame_size(Some(TEXT_LIMIT))
            .read_buffer_size(READ_BUFFER);
        let socket = WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await;
        count.opened(provider);
        Ok(Self { provider, socket, heard: Instant::now(), asked: false, pinged: None, count: count.clone() })
    }

    /// # Errors
    /// The connection is lost, or stands still.
    pub(super) async fn send(&mut self, text: &Value) -> Result<(), ProviderError> {
        self.write(Message::text(text.to_string())).await
    }

    /// The next text. It can be dropped and called again.
    ///
    /// # Errors
    /// The connection is lost, closed, or dead.
    pub(super) async fn next(&mut self) -> Result<String, ProviderError> {
        loop {
            let Ok(message) = timeout_at(self.heard + PING, self.socket.next()).await else {
                if std::mem::replace(&mut self.asked, true) {
                    return Err(ProviderError::timeout(self.provider, 2 * PING));
                }
                self.heard = Instant::now();
                self.write(Message::Ping(Vec::new().into())).await?;
                continue;
            };
            (self.heard, self.asked, self.pinged) = (Instant::now(), false, None);
            match message {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(_))) | None => return Err(ProviderError::cut(self.provider)),
                Some(Ok(_)) => {}
                Some(Err(_)) => return Err(ProviderError::lost(self.provider)),
            }
        }
    }

    /// Asks whether the other end lives; [`Self::answered`] tells.
    ///
    /// # Errors
    /// The connection is lost, or stands still.
    pub(super) async fn ping(&mut self) -> Result<(), ProviderError> {
        self.pinged.get_or_insert_with(Instant::now);
        self.write(Message::Ping(Vec::new().into())).await
    }

    /// Whether anything came since it was asked.
    ///
    /// # Errors
    /// Nothing came: the connection is dead.
    pub(super) fn answered(&self) -> Result<(), ProviderError> {
        self.pinged.map_or(Ok(()), |at| Err(ProviderError::timeout(self.provider, at.elapsed())))
    }

    /// Says good-bye.
    pub(super) async fn close(mut self) {
        // Who does not hear it is gone.
        drop(timeout(CLOSE_LIMIT, self.socket.close(None)).await);
    }

    async fn write(&mut self, message: Message) -> Result<(), ProviderError> {
        let written = timeout(WRITE_LIMIT, self.socket.send(message)).await;
        let written = written.map_err(|_| ProviderError::timeout(self.provider, WRITE_LIMIT))?;
        written.map_err(|_| ProviderError::lost(self.provider))
    }
}

impl Drop for JsonSocket {
    fn drop(&mut self) {
        self.count.closed(self.provider);
    }
}
