//! Where each of the three services is, and how it is spoken to: what was set, else what there are keys for.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use secrecy::SecretString;
use service::{LiveKitKey, SecretSource};

use super::arguments::{OPENAI, Protocol, ProviderArgs, ServiceSettings};
use super::base_url::BaseUrl;
use super::error::Provider;
use super::realtime::Form;

/// The LiveKit server of the rooms, whose keys are good for LiveKit Inference where it is at LiveKit Cloud.
#[derive(Debug, Clone)]
pub struct Rooms {
    /// Its keys.
    pub key: LiveKitKey,
    /// Whether it is at LiveKit Cloud.
    pub is_cloud: bool,
}

/// Where a service is.
pub(super) enum Place {
    /// A server with OpenAI's wire format.
    OpenAi(BaseUrl),
    /// A server with OpenAI's Realtime transcription.
    Realtime(Form, BaseUrl),
    /// LiveKit Inference, with the keys of a project.
    Inference(BaseUrl, Arc<LiveKitKey>),
}

impl Place {
    /// # Errors
    /// Nothing says where it is, there are no keys for it, its tokens would cross a network in plain text, or it is spoken to in
    /// a way that it does not have.
    pub(super) fn of(
        provider: Provider,
        service: &ServiceSettings,
        args: &ProviderArgs,
        rooms: &Rooms,
    ) -> anyhow::Result<Self> {
        let protocol = service.protocol.unwrap_or(match &service.base {
            Some(base) if base.is_livekit() => Protocol::Livekit,
            Some(_) => Protocol::Openai,
            None if service.has_key() || args.knows_openai() => Protocol::Openai,
            None => Protocol::Livekit,
        });
        let is_stream = matches!(protocol, Protocol::OpenaiRealtime | Protocol::Speaches);
        if is_stream && provider != Provider::SpeechToText {
            let prefix = provider.prefix();
            bail!("{provider} has no such protocol: set {prefix}_PROTOCOL to openai or livekit");
        }
        let openai = || match &service.base {
            Some(base) => Ok(base.clone()),
            None => OPENAI.parse().context("OpenAI's own address"),
        };
        Ok(match protocol {
            Protocol::Openai => Self::OpenAi(openai()?),
            Protocol::OpenaiRealtime => Self::Realtime(Form::OpenAi, openai()?),
            Protocol::Speaches => {
                let base = service.base.clone();
                Self::Realtime(Form::Speaches, base.context("set STT_BASE_URL to where speaches is")?)
            }
            Protocol::Livekit => {
                let (base, setting) = match &service.base {
                    Some(base) => (base, format!("{}_BASE_URL", provider.prefix())),
                    None => (&args.inference.livekit_inference_url, "LIVEKIT_INFERENCE_URL".to_owned()),
                };
                let key = inference_key(provider, args, rooms)?;
                args.ensure_secret("a token for LiveKit Inference", base, &setting)?;
                Self::Inference(base.clone(), Arc::new(key))
            }
        })
    }

    /// Who runs it.
    pub(super) fn service(&self) -> String {
        match self {
            Self::Inference(..) => "livekit".to_owned(),
            Self::OpenAi(base) | Self::Realtime(_, base) if base.is_openai() => "openai".to_owned(),
            Self::OpenAi(base) | Self::Realtime(_, base) => base.host(),
        }
    }
}

