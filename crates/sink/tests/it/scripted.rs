//! A sink whose writer answers as a test says and remembers what it wrote.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream;
use clap::Parser;
use schemas::names;
use sink::{Message, RunArgs, SetupArgs, SinkOptions, WriteError, Writer, Written};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use test_servers::{NatsServer, eventually, free_port};

/// The sink under test, and so its durable consumer.
pub(crate) const NAME: &str = "sink-test";

pub(crate) type Answer = Result<(), WriteError>;

/// What was written: the event's stem and the delivery.
pub(crate) type Log = Arc<Mutex<Vec<(String, u64)>>>;

/// Calls a function for each message. It is one type, so that the runtime is compiled once.
pub(crate) struct Scripted {
    pub(crate) answer: Box<dyn Fn(&Message) -> Answer + Send + Sync>,
    pub(crate) written: Log,
    /// How long a call takes.
    pub(crate) takes: Duration,
    /// Sizes of the batches.
    pub(crate) batches: Arc<Mutex<Vec<usize>>>,
}

impl Writer for Scripted {
    async fn write(&self, batch: &[Message]) -> Vec<Result<Written, WriteError>> {
        self.batches.lock().unwrap().push(batch.len());
        tokio::time::sleep(self.takes).await;
        let write = |message: &Message| {
            (self.answer)(message)?;
            let entry = (message.event.identity.stem(), message.attempt);
            self.written.lock().unwrap().push(entry);
            Ok(Written { outcome: "written" })
        };
        batch.iter().map(write).collect()
    }
}

/// A writer that answers so, and its log.
pub(crate) fn scripted(answer: impl Fn(&Message) -> Answer + Send + Sync + 'static) -> (Scripted, Log) {
    let written = Log::default();
    let batches = Arc::default();
    (
        Scripted { answer: Box::new(answer), written: Arc::clone(&written), takes: Duration::ZERO, batches },
        written,
    )
}

pub(crate) fn options() -> SinkOptions {
    SinkOptions {
        max_batch: 1,
        linger: Duration::ZERO,
        max_concurrent_writes: 4,
        write_timeout: Duration::from_secs(5),
    }
}

/// A sink that runs in this process.
pub(crate) struct RunningSink {
    pub(crate) http: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl RunningSink {
    pub(crate) fn start<W: Writer>(nats: &NatsServer, sink: SinkOptions, writer: W) -> Self {
        Self::start_at(&nats.url(), sink, writer)
    }

    pub(crate) fn start_at<W: Writer>(nats_url: &str, sink: SinkOptions, writer: W) -> Self {
        Self::start_with(nats_url, sink, writer, &[])
    }

    pub(crate) fn start_with<W: Writer>(
        nats_url: &str,
        sink: SinkOptions,
        writer: W,
        flags: &[&str],
    ) -> Self {
        let http = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let shutdown = CancellationToken::new();
        let attempts: &[&str] =
            if flags.contains(&"--max-attempts") { &[] } else { &["--max-attempts", "3"] };
        // A letter counts as safe once it is acknowledged, and its message is settled at once.
        let sync: &[&str] =
            if flags.contains(&"--nats-sync-interval") { &[] } else { &["--nats-sync-interval", "always"] };
        let run = args::<RunArgs>(&[&["--nats-url", nats_url], attempts, sync, flags].concat());
        let task = tokio::spawn(sink::run_until(shutdown.clone(), NAME, sink, run, http, writer));
        Self { http, shutdown, task }
    }

    /// Shuts it down and says how long that took.
    pub(crate) async fn stop(self) -> Duration {
        let started = Instant::now();
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
        started.elapsed()
    }
}

/// Streams and consumer, as the operator makes them.
pub(crate) async fn set_up(nats: &NatsServer, sink: &SinkOptions, flags: &[&str]) -> anyhow::Result<()> {
    set_up_at(&nats.url(), sink, flags).await
}

/// After the consumer was deleted. The server removes its files a moment later, and while it does so refuses another.
pub(crate) async fn set_up_again(nats: &NatsServer, sink: &SinkOptions) {
    eventually("setup is done", async || set_up(nats, sink, &[]).await.is_ok()).await;
}

pub(crate) async fn set_up_at(nats_url: &str, sink: &SinkOptions, flags: &[&str]) -> anyhow::Result<()> {
    let flags: Vec<_> = ["--nats-url", nats_url].iter().chain(flags).copied().collect();
    sink::setup(NAME, sink.write_timeout, &args::<SetupArgs>(&flags)).await
}

/// Flags as on a command line, read by the same code.
pub(crate) fn args<A: clap::Args>(flags: &[&str]) -> A {
    #[derive(Parser)]
    struct Flags<A: clap::Args> {
        #[command(flatten)]
        args: A,
    }
    Flags::parse_from(["test"].iter().chain(flags)).args
}

/// A valid event; its message id is `<session_id>-AJ`.
pub(crate) async fn publish(jetstream: &jetstream::Context, session_id: &str) {
    publish_bytes(jetstream, &format!("{session_id}-AJ"), payload(session_id)).await;
}

pub(crate) fn payload(session_id: &str) -> String {
    format!(
        r#"{{"session_id":"{session_id}","job_id":"AJ","end_time":"2025-10-29T12:00:00Z","user_email":"a@x.org"}}"#
    )
}

/// Any bytes as subject and headers, as a publisher can send them that is no client library.
pub(crate) async fn publish_raw(nats: &NatsServer, subject: &[u8], headers: &[u8], payload: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", nats.port())).await.unwrap();
    let mut command = b"CONNECT {\"verbose\":false,\"headers\":true}\r\n".to_vec();
    let total = headers.len() + payload.len();
    command.extend([b"HPUB ", subject, format!(" {} {total}\r\n", headers.len()).as_bytes()].concat());
    command.extend([headers, payload.as_bytes(), b"\r\nPING\r\n"].concat());
    stream.write_all(&command).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"PONG\r\n") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{}", answer.escape_ascii());
    }
    assert!(!answer.windows(4).any(|part| part == b"-ERR"), "{}", answer.escape_ascii());
}

/// These lines as a block of headers.
pub(crate) fn block(lines: &[u8]) -> Vec<u8> {
    [b"NATS/1.0\r\n", lines, b"\r\n\r\n"].concat()
}

pub(crate) async fn publish_bytes(jetstream: &jetstream::Context, message_id: &str, payload: String) {
    let mut headers = HeaderMap::new();
    headers.insert(names::header::MESSAGE_ID, message_id);
    headers.insert(names::header::CONTENT_TYPE, "application/json");
    let ack = jetstream.publish_with_headers(names::SESSION_ENDED_V1, headers, payload.into()).await;
    ack.unwrap().await.unwrap();
}

/// Waits until the consumer has settled everything that was published.
pub(crate) async fn all_settled(jetstream: &jetstream::Context) {
    eventually("everything is settled", async || {
        test_servers::all_settled(jetstream, names::SESSIONS_STREAM, NAME).await
    })
    .await;
}

pub(crate) async fn dead_letters(jetstream: &jetstream::Context) -> u64 {
    jetstream.get_stream(names::DEAD_LETTERS_STREAM).await.unwrap().cached_info().state.messages
}

/// The stems that were written, sorted, each as often as it was.
pub(crate) fn stems(written: &Log) -> Vec<String> {
    let mut stems: Vec<_> = written.lock().unwrap().iter().map(|(stem, _)| stem.clone()).collect();
    stems.sort();
    stems
}
