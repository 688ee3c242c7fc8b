//! Speech to text, language model and text to speech: three clients for anything that speaks OpenAI's wire format.
//!
//! Each provider has its own address, key and model. A request is tried again while nothing of its answer was handed out;
//! what is returned as an error was tried as often as its limits say. Dropping a future or a stream cancels its request.
//! Nothing of what is sent or answered reaches a log or an error's text.

pub mod arguments;
pub mod base_url;
pub mod error;
pub mod health;
mod key;
pub mod language_model;
mod lines;
pub mod message;
pub mod reply;
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

use arguments::ProviderArgs;
use base_url::BaseUrl;
use error::Provider;
use health::Health;
use language_model::LanguageModel;
use request::{Endpoint, Limits};
use speech_to_text::SpeechToText;
use text_to_speech::TextToSpeech;

/// The three providers of a process; clones share connections.
#[derive(Clone)]
pub struct Providers {
    /// Makes words of the caller's speech (STT).
    pub speech_to_text: SpeechToText,
    /// Makes the replies (LLM).
    pub language_model: LanguageModel,
    /// Makes speech of the replies (TTS).
    pub text_to_speech: TextToSpeech,
    /// What is known of the three.
    pub health: Health,
}

impl Providers {
    /// Reads the keys and sets up the clients; nothing is sent yet.
    ///
    /// # Errors
    /// A key is missing, cannot be read or has characters that no key has, or a client for HTTP cannot be made.
    pub async fn new(args: &ProviderArgs) -> anyhow::Result<Self> {
        let http = http_client()?;
        let limit = args.provider_time_limit;
        let limits = Limits { answer: limit, idle: limit, ..Limits::default() };
        let health = Health::default();
        let endpoint = async |provider, base: &BaseUrl| {
            let (http, base, health) = (http.clone(), base.clone(), health.clone());
            let key = args.key(provider, &base).await?;
            anyhow::Ok(Endpoint { provider, http, base, key, limits, health })
        };
        let speech_to_text = endpoint(Provider::SpeechToText, &args.stt_base_url).await?;
        let language_model = endpoint(Provider::LanguageModel, &args.llm_base_url).await?;
        let text_to_speech = endpoint(Provider::TextToSpeech, &args.tts_base_url).await?;
        Ok(Self {
            speech_to_text: SpeechToText::new(speech_to_text, &args.stt_model),
            language_model: LanguageModel::new(language_model, &args.llm_model, args.llm_temperature),
            text_to_speech: TextToSpeech::new(
                text_to_speech,
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
