//! Settings of the providers.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::FalseyValueParser;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use service::{SecretSource, ensure_stays_on_this_machine};

use crate::providers::base_url::BaseUrl;
use crate::providers::chat_completions::ExtraBody;
use crate::providers::error::Provider;
use crate::providers::key::Key;
use crate::providers::text_to_speech::{self, SoundFormat};

/// The setting that lets keys and tokens of services go over a network without encryption.
pub(crate) const ALLOW_PLAIN_TEXT: &str = "SERVICES_ALLOW_PLAIN_TEXT";

/// Where OpenAI is.
pub(super) const OPENAI: &str = "https://api.openai.com/v1";

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// OpenAI's HTTP: transcriptions, chat completions, speech
    Openai,
    /// Speech to text by OpenAI's Realtime transcription: a WebSocket
    OpenaiRealtime,
    /// Speech to text by the same as speaches speaks it
    Speaches,
    /// LiveKit Inference's gateway: WebSockets for speech, a token for each request
    Livekit,
}

/// LiveKit Inference.
#[derive(Debug, Clone, clap::Args)]
pub struct InferenceArgs {
    /// Address of LiveKit Inference, up to its version
    #[arg(long, env, default_value = "https://agent-gateway.livekit.cloud/v1")]
    pub livekit_inference_url: BaseUrl,
    /// API key for LiveKit Inference; that of the room where it is at LiveKit Cloud
    #[arg(long, env)]
    pub livekit_inference_api_key: Option<String>,
    /// File with that key, read anew for each token
    #[arg(long, env)]
    pub livekit_inference_api_key_file: Option<PathBuf>,
    /// API secret for LiveKit Inference; give it in the environment
    #[arg(long, env, hide_env_values = true)]
    pub livekit_inference_api_secret: Option<SecretString>,
    /// File with that secret, read anew for each token
    #[arg(long, env)]
    pub livekit_inference_api_secret_file: Option<PathBuf>,
}

