//! The real program, and calls of it.

use std::path::Path;
use std::process::Command;

use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use test_servers::{Listening, tool};

/// The key that the program is started with.
pub(crate) const KEY: &str = "key-of-the-test";
/// The pair of LiveKit's keys that it trusts.
pub(crate) const LIVEKIT_KEY: &str = "devkey";
pub(crate) const LIVEKIT_SECRET: &str = "a secret of at least 32 characters";

/// The program; it ends with its owner.
pub(crate) struct Simulator {
    program: Listening,
    pub(crate) url: String,
    client: Client,
}

impl Simulator {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let program = Listening::start(
            Command::new(env!("CARGO_BIN_EXE_openai-simulator"))
                .args(["--listen", "127.0.0.1:0", "--word-delay-ms", "1"])
                .args(arguments)
                .env("OPENAI_SIMULATOR_API_KEY", KEY)
                .env("LIVEKIT_API_KEY", LIVEKIT_KEY)
                .env("LIVEKIT_API_SECRET", LIVEKIT_SECRET)
                .env("POSTCALL_TOOLS", tool("")),
        );
        // It may be there already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let url = format!("http://{}", program.address());
        Self { program, url, client: Client::new() }
    }

    /// With the persona of these tests.
    pub(crate) fn with_persona() -> Self {
        let persona = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/openai/persona.toml");
        Self::start(&["--persona", persona.to_str().unwrap()])
    }

    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url)).bearer_auth(KEY)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).bearer_auth(KEY)
    }

    pub(crate) async fn inject(&self, faults: Value) -> Response {
        self.client.put(format!("{}/simulator/faults", self.url)).json(&faults).send().await.unwrap()
    }

    /// Changes settings.
    pub(crate) async fn set(&self, settings: Value) {
        let url = format!("{}/simulator/settings", self.url);
        let answer = self.client.post(url).json(&settings).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{settings}");
    }

    /// The counters of an endpoint's sockets.
    pub(crate) async fn sockets(&self, endpoint: &str) -> Value {
        let url = format!("{}/simulator/sockets", self.url);
        let mut counters: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        counters[endpoint].take()
    }

    /// The counters as soon as they are like that. What a client has sent is counted when the simulator has read it.
    pub(crate) async fn sockets_once(&self, endpoint: &str, is: impl Fn(&Value) -> bool) -> Value {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let counters = self.sockets(endpoint).await;
            if is(&counters) {
                return counters;
            }
            assert!(std::time::Instant::now() < deadline, "{counters}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Waits until as many sockets were closed as were opened, and answers how many that were.
    pub(crate) async fn all_closed(&self, endpoint: &str) -> u64 {
        let closed = |counters: &Value| counters["open"] == 0 && counters["opened"] == counters["closed"];
        self.sockets_once(endpoint, closed).await["opened"].as_u64().unwrap()
    }

    pub(crate) async fn forget(&self) {
        let url = format!("{}/simulator/requests", self.url);
        assert_eq!(self.client.delete(url).send().await.unwrap().status(), 204);
    }

    pub(crate) async fn chat(&self, request: &Value) -> Response {
        self.post("/v1/chat/completions").json(request).send().await.unwrap()
    }

    pub(crate) async fn speech(&self, request: &Value) -> Response {
        self.post("/v1/audio/speech").json(request).send().await.unwrap()
    }

    pub(crate) async fn transcribe(&self, wav: Vec<u8>, format: &'static str) -> Response {
        let form = Form::new()
            .part("file", Part::bytes(wav).file_name("turn.wav").mime_str("audio/wav").unwrap())
            .text("model", "simulated")
            .text("language", "en")
            .text("response_format", format);
        self.post("/v1/audio/transcriptions").multipart(form).send().await.unwrap()
    }

    /// What is heard in samples.
    pub(crate) async fn hear(&self, samples: &[i16], rate: u32) -> String {
        let answer = self.transcribe(super::caller::wav(samples, rate), "json").await;
        let answer: Value = answer.error_for_status().unwrap().json().await.unwrap();
        answer["text"].as_str().unwrap().to_owned()
    }
}
