//! Settings of the providers.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::FalseyValueParser;
use secrecy::SecretString;
use service::{SecretSource, ensure_stays_on_this_machine};

use crate::providers::base_url::BaseUrl;
use crate::providers::error::Provider;
use crate::providers::key::Key;
use crate::providers::text_to_speech::{self, SoundFormat};

/// The setting that lets keys and tokens of services go over a network without encryption.
pub(crate) const ALLOW_PLAIN_TEXT: &str = "SERVICES_ALLOW_PLAIN_TEXT";

const OPENAI: &str = "https://api.openai.com/v1";

/// The services for speech to text, replies and text to speech. Each address may be that of any server with OpenAI's wire
/// format.
#[derive(Debug, Clone, clap::Args)]
pub struct ProviderArgs {
    /// Address of speech to text, up to its version
    #[arg(long, env, default_value = OPENAI)]
    pub stt_base_url: BaseUrl,
    /// Key of speech to text; a server of your own may need none. Give it in the environment
    #[arg(long, env, hide_env_values = true)]
    pub stt_api_key: Option<SecretString>,
    /// File with the key of speech to text, in the place of `STT_API_KEY`; it is read again when the key is refused
    #[arg(long, env)]
    pub stt_api_key_file: Option<PathBuf>,
    /// Model of speech to text
    #[arg(long, env, default_value = "gpt-4o-mini-transcribe")]
    pub stt_model: String,
    /// Address of the language model, up to its version
    #[arg(long, env, default_value = OPENAI)]
    pub llm_base_url: BaseUrl,
    /// Key of the language model; a server of your own may need none. Give it in the environment
    #[arg(long, env, hide_env_values = true)]
    pub llm_api_key: Option<SecretString>,
    /// File with the key of the language model, in the place of `LLM_API_KEY`; it is read again when the key is refused
    #[arg(long, env)]
    pub llm_api_key_file: Option<PathBuf>,
    /// Language model; it has to know tool calls
    #[arg(long, env, default_value = "gpt-4o-mini")]
    pub llm_model: String,
    /// Temperature of the language model, 0 to 2; the model's own where it is not given
    #[arg(long, env, value_parser = temperature)]
    pub llm_temperature: Option<f64>,
    /// Address of text to speech, up to its version
    #[arg(long, env, default_value = OPENAI)]
    pub tts_base_url: BaseUrl,
    /// Key of text to speech; a server of your own may need none. Give it in the environment
    #[arg(long, env, hide_env_values = true)]
    pub tts_api_key: Option<SecretString>,
    /// File with the key of text to speech, in the place of `TTS_API_KEY`; it is read again when the key is refused
    #[arg(long, env)]
    pub tts_api_key_file: Option<PathBuf>,
    /// Model of text to speech
    #[arg(long, env, default_value = "gpt-4o-mini-tts")]
    pub tts_model: String,
    /// What text to speech is asked for. Whatever it sends is looked at: PCM and WAV of any rate, and MP3, are understood
    #[arg(long, env, value_enum, default_value = "pcm")]
    pub tts_format: SoundFormat,
    /// Samples a second of PCM whose rate the server does not tell
    #[arg(long, env, default_value_t = text_to_speech::SAMPLE_RATE, value_parser = clap::value_parser!(u32).range(4_000..=192_000))]
    pub tts_sample_rate: u32,
    /// Key for each of the three that is at OpenAI and has no key of its own; no other server is given it
    #[arg(long, env, hide_env_values = true)]
    pub openai_api_key: Option<SecretString>,
    /// File with that key, in the place of `OPENAI_API_KEY`; it is read again when the key is refused
    #[arg(long, env)]
    pub openai_api_key_file: Option<PathBuf>,
    /// Keys of the three, and tokens of the persona's tools, go to other machines without encryption, too: for networks that
    /// are trusted
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
    /// The key that a provider is given.
    ///
    /// # Errors
    /// OpenAI needs a key and there is none, there are two, one cannot be read or has characters that none has, or it would
    /// cross a network in plain text.
    pub(super) async fn key(&self, provider: Provider, base: &BaseUrl) -> anyhow::Result<Option<Key>> {
        let (own, own_file) = match provider {
            Provider::SpeechToText => (&self.stt_api_key, &self.stt_api_key_file),
            Provider::LanguageModel => (&self.llm_api_key, &self.llm_api_key_file),
            Provider::TextToSpeech => (&self.tts_api_key, &self.tts_api_key_file),
        };
        let prefix = provider.prefix();
        if let Some(key) = key(&format!("{prefix}_API_KEY"), own.as_ref(), own_file.as_ref()).await? {
            if let Some(host) = base.plain_text_host().filter(|_| !self.services_allow_plain_text) {
                let (secret, instead) =
                    (format!("the key of {provider}"), format!("use https:// in {prefix}_BASE_URL"));
                ensure_stays_on_this_machine(&secret, host, &instead, ALLOW_PLAIN_TEXT)?;
            }
            return Ok(Some(key));
        }
        if !base.is_openai() {
            return Ok(None);
        }
        let key =
            key("OPENAI_API_KEY", self.openai_api_key.as_ref(), self.openai_api_key_file.as_ref()).await?;
        let key = key.with_context(|| {
            format!(
                "set {prefix}_API_KEY or OPENAI_API_KEY: {provider} is at OpenAI, which wants a key; or set {prefix}_BASE_URL to a server of your own"
            )
        })?;
        Ok(Some(key))
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
