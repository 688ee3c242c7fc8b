//! Participants of other stacks, each a process driven by lines of JSON.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::server::Server;
use crate::sound::Recording;
use crate::tone::{BITRATE, RATE, sine};
use test_servers::tool;

/// Longer than a peer waits for anything itself, which it reports.
const PATIENCE: Duration = Duration::from_secs(60);
/// What peers publish. A period is 75 samples of 48 kHz: a jitter buffer that leaves periods out or puts some in, as it
/// does after a busy machine held packets up, does so without a trace.
pub(crate) const THEIR_HERTZ: f64 = 640.0;

/// What a peer runs on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stack {
    /// The Python SDK, over Google's WebRTC.
    Python,
    /// The JavaScript SDK in a headless browser, over Google's WebRTC and the browser's network and audio.
    Chromium,
}

pub(crate) struct Peer {
    commands: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    process: Child,
    // The microphone's file.
    _folder: tempfile::TempDir,
}

impl Peer {
    pub(crate) async fn join(stack: Stack, server: &Server, room: &str, identity: &str) -> Self {
        let mut peer = Self::start(stack);
        peer.enter(server, room, identity, json!({})).await;
        peer
    }

    pub(crate) fn start(stack: Stack) -> Self {
        let folder = tempfile::tempdir().expect("make temporary folder");
        let mut command = match stack {
            Stack::Python => python(),
            Stack::Chromium => chromium(folder.path()),
        };
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("start {stack:?}: {error}"));
        let commands = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("read the peer's answers")).lines();
        Self { commands, answers, process, _folder: folder }
    }

    /// Joins, or joins anew, with further parameters.
    pub(crate) async fn enter(&mut self, server: &Server, room: &str, identity: &str, more: Value) {
        let token = server.token(room, identity, &format!("metadata of {identity}"));
        let mut parameters = json!({ "url": server.url(), "token": token });
        if let (Some(all), Value::Object(more)) = (parameters.as_object_mut(), more) {
            all.extend(more);
        }
        self.ask("join", parameters).await;
    }

    /// Carries out a command of `peers/` and answers its result.
    pub(crate) async fn ask(&mut self, name: &str, parameters: Value) -> Value {
        let mut command = parameters;
        command["do"] = name.into();
        let exchange = async {
            let commands = self.commands.as_mut().expect("open until dropped");
            commands.write_all(format!("{command}\n").as_bytes()).await.expect("send command");
            self.answers.next_line().await.expect("read answer")
        };
        let answer = tokio::time::timeout(PATIENCE, exchange).await;
        let answer = answer.unwrap_or_else(|_| panic!("the peer does not answer «{name}»"));
        let answer = answer.unwrap_or_else(|| panic!("the peer ended before it answered «{name}»"));
        let mut answer: Value = serde_json::from_str(&answer).expect("read answer as JSON");
        assert!(answer.get("error").is_none(), "«{name}» failed at the peer: {}", answer["error"]);
        answer["result"].take()
    }

    pub(crate) async fn tell(&mut self, name: &str) {
        self.ask(name, json!({})).await;
    }

    pub(crate) async fn publish(&mut self) {
        self.ask("publish", json!({ "hertz": THEIR_HERTZ, "bitrate": BITRATE })).await;
    }

    /// What it hears of its last subscribed track, after it settled.
    pub(crate) async fn record(&mut self, settle: Duration, listen: Duration) -> Recording {
        let parameters = json!({ "settle": settle.as_secs_f64(), "seconds": listen.as_secs_f64() });
        let heard = self.ask("record", parameters).await;
        Recording {
            samples: serde_json::from_value(heard["samples"].clone()).expect("read samples"),
            sample_rate: serde_json::from_value(heard["sample_rate"].clone()).expect("read rate"),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Given the end of its commands a peer ends, and its browser with it; it is killed only if it does not.
        self.commands = None;
        for _ in 0..100 {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn python() -> Command {
    let mut command = Command::new(tool("python/bin/python"));
    command.arg(peers().join("python.py"));
    command
}

fn chromium(folder: &Path) -> Command {
    let peer = peers().join("chromium");
    assert!(peer.join("node_modules").exists(), "run `make page` first: {} has no modules", peer.display());
    let microphone = folder.join("microphone.wav");
    std::fs::write(&microphone, wave(&sine(THEIR_HERTZ, RATE, 10 * RATE))).expect("write microphone");
    let mut command = Command::new("node");
    command.arg(peer.join("main.mjs")).arg(microphone);
    command
}

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/conformance/peers")
}

/// A WAVE file with one channel of [`RATE`].
fn wave(samples: &[i16]) -> Vec<u8> {
    let length = samples.len() as u32 * 2;
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((length + 36).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    file.extend([1u16, 1].iter().flat_map(|value| value.to_le_bytes()));
    file.extend([RATE, RATE * 2].iter().flat_map(|value| value.to_le_bytes()));
    file.extend([2u16, 16].iter().flat_map(|value| value.to_le_bytes()));
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}
