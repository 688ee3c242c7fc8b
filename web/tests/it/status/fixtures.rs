//! The service with its status page, the streams that it reads, and a client.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, stream};
use futures::StreamExt as _;
use schemas::names::{self, header};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_servers::{NatsServer, Program, eventually, free_port};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::client::PATIENCE;

pub(crate) const TOKEN: &str = "a token of the test's own";

/// The program with a status page; it ends with its owner.
pub(crate) struct Web {
    program: Program,
    http: SocketAddr,
    _folder: TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Web {
    pub(crate) async fn start(nats_url: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [http, operations] = [(); 2].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
        let addresses = [format!("--web-http={http}"), format!("--web-operations-http={operations}")];
        let mut arguments =
            vec!["--livekit-url=ws://127.0.0.1:1", "--livekit-api-key=devkey", "--agent-name=agent"];
        arguments.extend(["--livekit-api-secret=a secret of thirty-two characters", "--nats-url", nats_url]);
        arguments.extend(addresses.iter().map(String::as_str));
        arguments.extend(flags);
        let log = folder.path().join("log");
        let mut program = Program::new(PathBuf::from(env!("CARGO_BIN_EXE_web")), &arguments, [], log);
        program.start().unwrap();
        let web = Self { program, http, _folder: folder };
        let answers = async || test_servers::http::get(http, "/healthz").await.is_some();
        eventually("the service answers", answers).await;
        web
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.http)
    }

    /// With the token, and nothing else that lets anybody in.
    pub(crate) async fn with_token(nats_url: &str, flags: &[&str]) -> Self {
        let token = format!("--web-status-token={TOKEN}");
        Self::start(nats_url, &[&[token.as_str()], flags].concat()).await
    }

    /// Asks from 127.0.0.`last`. `head` are the method, the path, and lines of headers.
    pub(crate) async fn ask_from(&self, last: u8, head: &str, body: &str) -> Answer {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).unwrap();
        let (first, lines) = head.split_once("\r\n").unwrap_or((head, ""));
        let request = format!(
            "{first} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{lines}\r\n{body}",
            body.len()
        );
        let answer = timeout(PATIENCE, async {
            let mut stream = socket.connect(self.http).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            String::from_utf8(answer).unwrap()
        });
        let answer = answer.await.expect("an answer comes");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Asks with the token.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let head = format!("GET {path}\r\nAuthorization: Bearer {TOKEN}\r\n");
        self.ask_from(1, &head, "").await
    }

    /// A form, as a browser sends it.
    pub(crate) async fn sign_in(&self, token: &str) -> Answer {
        let head = "POST /status/sign-in\r\nContent-Type: application/x-www-form-urlencoded\r\n";
        self.ask_from(1, head, &format!("token={}", token.replace(' ', "+").replace('\'', "%27"))).await
    }

    pub(crate) async fn json(&self) -> Value {
        let answer = self.get("/status.json").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Waits until what it shows is so; it reads anew every few seconds.
    pub(crate) async fn eventually(&self, what: &str, mut is_so: impl FnMut(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        eventually(what, async || {
            last = self.json().await;
            is_so(&last)
        })
        .await;
        last
    }

    pub(crate) fn log(&self) -> String {
        self.program.log()
    }
}

impl Answer {
    /// The value of a header; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value)).unwrap_or_default()
    }
}

/// Streams and consumers as the sinks' `setup` makes them.
pub(crate) async fn set_up(nats: &NatsServer) -> jetstream::Context {
    let jetstream = nats.jetstream().await;
    set_up_at(&jetstream).await;
    jetstream
}

pub(crate) async fn set_up_at(jetstream: &jetstream::Context) {
    for (name, subjects) in [
        (names::SESSIONS_STREAM, names::SESSIONS_SUBJECTS),
        (names::DEAD_LETTERS_STREAM, names::DEAD_LETTERS_SUBJECTS),
    ] {
        let config = stream::Config {
            name: name.to_owned(),
            subjects: vec![subjects.to_owned()],
            ..Default::default()
        };
        jetstream.create_stream(config).await.unwrap();
    }
    for sink in ["sink-s3", "sink-salesforce"] {
        let config = pull::Config {
            durable_name: Some(sink.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: Duration::from_secs(600),
            ..Default::default()
        };
        jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap().create_consumer(config).await.unwrap();
    }
}

/// A payload of a call with this id.
pub(crate) fn payload(session_id: &str) -> Value {
    json!({
        "session_id": session_id, "job_id": "AJ", "user_email": "test@company.com",
        "start_time": "2026-11-01T11:58:00Z", "end_time": "2026-11-01T12:00:00Z", "duration_seconds": 120.0,
        "discovered_signals": { "qualification_tier": "hot" }, "end_reason": "participant_left",
        "transcript": [{ "role": "user", "text": "what nobody may read" }],
    })
}

pub(crate) async fn publish(jetstream: &jetstream::Context, payload: &Value) {
    let ack = jetstream.publish(names::SESSION_ENDED_V1, payload.to_string().into()).await.unwrap();
    ack.await.unwrap();
}

/// Takes so many messages as a sink, and settles those of these places, from 0.
pub(crate) async fn settle(jetstream: &jetstream::Context, sink: &str, count: usize, settled: &[usize]) {
    let stream = jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap();
    let consumer: PullConsumer = stream.get_consumer(sink).await.unwrap();
    let mut messages = consumer.fetch().max_messages(count).messages().await.unwrap();
    for place in 0..count {
        let message = timeout(PATIENCE, messages.next()).await.unwrap().unwrap().unwrap();
        if settled.contains(&place) {
            message.double_ack().await.unwrap();
        }
    }
}

/// A dead letter of a sink for the message with this sequence.
pub(crate) async fn dead_letter(jetstream: &jetstream::Context, sink: &str, sequence: u64, error: &str) {
    let stream = jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap();
    let published = stream.get_raw_message(sequence).await.unwrap().time;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::DEAD_LETTER_ERROR, error.to_owned()),
        (header::DEAD_LETTER_SINK, sink.to_owned()),
        (header::DEAD_LETTER_STREAM_SEQUENCE, sequence.to_string()),
        (header::DEAD_LETTER_PUBLISHED, published.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)),
        (header::DEAD_LETTER_DELIVERIES, "3".to_owned()),
    ] {
        headers.insert(name, value);
    }
    let body = "test@company.com said what nobody may read";
    let sent = jetstream.publish_with_headers(names::dead_letter_subject(sink), headers, body.into()).await;
    sent.unwrap().await.unwrap();
}
