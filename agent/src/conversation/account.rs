//! Writes into a call's journal what services do for it, and what that costs.

use std::sync::Arc;

use schemas::{MetricsSummary, ModelUsage, UsageType};

use super::record::Record;
use crate::budget::kinds::Budgeted;
use crate::providers::error::Provider;
use crate::providers::prices::Prices;
use crate::providers::usage::{Account, ServiceName, Used};

/// One call's account.
pub(super) struct CallAccount {
    pub(super) record: Record,
    pub(super) prices: Option<Arc<Prices>>,
}

impl Account for CallAccount {
    fn may_hear(&self, service: &ServiceName, seconds: f64) -> bool {
        let milliseconds = (seconds * 1_000.0) as u64;
        let allowed = self.record.budget().spend(Budgeted::TranscribedMilliseconds, milliseconds).is_ok();
        if allowed {
            self.record.journal().update(|session| {
                session.metrics_summary.stt_audio_duration += seconds;
                self.enter(&mut session.metrics_summary, service, |usage| usage.audio_duration += seconds);
            });
        }
        allowed
    }

    fn used(&self, service: &ServiceName, used: Used) {
        if used == Used::Request {
            self.record.budget().metrics().service_asked(service.provider);
        }
        self.record.journal().update(|session| {
            self.enter(&mut session.metrics_summary, service, |usage| add(usage, used));
        });
    }
}

impl CallAccount {
    fn enter(&self, metrics: &mut MetricsSummary, service: &ServiceName, add: impl FnOnce(&mut ModelUsage)) {
        let usage = entry(&mut metrics.model_usage, service);
        add(usage);
        if let Some(prices) = &self.prices {
            usage.cost = prices.cost(usage);
            metrics.cost = metrics.model_usage.iter().map(|usage| usage.cost).sum();
            metrics.cost_currency = Some(prices.currency.clone());
        }
    }
}

/// There are no more of them than services that are set.
fn entry<'a>(all: &'a mut Vec<ModelUsage>, service: &ServiceName) -> &'a mut ModelUsage {
    let kind = match service.provider {
        Provider::SpeechToText => UsageType::SttUsage,
        Provider::LanguageModel => UsageType::LlmUsage,
        Provider::TextToSpeech => UsageType::TtsUsage,
    };
    let same = |usage: &ModelUsage| {
        usage.kind == kind && usage.provider == *service.service && usage.model == *service.model
    };
    let index = all.iter().position(same).unwrap_or_else(|| {
        let (provider, model) = (service.service.to_string(), service.model.to_string());
        all.push(ModelUsage { provider, model, ..ModelUsage::of(kind) });
        all.len() - 1
    });
    &mut all[index]
}

fn add(usage: &mut ModelUsage, used: Used) {
    match used {
        Used::Request => usage.requests += 1,
        Used::Failure => usage.failures += 1,
        Used::Characters(characters) => usage.characters_count += characters,
        Used::Spoken(seconds) => usage.audio_duration += seconds,
        Used::Answers | Used::Answered => {}
        Used::Tokens(tokens) => {
            for (total, tokens) in [
                (&mut usage.input_tokens, tokens.prompt_tokens),
                (&mut usage.input_cached_tokens, tokens.prompt_cached_tokens),
                (&mut usage.input_audio_tokens, tokens.prompt_audio_tokens),
                (&mut usage.output_tokens, tokens.completion_tokens),
                (&mut usage.output_audio_tokens, tokens.completion_audio_tokens),
            ] {
                // A server may count whatever it likes.
                *total = total.saturating_add(tokens);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::reply::Usage;

    fn name(service: &str) -> ServiceName {
        ServiceName { provider: Provider::LanguageModel, service: service.into(), model: "m".into() }
    }

    #[test]
    fn a_service_that_takes_over_is_an_entry_of_its_own() {
        let mut all = Vec::new();
        let tokens = Usage { prompt_tokens: 5, completion_tokens: u64::MAX, ..Usage::default() };
        for (service, used) in [
            ("a", Used::Request),
            ("a", Used::Failure),
            ("b", Used::Request),
            ("b", Used::Tokens(tokens)),
            ("b", Used::Tokens(tokens)),
        ] {
            add(entry(&mut all, &name(service)), used);
        }
        let a = ModelUsage {
            provider: "a".to_owned(),
            model: "m".to_owned(),
            requests: 1,
            failures: 1,
            ..ModelUsage::of(UsageType::LlmUsage)
        };
        let b = ModelUsage {
            provider: "b".to_owned(),
            failures: 0,
            input_tokens: 10,
            output_tokens: u64::MAX,
            ..a.clone()
        };
        assert_eq!(all, [a, b]);
    }
}
