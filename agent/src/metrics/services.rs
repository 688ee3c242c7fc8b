//! What the speech and language services and the tools do for calls, as the metrics show it.

use prometheus::{IntCounterVec, IntGaugeVec, Result};

use super::make::{Make, catch_up, opts};
use crate::providers::error::{ErrorKind, Provider};
use crate::providers::health::{Health, PROVIDERS, Standing};
use crate::tools::CallFault;

/// What becomes of a tool's call beside [`CallFault::label`].
pub(crate) const SUCCESS: &str = "success";
/// No signal had a value that could be recorded.
pub(crate) const NOTHING_RECORDED: &str = "nothing_recorded";
/// The call's budget had none left.
pub(crate) const OVER_BUDGET: &str = "over_budget";

#[derive(Clone)]
pub(super) struct ServiceMetrics {
    up: IntGaugeVec,
    requests: IntCounterVec,
    failures: IntCounterVec,
    tool_calls: IntCounterVec,
}

impl ServiceMetrics {
    pub(super) fn new(make: &Make) -> Result<Self> {
        let services = PROVIDERS.map(|provider| provider.label());
        let failures = opts(
            "service_failures_total",
            "Requests of calls that a speech or language service failed at, after its tries, by why",
        );
        let failures = make.register(IntCounterVec::new(failures, &["service", "reason"])?)?;
        for service in services {
            for reason in ErrorKind::LABELS {
                failures.with_label_values(&[service, reason]);
            }
        }
        Ok(Self {
            up: make.gauges(
                "service_up",
                "1 while the last request to a speech or language service was answered",
                "service",
                services,
            )?,
            requests: make.counters(
                "service_requests_total",
                "Requests of calls to speech and language services",
                "service",
                services,
            )?,
            failures,
            tool_calls: make.counters(
                "tool_calls_total",
                "Calls of tools that the model wanted, by what became of them",
                "outcome",
                CallFault::LABELS.into_iter().chain([SUCCESS, NOTHING_RECORDED, OVER_BUDGET]),
            )?,
        })
    }

    /// Takes over what was counted where it happened.
    pub(super) fn show(&self, health: &Health) {
        for provider in PROVIDERS {
            let (service, up) = (provider.label(), health.standing(provider) == Standing::Works);
            self.up.with_label_values(&[service]).set(up.into());
            for (reason, count) in health.failures(provider) {
                catch_up(&self.failures.with_label_values(&[service, reason]), count);
            }
        }
    }

    pub(super) fn asked(&self, provider: Provider) {
        self.requests.with_label_values(&[provider.label()]).inc();
    }

    pub(super) fn tool_called(&self, outcome: &str) {
        self.tool_calls.with_label_values(&[outcome]).inc();
    }
}
