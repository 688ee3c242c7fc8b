//! Settings of the providers.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::builder::FalseyValueParser;
use secrecy::{ExposeSecret as _, SecretString};
use service::ensure_stays_on_this_machine;

use super::key::Key;
use super::text_to_speech::{self, SoundFormat};
use super::{BaseUrl, Provider};

/// The setting that lets keys and tokens of services go over a network without encryption.
pub(crate) const ALLOW_PLAIN_TEXT: &str = "SERVICES_ALLOW_PLAIN_TEXT";

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
    /// OpenAI needs a key and there is none, there are two, a key has characters that none has, or it would cross a network in
    /// plain text.
    pub(super) fn key(&self, provider: Provider, base: &BaseUrl) -> anyhow::Result<Option<Key>> {
        let (own, own_file) = match provider {
            Provider::SpeechToText => (&self.stt_api_key, &self.stt_api_key_file),
            Provider::LanguageModel => (&self.llm_api_key, &self.llm_api_key_file),
            Provider::TextToSpeech => (&self.tts_api_key, &self.tts_api_key_file),
        };
        let prefix = provider.prefix();
        if let Some(key) = key(prefix, own.as_ref(), own_file.as_ref())? {
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
        let key = key("OPENAI", self.openai_api_key.as_ref(), self.openai_api_key_file.as_ref())?;
        let key = key.with_context(|| {
            format!(
                "set {prefix}_API_KEY or OPENAI_API_KEY: {provider} is at OpenAI, which wants a key; or set {prefix}_BASE_URL to a server of your own"
            )
        })?;
        Ok(Some(key))
    }
}

fn key(prefix: &str, given: Option<&SecretString>, file: Option<&PathBuf>) -> anyhow::Result<Option<Key>> {
    let given = given.filter(|key| !key.expose_secret().is_empty());
    let file = file.filter(|file| !file.as_os_str().is_empty());
    match (given, file) {
        (Some(_), Some(_)) => bail!("set {prefix}_API_KEY or {prefix}_API_KEY_FILE, and not both"),
        (Some(given), None) => {
            Key::given(given.clone()).with_context(|| format!("use {prefix}_API_KEY")).map(Some)
        }
        (None, Some(file)) => {
            Key::of_file(file.clone()).with_context(|| format!("use {prefix}_API_KEY_FILE")).map(Some)
        }
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: ProviderArgs,
    }

    fn key_of(base: &str, own: Option<&str>, openai: Option<&str>) -> Result<Option<String>, String> {
        let mut args = vec!["x"];
        args.extend(own.into_iter().flat_map(|key| ["--llm-api-key", key]));
        args.extend(openai.into_iter().flat_map(|key| ["--openai-api-key", key]));
        shown_key(&args, base)
    }

    fn shown_key(args: &[&str], base: &str) -> Result<Option<String>, String> {
        let args = Cli::try_parse_from(args).map_err(|error| error.to_string())?.args;
        let key = args.key(Provider::LanguageModel, &base.parse().unwrap());
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
        assert_eq!(shown_key(&own, "http://127.0.0.1:8000"), Ok(Some("first".to_owned())));
        assert_eq!(shown_key(&["x", "--openai-api-key-file", path], OPENAI), Ok(Some("first".to_owned())));
        assert_eq!(shown_key(&["x", "--openai-api-key-file", path], "http://127.0.0.1:8000"), Ok(None));
        let both = shown_key(&["x", "--llm-api-key", "k", "--llm-api-key-file", path], OPENAI).unwrap_err();
        assert!(both.contains("LLM_API_KEY_FILE") && both.contains("not both"), "{both}");
        let key = Key::of_file(file.clone()).unwrap();
        assert!(!key.read_again().await, "it is the same");
        for broken in ["", "a\nb"] {
            std::fs::write(&file, broken).unwrap();
            assert!(shown_key(&own, OPENAI).is_err(), "{broken:?}");
            assert!(!key.read_again().await);
            assert_eq!(key.now().expose_secret(), "first");
        }
        std::fs::write(&file, "second").unwrap();
        assert!(key.read_again().await);
        assert_eq!(key.now().expose_secret(), "second");
        assert!(
            shown_key(&["x", "--llm-api-key-file", "/no/such/file"], OPENAI)
                .unwrap_err()
                .contains("/no/such/file")
        );
    }

    #[test]
    fn one_key_is_enough_for_openai_and_goes_nowhere_else() {
        assert_eq!(key_of(OPENAI, None, Some("o")), Ok(Some("o".to_owned())));
        assert_eq!(key_of(OPENAI, Some("l"), Some("o")), Ok(Some("l".to_owned())));
        assert_eq!(key_of(OPENAI, Some(""), Some("o")), Ok(Some("o".to_owned())));
        assert_eq!(key_of("http://127.0.0.1:8000", None, Some("o")), Ok(None));
        assert_eq!(key_of("https://api.groq.com/openai/v1", Some("l"), Some("o")), Ok(Some("l".to_owned())));
        assert!(key_of(OPENAI, None, None).unwrap_err().starts_with("set LLM_API_KEY or OPENAI_API_KEY"));
        let broken = key_of(OPENAI, Some("secret\n"), None).unwrap_err();
        assert!(!broken.contains("secret"), "{broken}");
    }

    #[test]
    fn a_key_crosses_no_network_in_plain_text() {
        let key = ["x", "--llm-api-key", "secret"];
        for far in ["http://vllm:8000/v1", "http://10.0.0.7:8000"] {
            let refused = shown_key(&key, far).unwrap_err();
            assert!(refused.contains("LLM_BASE_URL") && refused.contains(ALLOW_PLAIN_TEXT), "{refused}");
            assert!(!refused.contains("secret"), "{refused}");
            let allowed = [&key[..], &["--services-allow-plain-text"]].concat();
            assert_eq!(shown_key(&allowed, far), Ok(Some("secret".to_owned())));
            assert_eq!(shown_key(&["x"], far), Ok(None), "without a key there is nothing to keep secret");
        }
        for near in ["http://127.0.0.1:8000", "http://localhost:8000/v1", "http://[::1]:8000", "https://vllm"]
        {
            assert_eq!(shown_key(&key, near), Ok(Some("secret".to_owned())));
        }
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