fn inference_key(provider: Provider, args: &ProviderArgs, rooms: &Rooms) -> anyhow::Result<LiveKitKey> {
    let inference = &args.inference;
    let key = inference.livekit_inference_api_key.as_deref().map(SecretString::from);
    let key = SecretSource::of(
        "LIVEKIT_INFERENCE_API_KEY",
        key.as_ref(),
        inference.livekit_inference_api_key_file.as_ref(),
    )?;
    let secret = SecretSource::of(
        "LIVEKIT_INFERENCE_API_SECRET",
        inference.livekit_inference_api_secret.as_ref(),
        inference.livekit_inference_api_secret_file.as_ref(),
    )?;
    match (key, secret) {
        (Some(key), Some(secret)) => Ok(LiveKitKey::new(key, secret)),
        (None, None) if rooms.is_cloud => Ok(rooms.key.clone()),
        (None, None) => {
            let prefix = provider.prefix();
            bail!(
                "nothing says where {provider} is: set OPENAI_API_KEY, or {prefix}_BASE_URL to a server of your own, or \
                 LIVEKIT_INFERENCE_API_KEY and LIVEKIT_INFERENCE_API_SECRET to the keys of a project at LiveKit Cloud"
            )
        }
        _ => bail!("LIVEKIT_INFERENCE_API_KEY and LIVEKIT_INFERENCE_API_SECRET belong together: set both"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::providers::arguments::ALLOW_PLAIN_TEXT;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: ProviderArgs,
    }

    fn value(secret: &str) -> SecretSource {
        SecretSource::Value(secret.into())
    }

    /// Who runs speech to text, and with which key of LiveKit's; or what is wrong.
    async fn of(args: &[&str], is_cloud: bool) -> Result<(String, Option<String>), String> {
        let args = Cli::try_parse_from(["x"].iter().chain(args)).map_err(|error| error.to_string())?.args;
        let rooms = Rooms { key: LiveKitKey::new(value("room-key"), value("secret")), is_cloud };
        let provider = Provider::SpeechToText;
        let place = Place::of(provider, &args.own(provider), &args, &rooms);
        let place = place.map_err(|error| error.to_string())?;
        let key = match &place {
            Place::Inference(_, key) => Some(key.read().await.unwrap().0.expose_secret().to_owned()),
            Place::OpenAi(_) | Place::Realtime(..) => None,
        };
        Ok((place.service(), key))
    }

    #[tokio::test]
    async fn services_are_where_they_are_set_or_where_there_are_keys_for_them() {
        let own = ["--stt-base-url", "http://127.0.0.1:8000"];
        let pair = ["--livekit-inference-api-key", "own-key", "--livekit-inference-api-secret", "secret"];
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "key-in-a-file\n").unwrap();
        let path = file.path().to_str().unwrap();
        let files = ["--livekit-inference-api-key-file", path, "--livekit-inference-api-secret-file", path];
        let openai = ["--openai-api-key", "sk"];
        for (args, is_cloud, service, key) in [
            // The three lines of a project at LiveKit Cloud.
            (vec![], true, "livekit", Some("room-key")),
            // A server of one's own for the rooms, and a project for the services.
            (pair.to_vec(), false, "livekit", Some("own-key")),
            (files.to_vec(), false, "livekit", Some("key-in-a-file")),
            (openai.to_vec(), true, "openai", None),
            (own.to_vec(), true, "127.0.0.1:8000", None),
            ([&openai[..], &own].concat(), true, "127.0.0.1:8000", None),
            (vec!["--stt-protocol", "livekit", "--openai-api-key", "sk"], true, "livekit", Some("room-key")),
            (
                vec!["--stt-base-url", "https://agent-gateway.staging.livekit.cloud/v1"],
                true,
                "livekit",
                Some("room-key"),
            ),
            ([&own[..], &["--stt-protocol", "livekit"], &pair].concat(), false, "livekit", Some("own-key")),
            (vec!["--stt-protocol", "openai-realtime", "--stt-api-key", "sk"], false, "openai", None),
            ([&own[..], &["--stt-protocol", "speaches"]].concat(), false, "127.0.0.1:8000", None),
        ] {
            let expected = Ok((service.to_owned(), key.map(str::to_owned)));
            assert_eq!(of(&args, is_cloud).await, expected, "{args:?}");
        }
    }

    /// With a token goes what the caller says, too.
    #[tokio::test]
    async fn a_token_for_livekit_inference_crosses_no_network_in_plain_text() {
        let gateway = |url| vec!["--livekit-inference-url", url];
        let own = |url| vec!["--stt-protocol", "livekit", "--stt-base-url", url];
        for (args, setting) in [
            (gateway("http://gw.corp/v1"), "LIVEKIT_INFERENCE_URL"),
            (gateway("http://10.0.0.7:8090"), "LIVEKIT_INFERENCE_URL"),
            (own("http://gw.corp"), "STT_BASE_URL"),
            (vec!["--stt-base-url", "http://agent-gateway.livekit.cloud/v1"], "STT_BASE_URL"),
        ] {
            let refused = of(&args, true).await.unwrap_err();
            assert!(refused.contains("in plain text: use https:// in "), "{args:?}: {refused}");
            assert!(refused.contains(setting) && refused.contains(ALLOW_PLAIN_TEXT), "{refused}");
            let allowed = [&args[..], &["--services-allow-plain-text"]].concat();
            assert_eq!(of(&allowed, true).await, Ok(("livekit".to_owned(), Some("room-key".to_owned()))));
        }
        for near in
            ["http://127.0.0.1:8090/v1", "http://localhost:8090", "http://[::1]:8090", "https://gw.corp"]
        {
            assert!(of(&gateway(near), true).await.is_ok() && of(&own(near), true).await.is_ok(), "{near}");
        }
        // Where nothing goes to it, nothing is refused.
        let elsewhere = [&gateway("http://gw.corp/v1")[..], &["--openai-api-key", "sk"]].concat();
        assert_eq!(of(&elsewhere, true).await, Ok(("openai".to_owned(), None)));
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        for (args, told) in [
            (vec![], "STT_BASE_URL"),
            (vec!["--livekit-inference-api-key", "k"], "belong together"),
            (vec!["--stt-protocol", "speaches"], "STT_BASE_URL to where speaches is"),
        ] {
            let error = of(&args, false).await.unwrap_err();
            assert!(error.contains(told), "{args:?}: {error}");
        }
        let args = Cli::parse_from(["x", "--tts-protocol", "openai-realtime"]).args;
        let rooms = Rooms { key: LiveKitKey::new(value("k"), value("s")), is_cloud: true };
        let own = args.own(Provider::TextToSpeech);
        let error = Place::of(Provider::TextToSpeech, &own, &args, &rooms).err().unwrap().to_string();
        assert!(error.contains("TTS_PROTOCOL"), "{error}");
    }
}