/// The services for speech to text, replies and text to speech. Each address may be that of any server with OpenAI's wire
/// format.
#[derive(Debug, Clone, clap::Args)]
pub struct ProviderArgs {
    /// Address of speech to text, up to its version; without one it is at OpenAI where there is a key for it, else at LiveKit
    /// Inference
    #[arg(long, env)]
    pub stt_base_url: Option<BaseUrl>,
    /// What speech to text speaks; OpenAI's HTTP where there is an address or a key of OpenAI's
    #[arg(long, env, value_enum)]
    pub stt_protocol: Option<Protocol>,
    /// Key of speech to text; a server of your own may need none. Give it in the environment
    #[arg(long, env, hide_env_values = true)]
    pub stt_api_key: Option<SecretString>,
    /// File with the key of speech to text, in the place of `STT_API_KEY`; it is read again when the key is refused
    #[arg(long, env)]
    pub stt_api_key_file: Option<PathBuf>,
    /// Model of speech to text [default: gpt-4o-mini-transcribe; at LiveKit Inference deepgram/nova-3:multi]
    #[arg(long, env)]
    pub stt_model: Option<String>,
    /// Models that take over at LiveKit Inference where the one for speech to text fails, with commas between them
    #[arg(long, env, value_delimiter = ',')]
    pub stt_fallback_models: Vec<String>,
    /// Address of the language model, up to its version; without one it is at OpenAI where there is a key for it, else at
    /// LiveKit Inference
    #[arg(long, env)]
    pub llm_base_url: Option<BaseUrl>,
    /// What the language model speaks, `openai` or `livekit`; OpenAI's HTTP where there is an address or a key of OpenAI's
    #[arg(long, env, value_enum)]
    pub llm_protocol: Option<Protocol>,
    /// Key of the language model; a server of your own may need none. Give it in the environment
    #[arg(long, env, hide_env_values = true)]
    pub llm_api_key: Option<SecretString>,
    /// File with the key of the language model, in the place of `LLM_API_KEY`; it is read again when the key is refused
    #[arg(long, env)]
    pub llm_api_key_file: Option<PathBuf>,
    /// Language model; it has to know tool calls [default: gpt-4o-mini; at LiveKit Inference openai/gpt-5.2-chat-latest]
    #[arg(long, env)]
    pub llm_model: Option<String>,
    /// Temperature of the language model, 0 to 2; the model's own where it is not given
    #[arg(long, env, value_parser = temperature)]
    pub llm_temperature: Option<f64>,
    /// What else a request to the language model has, as a JSON object: {"reasoning_effort": "none"}, or
    /// {"chat_template_kwargs": {"enable_thinking": false}}
    #[arg(long, env, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    pub llm_extra_body: ExtraBody,
    /// Address of text to speech, up to its version; without one it is at OpenAI where there is a key for it, else at LiveKit
    /// Inference
    #[arg(long, env)]
    pub tts_base_url: Option<BaseUrl>,
    /// What text to speech speaks, `openai` or `livekit`; OpenAI's HTTP where there is an address or a key of OpenAI's
    #[arg(long, env, value_enum)]
    pub tts_protocol: Option<Protocol>,
    /// Key of text to speech; a server of your own may need none. Give it in the environment
    #[arg(long, env, hide_env_values = true)]
    pub tts_api_key: Option<SecretString>,
    /// File with the key of text to speech, in the place of `TTS_API_KEY`; it is read again when the key is refused
    #[arg(long, env)]
    pub tts_api_key_file: Option<PathBuf>,
    /// Model of text to speech, at LiveKit Inference with the voice behind a colon [default: gpt-4o-mini-tts; at LiveKit
    /// Inference cartesia/sonic-3]
    #[arg(long, env)]
    pub tts_model: Option<String>,
    /// Models that take over at LiveKit Inference where the one for text to speech fails, with commas between them
    #[arg(long, env, value_delimiter = ',')]
    pub tts_fallback_models: Vec<String>,
    /// What text to speech is asked for. Whatever it sends is looked at: PCM and WAV of any rate, and MP3, are understood
    #[arg(long, env, value_enum, default_value = "pcm")]
    pub tts_format: SoundFormat,
    /// Samples a second of PCM whose rate the server does not tell
    #[arg(long, env, default_value_t = text_to_speech::SAMPLE_RATE, value_parser = clap::value_parser!(u32).range(4_000..=192_000))]
    pub tts_sample_rate: u32,
    /// File with lists of services, of which the next takes over where one fails, and of prices
    #[arg(long, env)]
    pub services_file: Option<PathBuf>,
    /// Key for each of the three that is at OpenAI and has no key of its own; no other server is given it
    #[arg(long, env, hide_env_values = true)]
    pub openai_api_key: Option<SecretString>,
    /// File with that key, in the place of `OPENAI_API_KEY`; it is read again when the key is refused
    #[arg(long, env)]
    pub openai_api_key_file: Option<PathBuf>,
    #[command(flatten)]
    pub inference: InferenceArgs,
    /// Keys of the three, tokens for LiveKit Inference, and tokens of the persona's tools go to other machines without
    /// encryption, too: for networks that are trusted
    #[arg(long, env, value_parser = FalseyValueParser::new())]
    pub services_allow_plain_text: bool,
    /// Longest that a provider may take to begin its answer, and to go on with it, such as 10s
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "10s")]
    pub provider_time_limit: Duration,
    /// How often each of the three is looked at, such as 30s: one that works by a request that costs nothing, one that does
    /// not by a small one
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "30s")]
    pub provider_check_interval: Duration,
}

fn temperature(text: &str) -> Result<f64, String> {
    let temperature: Option<f64> = text.parse().ok();
    temperature.filter(|degree| (0.0..=2.0).contains(degree)).ok_or_else(|| "wanted 0 to 2".to_owned())
}

impl ProviderArgs {
    /// The key of a server with OpenAI's wire format.
    ///
    /// # Errors
    /// OpenAI needs a key and there is none, there are two, one cannot be read or has characters that none has, or it would
    /// cross a network in plain text.
    pub(super) async fn key(
        &self,
        provider: Provider,
        service: &ServiceSettings,
        base: &BaseUrl,
    ) -> anyhow::Result<Option<Key>> {
        let prefix = provider.prefix();
        if let Some(key) = key(&service.key_name, service.key.as_ref(), service.key_file.as_ref()).await? {
            self.ensure_secret(&format!("the key of {provider}"), base, &format!("{prefix}_BASE_URL"))?;
            return Ok(Some(key));
        }
        if !base.is_openai() {
            return Ok(None);
        }
        let key =
            key("OPENAI_API_KEY", self.openai_api_key.as_ref(), self.openai_api_key_file.as_ref()).await?;
        let key = key.with_context(|| {
            let own = &service.key_name;
            format!(
                "set {own} or OPENAI_API_KEY: {provider} is at OpenAI, which wants a key; or set {prefix}_BASE_URL to a server of your own"
            )
        })?;
        Ok(Some(key))
    }

