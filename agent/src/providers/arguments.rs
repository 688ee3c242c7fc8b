//! Settings of the providers.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::SecretString;
use service::SecretSource;

use super::base_url::BaseUrl;
use super::error::Provider;
use super::key::Key;
use super::text_to_speech::{self, SoundFormat};

const OPENAI: &str = "https://api.openai.com/v1";

/// Who hears, thinks and speaks. Each address may be that of any server with OpenAI's wire format.
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
    /// OpenAI needs a key and there is none, there are two, or one cannot be read or has characters that none has.
    pub(super) async fn key(&self, provider: Provider, base: &BaseUrl) -> anyhow::Result<Option<Key>> {
        let (own, own_file) = match provider {
            Provider::SpeechToText => (&self.stt_api_key, &self.stt_api_key_file),
            Provider::LanguageModel => (&self.llm_api_key, &self.llm_api_key_file),
            Provider::TextToSpeech => (&self.tts_api_key, &self.tts_api_key_file),
        };
        let prefix = provider.prefix();
        if let Some(key) = key(&format!("{prefix}_API_KEY"), own.as_ref(), own_file.as_ref()).await? {
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
mod tests {
    use clap::Parser as _;
    use secrecy::ExposeSecret as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: ProviderArgs,
    }

    async fn key_of(base: &str, own: Option<&str>, openai: Option<&str>) -> Result<Option<String>, String> {
        let mut args = vec!["x"];
        args.extend(own.into_iter().flat_map(|key| ["--llm-api-key", key]));
        args.extend(openai.into_iter().flat_map(|key| ["--openai-api-key", key]));
        shown_key(&args, base).await
    }

    async fn shown_key(args: &[&str], base: &str) -> Result<Option<String>, String> {
        let args = Cli::try_parse_from(args).map_err(|error| error.to_string())?.args;
        let key = args.key(Provider::LanguageModel, &base.parse().unwrap()).await;
        let key = key.map_err(|error| format!("{error:#}"))?;
        Ok(key.map(|key| key.now().expose_secret().to_owned()))
    }

    #[tokio::test]
    async fn a_key_may_be_in_a_file_and_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, " first\n").unwrap();
        let path = file.to_str().unwrap();
        let own = ["x", "--llm-api-key-file", path];
        assert_eq!(shown_key(&own, "http://127.0.0.1:8000").await, Ok(Some("first".to_owned())));
        assert_eq!(
            shown_key(&["x", "--openai-api-key-file", path], OPENAI).await,
            Ok(Some("first".to_owned()))
        );
        assert_eq!(shown_key(&["x", "--openai-api-key-file", path], "http://127.0.0.1:8000").await, Ok(None));
        let both =
            shown_key(&["x", "--llm-api-key", "k", "--llm-api-key-file", path], OPENAI).await.unwrap_err();
        assert!(both.contains("LLM_API_KEY_FILE") && both.contains("both"), "{both}");
        let key = Key::read(SecretSource::File(file.clone())).await.unwrap();
        assert!(!key.read_again().await, "it is the same");
        for broken in ["", " \n", "a\nb"] {
            std::fs::write(&file, broken).unwrap();
            assert!(shown_key(&own, OPENAI).await.is_err(), "{broken:?}");
            assert!(!key.read_again().await);
            assert_eq!(key.now().expose_secret(), "first");
        }
        std::fs::write(&file, "second").unwrap();
        assert!(key.read_again().await);
        assert_eq!(key.now().expose_secret(), "second");
        assert!(
            shown_key(&["x", "--llm-api-key-file", "/no/such/file"], OPENAI)
                .await
                .unwrap_err()
                .contains("/no/such/file")
        );
    }

    #[tokio::test]
    async fn one_key_is_enough_for_openai_and_goes_nowhere_else() {
        assert_eq!(key_of(OPENAI, None, Some("o")).await, Ok(Some("o".to_owned())));
        assert_eq!(key_of(OPENAI, Some("l"), Some("o")).await, Ok(Some("l".to_owned())));
        assert_eq!(key_of(OPENAI, Some(""), Some("o")).await, Ok(Some("o".to_owned())));
        assert_eq!(key_of("http://127.0.0.1:8000", None, Some("o")).await, Ok(None));
        assert_eq!(
            key_of("https://api.groq.com/openai/v1", Some("l"), Some("o")).await,
            Ok(Some("l".to_owned()))
        );
        assert!(
            key_of(OPENAI, None, None).await.unwrap_err().starts_with("set LLM_API_KEY or OPENAI_API_KEY")
        );
        let broken = key_of(OPENAI, Some("secret\n"), None).await.unwrap_err();
        assert!(!broken.contains("secret"), "{broken}");
    }

    #[test]
    fn keys_are_neither_shown_nor_required() {
        let args = ["x", "--llm-api-key", "secret", "--llm-temperature", "0.3"];
        let args = Cli::try_parse_from(args).map_err(|error| error.to_string()).unwrap().args;
        assert_eq!(args.llm_temperature, Some(0.3));
        assert!(!format!("{args:?}").contains("secret"));
        assert!(Cli::try_parse_from(["x", "--llm-temperature", "3"]).is_err());
        assert!(Cli::try_parse_from(["x", "--tts-base-url", "nowhere"]).is_err());
    }
}
