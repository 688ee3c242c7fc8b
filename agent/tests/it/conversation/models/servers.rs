//! The recogniser and the voice, each a server of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use test_servers::{Process, free_port, tool, turn_detector_model};

use crate::conversation::sound::Sound;
use crate::servers::{http, wait_for};

/// Settings of the agent for `make bench-calls`, such as `CALLS_LLM_BASE_URL`, begin so.
const OF_CALLS: &str = "CALLS_";

/// A real recogniser and a real voice. They end on drop.
pub(super) struct Models {
    recogniser_port: u16,
    voice_port: u16,
    _recogniser: Process,
    _voice: Process,
    folder: TempDir,
}

impl Models {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (recogniser, recogniser_port) = recogniser(folder.path());
        let (voice, voice_port) = voice();
        for port in [recogniser_port, voice_port] {
            wait_for("the models", || http(port, "GET", "/", "").map(drop));
        }
        Self { recogniser_port, voice_port, _recogniser: recogniser, _voice: voice, folder }
    }

    /// How an agent finds them, and what somebody has set beside them.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let url = |port: u16| format!("http://127.0.0.1:{port}/v1");
        let model = turn_detector_model().to_string_lossy().into_owned();
        let settings = [
            ("STT_BASE_URL", url(self.recogniser_port)),
            ("STT_MODEL", "whisper-1".to_owned()),
            ("TTS_BASE_URL", url(self.voice_port)),
            ("TTS_FORMAT", "wav".to_owned()),
            ("TURN_DETECTOR_MODEL", model),
        ];
        let ours = settings.map(|(name, value)| (name.to_owned(), value));
        let others = std::env::vars()
            .filter_map(|(name, value)| Some((name.strip_prefix(OF_CALLS)?.to_owned(), value)));
        ours.into_iter().chain(others).collect()
    }

    /// What the recogniser hears.
    pub(super) fn transcribe(&self, sound: &Sound) -> String {
        let file = self.folder.path().join("asked.wav");
        sound.write(&file);
        let mut curl = Command::new("curl");
        curl.args(["-sSf", "-F", &format!("file=@{}", file.display())]);
        curl.args(["-F", "model=whisper-1", "-F", "language=en"]);
        curl.arg(format!("http://127.0.0.1:{}/v1/audio/transcriptions", self.recogniser_port));
        let answered = curl.output().expect("start curl");
        assert!(answered.status.success(), "{}", String::from_utf8_lossy(&answered.stderr));
        let answer: Value = serde_json::from_slice(&answered.stdout).expect("JSON");
        answer["text"].as_str().expect("a text").trim().to_owned()
    }
}

/// Whisper behind a server that many people use.
fn recogniser(folder: &Path) -> (Process, u16) {
    let (file, port) = (folder.join("recogniser.yaml"), free_port());
    // JSON is YAML, too.
    let configuration = json!({
        "models": [{
            "name": "whisper-1",
            "path": tool("models/whisper-tiny"),
            "model_options": {"device": "cpu", "compute_type": "int8", "cpu_threads": 1},
            "transcribe_options": {"beam_size": 1},
        }],
    });
    std::fs::write(&file, configuration.to_string()).expect("write the configuration");
    let mut command = Command::new(tool("speech/bin/faster-whisper-server"));
    command.arg("--config").arg(file).args(["--host", "127.0.0.1", "--port", &port.to_string()]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    (Process::start(&mut command).expect("run «make test-models»"), port)
}

fn voice() -> (Process, u16) {
    let mut command = Command::new(tool("speech/bin/python"));
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/conversation/models/voice.py"));
    command.arg(tool("models/piper/en_US-joe-medium.onnx")).stdout(Stdio::piped());
    let mut process = Process::start(&mut command).expect("run «make test-models»");
    let mut line = String::new();
    let stdout = process.child().stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("read its port");
    (process, line.trim().parse().expect("a port"))
}
