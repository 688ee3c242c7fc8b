//! Speech and language services behind OpenAI's wire format, without an account: a real recogniser, a real synthesiser,
//! and a model that plays a persona's questions by rules.
//!
//! - `gate`: what every call passes: key, count, faults.
//! - `speech`: text to speech, by espeak-ng. `transcriptions` and `recogniser`: speech to text, by PocketSphinx over the
//!   `grammar` of what the `persona` expects to hear.
//! - `chat`: the wire format of a conversation; `model` decides what is said, `understanding` what was meant.
//! - `canned`: answers that cost nothing, for benchmarks.
//! - `faults` and `requests`: for the person or the test beside it.

mod api_error;
mod audio;
mod canned;
mod chat;
mod faults;
mod gate;
pub mod grammar;
mod model;
mod numbers;
pub mod persona;
pub mod recogniser;
mod requests;
mod speech;
mod transcriptions;
mod understanding;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use faults::Faults;
use persona::Persona;
use recogniser::Recognisers;
use requests::Requests;

/// Longest body of a call, bytes; OpenAI takes 25 MB of audio.
const LONGEST_BODY: usize = 26 * 1024 * 1024;

/// What the services are set up with.
pub struct Config {
    /// The bearer token that calls must have.
    pub api_key: SecretString,
    /// Pause before each word that the model streams.
    pub word_delay: Duration,
    /// Where the answers come from.
    pub answers: Answers,
}

/// Where answers come from.
pub enum Answers {
    /// Made for each call.
    Made {
        /// Whose answers are expected.
        persona: Persona,
        /// The processes that recognise speech.
        recognisers: Recognisers,
    },
    /// The same each time, at once.
    Canned,
}

/// The services; clones share them.
#[derive(Clone)]
pub struct OpenAi(Arc<Shared>);

struct Shared {
    config: Config,
    state: Mutex<State>,
}

/// What calls and tests change.
#[derive(Default)]
struct State {
    faults: Faults,
    requests: Requests,
}

impl OpenAi {
    /// Services that have not been called yet.
    pub fn new(config: Config) -> Self {
        Self(Arc::new(Shared { config, state: Mutex::default() }))
    }

    /// Answers until `stop`.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
        let shutdown = async move { stop.cancelled().await };
        axum::serve(listener, self.router()).with_graceful_shutdown(shutdown).await
    }

    fn config(&self) -> &Config {
        &self.0.config
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn router(&self) -> Router {
        let calls = match self.config().answers {
            Answers::Made { .. } => Router::new()
                .route("/v1/audio/speech", post(speech::speak))
                .route("/v1/audio/transcriptions", post(transcriptions::transcribe))
                .route("/v1/chat/completions", post(chat::complete)),
            Answers::Canned => Router::new()
                .route("/v1/audio/speech", post(canned::speak))
                .route("/v1/audio/transcriptions", post(canned::transcribe))
                .route("/v1/chat/completions", post(canned::complete)),
        };
        let calls = calls
            .route("/v1/models", get(models))
            .layer(DefaultBodyLimit::max(LONGEST_BODY))
            .layer(from_fn_with_state(self.clone(), gate::pass));
        Router::new()
            .merge(calls)
            .route("/healthz", get(async || "ok\n"))
            .route("/simulator/faults", put(faults::inject).get(faults::show))
            .route("/simulator/requests", get(requests::show).delete(requests::clear))
            .fallback(async || api_error::ApiError::not_found())
            .with_state(self.clone())
    }
}

/// Any name of a model is taken; these are what a client finds if it asks.
async fn models() -> Json<Value> {
    let model = |id| json!({ "id": id, "object": "model", "created": 0, "owned_by": "simulator" });
    Json(
        json!({ "object": "list", "data": [model("simulated-chat"), model("simulated-speech"), model("simulated-transcription")] }),
    )
}
