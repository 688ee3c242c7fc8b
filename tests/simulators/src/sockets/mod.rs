//! WebSockets: counted, cut on request, and closed in the words of their dialect.

pub(crate) mod counters;
mod trigger;
mod writer;

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures::StreamExt;
use futures::stream::SplitStream;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout};

use crate::openai::faults::Fault;
use crate::openai::faults::kind::Kind;
use counters::OpenSocket;
use trigger::Trigger;
use writer::Writer;

/// Longest frame that is taken, bytes; 50 ms of sound are some 3,200.
pub(crate) const LONGEST_FRAME: usize = 1024 * 1024;
/// How long a client may take to say that it has closed, too.
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// How a dialect says that something is wrong, or over.
pub(crate) trait Dialect: Send {
    fn error(&self, status: u16, message: &str) -> Value;

    /// What is said before a socket is closed.
    fn closed(&self) -> Option<Value>;

    /// Whether an error is the last frame.
    fn errors_end(&self) -> bool;
}

/// The socket has ended, in whatever way.
#[derive(Debug)]
pub(crate) struct Ended;

/// What came from a client, to be given to [`Socket::read`].
pub(crate) struct Received(Incoming);

enum Incoming {
    Text(String),
    Binary,
    Close,
    /// Nothing more, and no word of it.
    End,
    /// The token's time is over.
    Expired,
}

/// A socket of one client.
pub(crate) struct Socket {
    reader: SplitStream<WebSocket>,
    writer: Writer,
    trigger: Trigger,
    dialect: Box<dyn Dialect>,
    /// When the token ends with which it was opened.
    expires: Option<Instant>,
    open: OpenSocket,
}

impl Socket {
    pub(crate) fn new(
        socket: WebSocket,
        dialect: impl Dialect + 'static,
        fault: Option<Fault>,
        expires: Option<Instant>,
        open: OpenSocket,
    ) -> Self {
        let (sink, reader) = socket.split();
        let pace = fault.as_ref().filter(|fault| fault.kind == Kind::SlowStream).map(Fault::delay);
        Self {
            reader,
            writer: Writer::start(sink, pace.unwrap_or_default()),
            trigger: Trigger::new(fault),
            dialect: Box::new(dialect),
            expires,
            open,
        }
    }

    /// What comes next. It may be given up at any time.
    pub(crate) async fn receive(&mut self) -> Received {
        loop {
            let frame = tokio::select! {
                frame = self.reader.next() => frame,
                () = until(self.expires) => return Received(Incoming::Expired),
            };
            return Received(match frame {
                Some(Ok(Message::Text(text))) => Incoming::Text(text.to_string()),
                Some(Ok(Message::Binary(_))) => Incoming::Binary,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Close(_))) => Incoming::Close,
                Some(Err(_)) | None => Incoming::End,
            });
        }
    }

    /// The text of what was received, unless that ends the socket.
    pub(crate) async fn read(&mut self, received: Received) -> Result<String, Ended> {
        match received.0 {
            Incoming::Text(text) => Ok(text),
            Incoming::Binary => {
                self.fail(400, "frames are text").await?;
                Err(self.close().await)
            }
            Incoming::Expired => {
                self.fail(401, "the token has expired").await?;
                Err(self.close().await)
            }
            Incoming::Close => {
                // Reading on is what sends the answer to it.
                self.drain().await;
                Err(Ended)
            }
            Incoming::End => Err(Ended),
        }
    }

    /// A frame from the client was understood.
    pub(crate) async fn took(&mut self, kind: &'static str) -> Result<(), Ended> {
        self.open.took(kind);
        self.trigger.took(kind);
        self.strike().await
    }

    /// An utterance begins, which a fault may strike.
    pub(crate) async fn begin_utterance(&mut self, fault: Option<Fault>) -> Result<(), Ended> {
        if let Some(fault) = fault {
            self.trigger = Trigger::within(fault);
        }
        self.strike().await
    }

    /// Sound that came or was sent.
    pub(crate) async fn sound(&mut self, length: Duration) -> Result<(), Ended> {
        self.open.sound(length);
        self.trigger.sound(length);
        self.strike().await
    }

    /// Text that came.
    pub(crate) fn text(&self, text: &str) {
        self.open.text(text);
    }

    pub(crate) async fn send(&mut self, frame: &impl Serialize) -> Result<(), Ended> {
        let frame = serde_json::to_value(frame).map_err(|_| Ended)?;
        let kind = frame["type"].as_str().unwrap_or_default();
        self.open.sent(kind);
        self.trigger.sent(kind);
        self.writer.send(frame.to_string()).await?;
        self.strike().await
    }

    /// Says what is wrong; where the dialect ends by it, the socket does.
    pub(crate) async fn fail(&mut self, status: u16, message: &str) -> Result<(), Ended> {
        let error = self.dialect.error(status, message);
        self.open.sent("error");
        self.writer.send(error.to_string()).await?;
        if self.dialect.errors_end() { Err(self.shut().await) } else { Ok(()) }
    }

    /// The session is over.
    pub(crate) async fn close(&mut self) -> Ended {
        if let Some(closed) = self.dialect.closed() {
            self.open.sent(closed["type"].as_str().unwrap_or_default());
            drop(self.writer.send(closed.to_string()).await);
        }
        self.shut().await
    }

    /// Waits for the client to close as well.
    async fn shut(&mut self) -> Ended {
        self.writer.close().await;
        self.drain().await;
        Ended
    }

    async fn drain(&mut self) {
        let rest = async { while let Some(Ok(_)) = self.reader.next().await {} };
        drop(timeout(CLOSING_TIME, rest).await);
    }

    /// Goes wrong if it is time to.
    async fn strike(&mut self) -> Result<(), Ended> {
        let Some(fault) = self.trigger.due() else { return Ok(()) };
        match fault.kind {
            Kind::Cut => {
                self.writer.cut();
                Err(Ended)
            }
            Kind::Close => Err(self.close().await),
            Kind::Error => self.fail(fault.status, error_text(&fault)).await,
            Kind::Silent => self.writer.hold(fault.delay()).await,
            Kind::MalformedJson => self.writer.send("{\"type\": \"half an obj".to_owned()).await,
            _ => Ok(()),
        }
    }
}

fn error_text(fault: &Fault) -> &str {
    if fault.text.is_empty() { "The upstream provider failed." } else { &fault.text }
}

async fn until(expires: Option<Instant>) {
    match expires {
        Some(expires) => sleep_until(expires).await,
        None => std::future::pending().await,
    }
}
