//! Settings of the providers.

use std::time::Duration;

use anyhow::{bail, ensure};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use super::{BaseUrl, Provider};

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
    /// Model of speech to text
    #[arg(long, env, default_value = "gpt-4o-mini-transcribe")]
    pub stt_model: String,
    /// Address of the language model, up to its version
    #[arg(long, env, default_value = OPENAI)]
    pub llm_base_url: BaseUrl,
    /// Key of the language model; a server of your own may need none. Give it in the environment
    #[arg(long, env, hide_env_values = true)]
    pub llm_api_key: Option<SecretString>,
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
    /// Model of text to speech
    #[arg(long, env, default_value = "gpt-4o-mini-tts")]
    pub tts_model: String,
    /// Key for each of the three that is at OpenAI and has no key of its own; no other server is given it
    #[arg(long, env, hide_env_values = true)]
    pub openai_api_key: Option<SecretString>,
    /// Longest that a provider may take to begin its answer, and to go on with it, such as 10s
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "10s")]
    pub provider_time_limit: Duration,
}

fn temperature(text: &str) -> Result<f64, String> {
    let temperature: Option<f64> = text.parse().ok();
    temperature.filter(|degree| (0.0..=2.0).contains(degree)).ok_or_else(|| "wanted 0 to 2".to_owned())
}

/// The key that a provider is given.
///
/// # Errors
/// OpenAI needs a key and there is none, or a key has characters that none has.
pub(super) fn key(
    provider: Provider,
    base: &BaseUrl,
    own: Option<&SecretString>,
    openai: Option<&SecretString>,
) -> anyhow::Result<Option<SecretString>> {
    let present = |key: &&SecretString| !key.expose_secret().is_empty();
    let own = own.filter(present);
    let key = own.or_else(|| openai.filter(present).filter(|_| base.is_openai()));
    let prefix = provider.prefix();
    match key {
        None if base.is_openai() => {
            bail!(
                "set {prefix}_API_KEY or OPENAI_API_KEY: {provider} is at OpenAI, which wants a key; or set {prefix}_BASE_URL to a server of your own"
            )
        }
        None => Ok(None),
        Some(key) => {
            let fits = HeaderValue::from_str(key.expose_secret()).is_ok();
            ensure!(
                fits,
                "the key of {provider} has characters that no key has: set it again, without line breaks"
            );
            Ok(Some(key.clone()))
        }
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
        let secret = |text: &str| SecretString::from(text);
        let (own, openai) = (own.map(secret), openai.map(secret));
        key(Provider::LanguageModel, &base.parse().unwrap(), own.as_ref(), openai.as_ref())
            .map(|key| key.map(|key| key.expose_secret().to_owned()))
            .map_err(|error| error.to_string())
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
    fn keys_are_neither_shown_nor_required() {
        let args = ["x", "--llm-api-key", "secret", "--llm-temperature", "0.3"];
        let args = Cli::try_parse_from(args).map_err(|error| error.to_string()).unwrap().args;
        assert_eq!(args.llm_temperature, Some(0.3));
        assert!(!format!("{args:?}").contains("secret"));
        assert!(Cli::try_parse_from(["x", "--llm-temperature", "3"]).is_err());
        assert!(Cli::try_parse_from(["x", "--tts-base-url", "nowhere"]).is_err());
    }
}