    /// Refuses an address to which a secret would cross a network in plain text. `setting` is what the address is called.
    ///
    /// # Errors
    /// It is that of another machine, without TLS, and nothing allows it.
    pub(super) fn ensure_secret(&self, secret: &str, base: &BaseUrl, setting: &str) -> anyhow::Result<()> {
        match base.plain_text_host().filter(|_| !self.services_allow_plain_text) {
            Some(host) => {
                let instead = format!("use https:// in {setting}");
                ensure_stays_on_this_machine(secret, host, &instead, ALLOW_PLAIN_TEXT)
            }
            None => Ok(()),
        }
    }

    /// The settings of the one service of a kind that is set by arguments.
    pub(super) fn own(&self, provider: Provider) -> ServiceSettings {
        let (base, protocol, key, key_file, model, fallbacks) = match provider {
            Provider::SpeechToText => (
                &self.stt_base_url,
                self.stt_protocol,
                &self.stt_api_key,
                &self.stt_api_key_file,
                &self.stt_model,
                &self.stt_fallback_models[..],
            ),
            Provider::LanguageModel => (
                &self.llm_base_url,
                self.llm_protocol,
                &self.llm_api_key,
                &self.llm_api_key_file,
                &self.llm_model,
                &[][..],
            ),
            Provider::TextToSpeech => (
                &self.tts_base_url,
                self.tts_protocol,
                &self.tts_api_key,
                &self.tts_api_key_file,
                &self.tts_model,
                &self.tts_fallback_models[..],
            ),
        };
        ServiceSettings {
            name: None,
            base: base.clone(),
            protocol,
            key_name: format!("{}_API_KEY", provider.prefix()),
            key: key.clone(),
            key_file: key_file.clone(),
            model: model.clone(),
            fallback_models: fallbacks.to_vec(),
            temperature: self.llm_temperature,
            extra_body: self.llm_extra_body.clone(),
            extra: Map::new(),
            format: self.tts_format,
            sample_rate: self.tts_sample_rate,
            voice: None,
        }
    }

    /// Whether there is a key for OpenAI.
    pub(super) fn knows_openai(&self) -> bool {
        let given =
            |key: &Option<SecretString>| key.as_ref().is_some_and(|key| !key.expose_secret().is_empty());
        given(&self.openai_api_key) || self.openai_api_key_file.is_some()
    }
}

/// The settings of one service.
#[derive(Debug, Clone)]
pub(super) struct ServiceSettings {
    /// What payloads call who runs it.
    pub(super) name: Option<String>,
    pub(super) base: Option<BaseUrl>,
    pub(super) protocol: Option<Protocol>,
    /// What the key is called where it is set.
    pub(super) key_name: String,
    pub(super) key: Option<SecretString>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) model: Option<String>,
    pub(super) fallback_models: Vec<String>,
    pub(super) temperature: Option<f64>,
    pub(super) extra_body: ExtraBody,
    /// Options of the provider that is behind LiveKit Inference.
    pub(super) extra: Map<String, Value>,
    pub(super) format: SoundFormat,
    pub(super) sample_rate: u32,
    /// In the place of the persona's.
    pub(super) voice: Option<String>,
}

impl ServiceSettings {
    /// Whether anything says where the service is.
    pub(super) fn is_set(&self) -> bool {
        self.base.is_some() || self.protocol.is_some() || self.has_key()
    }

    pub(super) fn has_key(&self) -> bool {
        self.key.as_ref().is_some_and(|key| !key.expose_secret().is_empty()) || self.key_file.is_some()
    }
}

/// `name` is what the setting is called in the environment, such as `STT_API_KEY`.
async fn key(
    name: &str,
    given: Option<&SecretString>,
    file: Option<&PathBuf>,
) -> anyhow::Result<Option<Key>> {
    match SecretSource::of(name, given, file)? {
        Some(source) => Key::read(source).await.with_context(|| format!("read {name}")).map(Some),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
