//! What services cost, as their operator lists it. No IO.

use anyhow::ensure;
use schemas::ModelUsage;
use serde::Deserialize;

/// A list of prices.
#[derive(Debug, Clone)]
pub struct Prices {
    /// ISO 4217, such as `USD`.
    pub currency: String,
    prices: Vec<Price>,
}

/// What one model costs. What is left out costs nothing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Price {
    /// Its model, as it is set; of every service, or of this one.
    model: String,
    service: Option<String>,
    /// For a million tokens.
    #[serde(default)]
    million_input_tokens: f64,
    /// Of those that were cached; without it they cost as much as the others.
    million_cached_input_tokens: Option<f64>,
    #[serde(default)]
    million_output_tokens: f64,
    /// For a million characters that are spoken.
    #[serde(default)]
    million_characters: f64,
    /// For a minute of sound that is transcribed, or made.
    #[serde(default)]
    minute: f64,
}

const MILLION: f64 = 1_000_000.0;

impl Prices {
    pub(super) fn new(currency: String, prices: Vec<Price>) -> anyhow::Result<Self> {
        let is_code = currency.len() == 3 && currency.chars().all(|letter| letter.is_ascii_uppercase());
        ensure!(is_code, "`currency` is a code of three letters, such as \"USD\"");
        for price in &prices {
            let amounts = [
                price.million_input_tokens,
                price.million_cached_input_tokens.unwrap_or_default(),
                price.million_output_tokens,
                price.million_characters,
                price.minute,
            ];
            let fit = amounts.iter().all(|amount| amount.is_finite() && *amount >= 0.0);
            ensure!(fit, "[[price]] of {}: a number below zero is no price", price.model);
        }
        Ok(Self { currency, prices })
    }

    /// What was used of one model; none where it has no price.
    pub(crate) fn cost(&self, usage: &ModelUsage) -> Option<f64> {
        let price = self.price(&usage.provider, &usage.model)?;
        let cached = usage.input_cached_tokens.min(usage.input_tokens);
        let cached_price = price.million_cached_input_tokens.unwrap_or(price.million_input_tokens);
        let millions = (usage.input_tokens - cached) as f64 * price.million_input_tokens
            + cached as f64 * cached_price
            + usage.output_tokens as f64 * price.million_output_tokens
            + usage.characters_count as f64 * price.million_characters;
        Some(millions / MILLION + usage.audio_duration / 60.0 * price.minute)
    }

    /// The price of this service's model, before that of whoever runs the model.
    fn price(&self, service: &str, model: &str) -> Option<&Price> {
        let fits = |price: &&Price| price.model == model;
        let own = |price: &&Price| price.service.as_deref() == Some(service);
        let prices = || self.prices.iter().filter(fits);
        prices().find(own).or_else(|| prices().find(|price| price.service.is_none()))
    }

    /// Whether a model of a service has a price.
    pub(super) fn has(&self, service: &str, model: &str) -> bool {
        self.price(service, model).is_some()
    }
}

#[cfg(test)]
mod tests {
    use schemas::UsageType;

    use super::*;

    fn prices() -> Prices {
        let price = |text: &str| toml::from_str::<Price>(text).unwrap();
        let prices = [
            "model = \"think\"\nmillion_input_tokens = 1.0\nmillion_cached_input_tokens = 0.5\nmillion_output_tokens = 4.0",
            "model = \"think\"\nservice = \"ours\"",
            "model = \"hear\"\nminute = 0.006",
            "model = \"speak\"\nmillion_characters = 15.0",
        ];
        Prices::new("USD".to_owned(), prices.map(price).into()).unwrap()
    }

    fn usage(provider: &str, model: &str) -> ModelUsage {
        ModelUsage {
            provider: provider.to_owned(),
            model: model.to_owned(),
            input_tokens: 1_000_000,
            input_cached_tokens: 400_000,
            output_tokens: 250_000,
            characters_count: 2_000,
            audio_duration: 90.0,
            ..ModelUsage::of(UsageType::LlmUsage)
        }
    }

    #[test]
    fn each_unit_has_its_price() {
        for (provider, model, cost) in [
            ("openai", "think", Some(0.6 + 0.2 + 1.0)),
            ("ours", "think", Some(0.0)),
            ("openai", "hear", Some(0.009)),
            ("openai", "speak", Some(0.03)),
            ("openai", "other", None),
        ] {
            let computed = prices().cost(&usage(provider, model));
            let same = match (computed, cost) {
                (Some(computed), Some(cost)) => (computed - cost).abs() < 1e-9,
                (computed, cost) => computed == cost,
            };
            assert!(same, "{provider} {model}: {computed:?}");
        }
    }
}
