//! The real program, and calls of it.

use std::path::Path;
use std::process::Command;

use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use test_servers::{Listening, tool};

/// The key that the program is started with.
pub(crate) const KEY: &str = "key-of-the-test";

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
