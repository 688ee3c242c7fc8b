//! One service of a list.

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::providers::arguments::{Protocol, ServiceSettings};
use crate::providers::base_url::BaseUrl;
use crate::providers::chat_completions::ExtraBody;
use crate::providers::error::Provider;
use crate::providers::text_to_speech::SoundFormat;

/// What stands in its table. What is left out is as it is without the list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Entry {
    name: Option<String>,
    protocol: Option<Protocol>,
    base_url: Option<BaseUrl>,
    api_key_env: Option<String>,
    api_key_file: Option<PathBuf>,
    model: Option<String>,
    fallback_models: Vec<String>,
    /// Of language models.
    temperature: Option<f64>,
    extra_body: Option<Map<String, Value>>,
    /// Of speech at LiveKit Inference: options of the model's own provider.
    extra: Map<String, Value>,
    /// Of text to speech.
    format: Option<SoundFormat>,
    sample_rate: Option<u32>,
    voice: Option<String>,
}

impl Entry {
    /// # Errors
    /// It says nothing of where it is, or has fields of another kind of service.
    pub(super) fn check(&self, provider: Provider) -> anyhow::Result<()> {
        let is_llm = provider == Provider::LanguageModel;
        let is_tts = provider == Provider::TextToSpeech;
        for (name, given, fits) in [
            ("temperature", self.temperature.is_some(), is_llm),
            ("extra_body", self.extra_body.is_some(), is_llm),
            ("extra", !self.extra.is_empty(), !is_llm),
            ("format", self.format.is_some(), is_tts),
            ("sample_rate", self.sample_rate.is_some(), is_tts),
            ("voice", self.voice.is_some(), is_tts),
            ("fallback_models", !self.fallback_models.is_empty(), !is_llm),
        ] {
            ensure!(!given || fits, "`{name}` is no setting of {provider}: leave it out");
        }
        if let Some(temperature) = self.temperature {
            ensure!((0.0..=2.0).contains(&temperature), "`temperature` is 0 to 2");
        }
        if let Some(rate) = self.sample_rate {
            ensure!((4_000..=192_000).contains(&rate), "`sample_rate` is 4000 to 192000");
        }
        let is_inference = self.protocol.is_none_or(|protocol| protocol == Protocol::Livekit);
        for (name, given) in
            [("extra", !self.extra.is_empty()), ("fallback_models", !self.fallback_models.is_empty())]
        {
            ensure!(!given || is_inference, "`{name}` is for protocol = \"livekit\" alone: leave it out");
        }
        if self.base_url.is_none() && self.protocol.is_none() {
            bail!("nothing says where it is: give `base_url`, or `protocol` for OpenAI's or LiveKit's own");
        }
        if self.api_key_env.is_some() && self.api_key_file.is_some() {
            bail!("`api_key_env` and `api_key_file` are both given: keep one of them");
        }
        self.extra_body().map(drop)
    }

    /// Whole settings of it; `own` has what is left out.
    ///
    /// # Errors
    /// The variable that is to hold its key is not set.
    pub(super) fn settings(&self, own: ServiceSettings) -> anyhow::Result<ServiceSettings> {
        let variable = |name: &String| {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty());
            value.with_context(|| format!("`api_key_env` names {name}, which is not set in the environment"))
        };
        let key = self.api_key_env.as_ref().map(variable).transpose()?;
        Ok(ServiceSettings {
            name: self.name.clone(),
            base: self.base_url.clone(),
            protocol: self.protocol,
            key_name: self.api_key_env.clone().unwrap_or(own.key_name),
            key: key.map(Into::into),
            key_file: self.api_key_file.clone(),
            model: self.model.clone(),
            fallback_models: self.fallback_models.clone(),
            temperature: self.temperature.or(own.temperature),
            extra_body: self.extra_body()?.unwrap_or(own.extra_body),
            extra: self.extra.clone(),
            format: self.format.unwrap_or(own.format),
            sample_rate: self.sample_rate.unwrap_or(own.sample_rate),
            voice: self.voice.clone(),
        })
    }

    fn extra_body(&self) -> anyhow::Result<Option<ExtraBody>> {
        let body = self.extra_body.clone().map(ExtraBody::try_from);
        body.transpose().map_err(|what| anyhow::anyhow!("`extra_body`: {what}"))
    }
}
