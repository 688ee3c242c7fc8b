//! Speech and language services behind OpenAI's wire format, without an account: a real recogniser, a real synthesiser,
//! and a model that plays a persona's questions by rules. The sockets of other formats (`crate::inference`,
//! `crate::realtime`) are served beside it, by the same recogniser, synthesiser and model.
//!
//! - `gate`: what every call passes: key, count, faults.
//! - `speech` and `synthesiser`: text to speech, by espeak-ng. `transcriptions` and `recogniser`: speech to text, by
//!   PocketSphinx over the `grammar` of what the `persona` expects to hear.
//! - `chat`: the wire format of a conversation; `model` decides what is said, `understanding` what was meant.
//! - `canned`: answers that cost nothing, for benchmarks.
//! - `faults`, `settings` and `requests`: for the person or the test beside it.

pub(crate) mod api_error;
pub(crate) mod audio;
pub(crate) mod canned;
mod chat;
pub(crate) mod faults;
pub(crate) mod gate;
pub mod grammar;
pub(crate) mod heard;
mod model;
pub mod numbers;
pub mod persona;
pub mod recogniser;
mod requests;
pub mod settings;
pub(crate) mod speech;
pub(crate) mod synthesiser;
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

use crate::inference::quota::LastMinute;
use crate::inference::token::KeyPair;
use crate::sockets::counters::{self, Counters};
use crate::{inference, realtime};
use faults::Faults;
use persona::Persona;
use recogniser::Recognisers;
use requests::Requests;
use settings::Settings;

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
    /// Without it the gateway refuses everybody.
    gateway_keys: Option<KeyPair>,
    state: Mutex<State>,
}

/// What calls and tests change.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) faults: Faults,
    pub(crate) requests: Requests,
    pub(crate) settings: Settings,
    pub(crate) sockets: Counters,
    pub(crate) last_minute: LastMinute,
}

impl OpenAi {
    /// Services that have not been called yet, in the HTTP format alone.
    /// Services that take tokens of LiveKit's as well, with these settings to begin with.
    pub fn new(config: Config, gateway_keys: Option<KeyPair>, settings: Settings) -> Self {
        let state = Mutex::new(State { settings, ..State::default() });
        Self(Arc::new(Shared { config, gateway_keys, state }))
    }

    /// Answers until `stop`.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
        let shutdown = async move { stop.cancelled().await };
        axum::serve(listener, self.router()).with_graceful_shutdown(shutdown).await
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn gateway_keys(&self) -> Option<&KeyPair> {
        self.0.gateway_keys.as_ref()
    }

    /// The settings as they are now.
    pub(crate) fn settings(&self) -> Settings {
        self.state().settings.clone()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
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
            .route("/v1/stt", get(inference::stt::connect))
            .route("/v1/tts", get(inference::tts::connect))
            .route("/v1/realtime", get(realtime::connect))
            .layer(DefaultBodyLimit::max(LONGEST_BODY))
            .layer(from_fn_with_state(self.clone(), gate::pass));
        Router::new()
            .merge(calls)
            .route("/healthz", get(async || "ok\n"))
            .route("/simulator/faults", put(faults::inject).get(faults::show))
            .route("/simulator/settings", get(settings::show).post(settings::change))
            .route("/simulator/sockets", get(counters::show))
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
