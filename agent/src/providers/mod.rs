//! Speech to text, language model and text to speech: three clients for anything that speaks OpenAI's wire format.
//!
//! Each provider has its own address, key and model. A request is tried again while nothing of its answer was handed out;
//! what is returned as an error was tried as often as [`Limits`] say. Dropping a future or a stream cancels its request.
//! Nothing of what is sent or answered reaches a log or an error's text.

pub mod arguments;
mod base_url;
mod error;
pub mod health;
mod key;
pub mod language_model;
mod lines;
pub mod message;
mod reply;
mod request;
mod sound;
pub mod speech_to_text;
#[cfg(test)]
mod tests;
pub mod text_to_speech;
mod tool_call_deltas;
mod wav;

use std::time::Duration;

use anyhow::Context as _;

pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use error::{ErrorKind, Provider, ProviderError};
pub use request::Limits;

use arguments::ProviderArgs;
use health::Health;
use language_model::LanguageModel;
use request::Endpoint;
use speech_to_text::SpeechToText;
use text_to_speech::TextToSpeech;

/// The three providers of a process; clones share connections.
#[derive(Clone)]
pub struct Providers {
    /// Hears.
    pub speech_to_text: SpeechToText,
    /// Thinks.
    pub language_model: LanguageModel,
    /// Speaks.
    pub text_to_speech: TextToSpeech,
    /// What is known of the three.
    pub health: Health,
}

impl Providers {
    /// Sets up the clients; nothing is sent yet.
    ///
    /// # Errors
    /// A key is missing or has characters that no key has, or a client for HTTP cannot be made.
    pub fn new(args: &ProviderArgs) -> anyhow::Result<Self> {
        let http = http_client()?;
        let limit = args.provider_time_limit;
        let limits = Limits { answer: limit, idle: limit, ..Limits::default() };
        let health = Health::default();
        let endpoint = |provider, base: &BaseUrl| {
            let (http, base, health) = (http.clone(), base.clone(), health.clone());
            let key = args.key(provider, &base)?;
            anyhow::Ok(Endpoint { provider, http, base, key, limits, health })
        };
        let hearing = endpoint(Provider::SpeechToText, &args.stt_base_url)?;
        let thinking = endpoint(Provider::LanguageModel, &args.llm_base_url)?;
        let speaking = endpoint(Provider::TextToSpeech, &args.tts_base_url)?;
        Ok(Self {
            speech_to_text: SpeechToText::new(hearing, &args.stt_model),
            language_model: LanguageModel::new(thinking, &args.llm_model, args.llm_temperature),
            text_to_speech: TextToSpeech::new(
                speaking,
                &args.tts_model,
                args.tts_format,
                args.tts_sample_rate,
            ),
            health,
        })
    }
}

/// One for all providers and sessions, so that connections are kept and shared.
fn http_client() -> anyhow::Result<reqwest::Client> {
    // A redirect would take the key, and what was said, to a place that no setting names.
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .http1_only()
        .tcp_keepalive(Duration::from_secs(30))
        .user_agent(concat!("postcall/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("set up the HTTP client of the providers")
}
