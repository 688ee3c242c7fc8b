//! The servers, the sink, and how far it is.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream;
use async_nats::jetstream::consumer::PullConsumer;
use schemas::names::{self, header};
use tempfile::TempDir;
use test_servers::{NatsServer, Process, free_port, set_ack_wait};

use super::log::Log;
use super::scenario::{MESSAGES, Message, Scenario};
use crate::binary::{NAME, get, set_up, sink};
use crate::org::Org;

/// What a killed process had in flight comes back after this. `setup` says more than a minute; the sink goes by what the
/// consumer has.
const ACK_WAIT: Duration = Duration::from_secs(4);
/// Longest time of the whole storm.
const LONGEST: Duration = Duration::from_secs(180);

pub(crate) struct Stage {
    pub(crate) org: Org,
    nats: NatsServer,
    jetstream: jetstream::Context,
    http: String,
    folder: TempDir,
    started: usize,
    until: Instant,
}

/// How far the consumer is.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Messages that are acked, or terminated as dead letters.
    pub(crate) settled: usize,
    /// Deliveries, the repeated ones included.
    pub(crate) deliveries: u64,
    /// Up to here all are settled.
    floor: u64,
}

impl Stage {
    pub(crate) async fn set_up(scenario: &Scenario) -> Self {
        let seed = scenario.people.seed().to_string();
        // Small pages, so that faults strike in the middle of an answer, too.
        let org = Org::with(seed.as_bytes(), |config| config.settings.page_size = 50).await;
        let nats = NatsServer::start().await;
        set_up(&org, &nats);
        let stage = Self {
            jetstream: nats.jetstream().await,
            http: format!("127.0.0.1:{}", free_port()),
            folder: tempfile::tempdir().unwrap(),
            started: 0,
            until: Instant::now() + LONGEST,
            org,
            nats,
        };
        set_ack_wait(&stage.jetstream, names::SESSIONS_STREAM, NAME, ACK_WAIT).await;
        stage
    }

    pub(crate) async fn publish(&self, messages: &[Message]) {
        let mut sequence = 0;
        for messages in messages.chunks(1_000) {
            let mut acks = Vec::new();
            for message in messages {
                let mut headers = HeaderMap::new();
                if let Some(id) = &message.message_id {
                    headers.insert(header::MESSAGE_ID, id.as_str());
                }
                let payload = message.payload.clone().into();
                let ack = self.jetstream.publish_with_headers(names::SESSION_ENDED_V1, headers, payload);
                acks.push(ack.await.unwrap());
            }
            for ack in acks {
                sequence += 1;
                assert_eq!(ack.await.unwrap().sequence, sequence);
            }
        }
    }

    /// The next process, with a log of its own.
    pub(crate) fn start_sink(&mut self) -> Process {
        self.started += 1;
        let log = File::create(self.log_file(self.started)).unwrap();
        let mut command = sink(&self.org, &self.nats);
        command
            .args(["run", "--http", &self.http])
            .env("LOG_FORMAT", "json")
            .stderr(log)
            .stdout(Stdio::null());
        Process::start(&mut command).unwrap()
    }

    fn log_file(&self, process: usize) -> PathBuf {
        self.folder.path().join(format!("{process}.log"))
    }

    /// Of each process, in the order of their starts.
    pub(crate) fn logs(&self) -> Vec<Log> {
        (1..=self.started).map(|process| Log::read(&self.log_file(process))).collect()
    }

    pub(crate) async fn get(&self, path: &str) -> Option<(u16, String)> {
        get(&format!("http://{}{path}", self.http)).await
    }

    /// Waits until so many percent of the messages are settled.
    pub(crate) async fn settled(&self, percent: usize) {
        let wanted = MESSAGES * percent / 100;
        self.wait(&format!("{percent} % to be settled"), async || {
            let progress = self.progress().await;
            progress.settled >= wanted && (percent < 100 || progress.floor == MESSAGES as u64)
        })
        .await;
    }

    pub(crate) async fn not_ready(&self, because: &str) {
        self.wait(because, async || {
            self.get("/readyz").await.is_some_and(|(status, body)| status == 503 && body.contains(because))
        })
        .await;
    }

    /// As `kill -9`, when the org has just written rows and the sink does not know it yet.
    pub(crate) async fn kill_after_an_update(&self, sink: Process) {
        let before = self.org.counters().updated;
        self.wait_every(Duration::ZERO, "an update", async || self.org.counters().updated > before).await;
        drop(sink);
    }

    /// As `kill -9`, between the acks of one batch.
    pub(crate) async fn kill_between_acks(&self, sink: Process) {
        let log = File::open(self.log_file(self.started)).unwrap();
        let length = || log.metadata().unwrap().len();
        // A few lines: of many a message there is one.
        let enough = length() + 2_000;
        self.wait_every(Duration::ZERO, "acks", async || length() > enough).await;
        drop(sink);
    }

    async fn wait(&self, what: &str, happens: impl AsyncFn() -> bool) {
        self.wait_every(Duration::from_millis(20), what, happens).await;
    }

    async fn wait_every(&self, pause: Duration, what: &str, happens: impl AsyncFn() -> bool) {
        while !happens().await {
            if Instant::now() > self.until {
                let (progress, ready) = (self.progress().await, self.get("/readyz").await);
                let log = std::fs::read_to_string(self.log_file(self.started)).unwrap();
                let lines: Vec<_> = log.lines().rev().take(5).collect();
                let counters = self.org.counters();
                panic!("waited in vain for {what}: {progress:?}, {ready:?}, {counters:?}, {lines:#?}");
            }
            tokio::time::sleep(pause).await;
        }
    }

    pub(crate) async fn progress(&self) -> Progress {
        let consumer = self.consumer().await;
        let info = consumer.cached_info();
        let open = info.num_pending as usize + info.num_ack_pending;
        Progress {
            settled: MESSAGES - open,
            deliveries: info.delivered.consumer_sequence,
            floor: info.ack_floor.stream_sequence,
        }
    }

    async fn consumer(&self) -> PullConsumer {
        let consumer = self.jetstream.get_consumer_from_stream(NAME, names::SESSIONS_STREAM);
        consumer.await.unwrap()
    }

    pub(crate) async fn dead_letters(&self) -> u64 {
        let stream = self.jetstream.get_stream(names::DEAD_LETTERS_STREAM).await.unwrap();
        stream.cached_info().state.messages
    }

    /// The sequence that each had in the stream of events, and its bytes.
    pub(crate) async fn read_dead_letters(&self) -> Vec<(u64, Vec<u8>)> {
        let stream = self.jetstream.get_stream(names::DEAD_LETTERS_STREAM).await.unwrap();
        let mut letters = Vec::new();
        for place in 1..=stream.cached_info().state.last_sequence {
            let letter = stream.get_raw_message(place).await.unwrap();
            let sequence = letter.headers.get(header::DEAD_LETTER_STREAM_SEQUENCE).unwrap();
            letters.push((sequence.as_str().parse().unwrap(), letter.payload.to_vec()));
        }
        letters
    }
}
