//! The file with lists of services and of prices: TOML, read once at the start.

mod entry;

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use super::arguments::ServiceSettings;
use super::error::Provider;
use super::prices::{Price, Prices};
use entry::Entry;

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct ServicesFile {
    speech_to_text: Vec<Entry>,
    language_model: Vec<Entry>,
    text_to_speech: Vec<Entry>,
    prices: Option<Prices>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    stt: Vec<Entry>,
    #[serde(default)]
    llm: Vec<Entry>,
    #[serde(default)]
    tts: Vec<Entry>,
    currency: Option<String>,
    #[serde(default)]
    price: Vec<Price>,
}

impl ServicesFile {
    /// # Errors
    /// It cannot be read, or is not of this form.
    pub(super) async fn read(path: &Path) -> anyhow::Result<Self> {
        let at = || format!("SERVICES_FILE {}", path.display());
        let text = tokio::fs::read_to_string(path).await.with_context(at)?;
        Self::parse(&text).with_context(at)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let document: Document = toml::from_str(text).map_err(|error| {
            // Its own text shows the line, which may hold a key.
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            anyhow::anyhow!("line {}: {}", before.matches('\n').count() + 1, error.message())
        })?;
        let lists = [
            (Provider::SpeechToText, &document.stt),
            (Provider::LanguageModel, &document.llm),
            (Provider::TextToSpeech, &document.tts),
        ];
        for (provider, entries) in lists {
            for (index, entry) in entries.iter().enumerate() {
                entry.check(provider).with_context(|| format!("[[{}]] {}", table(provider), index + 1))?;
            }
        }
        let prices = match (document.currency, document.price) {
            (None, prices) if prices.is_empty() => None,
            (Some(currency), prices) if !prices.is_empty() => Some(Prices::new(currency, prices)?),
            _ => bail!("`currency` and the [[price]] list belong together: give both, or neither"),
        };
        let Document { stt, llm, tts, .. } = document;
        Ok(Self { speech_to_text: stt, language_model: llm, text_to_speech: tts, prices })
    }

    /// The services of a kind, the first one first: those of the list, or the one of the arguments.
    ///
    /// # Errors
    /// It is set in both places.
    pub(super) fn services(
        &self,
        provider: Provider,
        own: ServiceSettings,
    ) -> anyhow::Result<Vec<ServiceSettings>> {
        let entries = match provider {
            Provider::SpeechToText => &self.speech_to_text,
            Provider::LanguageModel => &self.language_model,
            Provider::TextToSpeech => &self.text_to_speech,
        };
        if entries.is_empty() {
            return Ok(vec![own]);
        }
        let (prefix, table) = (provider.prefix(), table(provider));
        ensure!(
            !own.is_set() && own.model.is_none() && own.fallback_models.is_empty(),
            "{provider} is set twice: by {prefix}_… and by the [[{table}]] list of SERVICES_FILE; keep one of them"
        );
        entries.iter().map(|entry| entry.settings(own.clone())).collect()
    }

    pub(super) fn prices(&self) -> Option<&Prices> {
        self.prices.as_ref()
    }
}

/// What its tables are called.
fn table(provider: Provider) -> String {
    provider.prefix().to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
