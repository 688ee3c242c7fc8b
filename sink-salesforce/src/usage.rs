//! How many of the org's API calls of the day are used: by everybody, not by this program alone.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts};
use reqwest::header::HeaderMap;
use tokio::time::Instant;

use crate::call_error::CallError;

/// The header in which every answer says how many calls are used.
const LIMIT_INFO: &str = "Sforce-Limit-Info";
/// What the metrics call a log-in that fails.
const LOG_IN: &str = "log_in";
/// While calls are held back, one batch goes out so often, to see how many are used by then.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// The org's use of its API calls, as the last answer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiUsage {
    /// Calls of the last 24 hours.
    pub used: u64,
    /// The most calls that there may be in 24 hours.
    pub most: u64,
}

/// Follows the answers, and holds calls back when a share of the limit is used.
pub struct Usage {
    percent: u64,
    last: Mutex<Option<(Instant, ApiUsage)>>,
    sent: IntCounter,
    errors: IntCounterVec,
    used: IntGauge,
    most: IntGauge,
}

impl Usage {
    /// Holds calls back from so many percent on.
    ///
    /// # Errors
    /// The metrics have names that Prometheus does not take.
    pub fn new(percent: u8) -> prometheus::Result<Self> {
        let errors =
            Opts::new("postcall_salesforce_errors_total", "Log-ins and calls of the API that failed, by why");
        let errors = IntCounterVec::new(errors, &["kind"])?;
        for kind in [LOG_IN].iter().chain(&CallError::KINDS) {
            errors.with_label_values(&[kind]);
        }
        Ok(Self {
            percent: percent.into(),
            last: Mutex::default(),
            errors,
            sent: IntCounter::new(
                "postcall_salesforce_api_calls_total",
                "Calls of the API that this sink made",
            )?,
            used: IntGauge::new("postcall_salesforce_api_used", "The org's API calls of the last 24 hours")?,
            most: IntGauge::new(
                "postcall_salesforce_api_limit",
                "As many API calls as the org has in 24 hours",
            )?,
        })
    }

    /// The metrics that count calls and show the limit.
    pub fn metrics(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.sent.clone()),
            Box::new(self.errors.clone()),
            Box::new(self.used.clone()),
            Box::new(self.most.clone()),
        ]
    }

    /// Counts a call that is made.
    pub fn count(&self) {
        self.sent.inc();
    }

    /// Counts a call that failed.
    pub(crate) fn count_error(&self, error: &CallError) {
        self.errors.with_label_values(&[error.kind()]).inc();
    }

    /// Counts a log-in that failed.
    pub(crate) fn count_failed_log_in(&self) {
        self.errors.with_label_values(&[LOG_IN]).inc();
    }

    /// How many calls this program made.
    pub fn sent(&self) -> u64 {
        self.sent.get()
    }

    /// Takes what an answer says.
    pub fn follow(&self, headers: &HeaderMap, now: Instant) {
        if let Some(usage) = headers.get(LIMIT_INFO).and_then(|value| read(value.to_str().ok()?)) {
            self.used.set(usage.used.try_into().unwrap_or(i64::MAX));
            self.most.set(usage.most.try_into().unwrap_or(i64::MAX));
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, usage));
        }
    }

    /// As the last answer said; `None` before the first one.
    pub fn last(&self) -> Option<ApiUsage> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).map(|(_, usage)| usage)
    }

    /// Whether calls may be made.
    ///
    /// # Errors
    /// Too many are used.
    pub fn allow(&self, now: Instant) -> Result<(), CallError> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((at, ApiUsage { used, most })) = last else { return Ok(()) };
        let after = (at + LOOK_AGAIN).saturating_duration_since(now);
        if used * 100 < most * self.percent || after.is_zero() {
            return Ok(());
        }
        let percent = self.percent;
        Err(CallError::Unavailable {
            reason: format!(
                "{used} of the org's {most} API calls of the day are used; from {percent} % on (SALESFORCE_API_PERCENT) \
                 the sink waits"
            ),
            after: Some(after),
        })
    }
}

/// `api-usage=18/5000`, among other limits perhaps.
fn read(value: &str) -> Option<ApiUsage> {
    let usage = value.split([',', ';']).find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let usage = usage.split_once('(').map_or(usage, |(usage, _)| usage);
    let (used, most) = usage.split_once('/')?;
    let (used, most) = (used.trim().parse().ok()?, most.trim().parse().ok()?);
    (most > 0).then_some(ApiUsage { used, most })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(value: &str) -> Usage {
        let usage = Usage::new(90).unwrap();
        usage.follow(
            &HeaderMap::from_iter([(LIMIT_INFO.parse().unwrap(), value.parse().unwrap())]),
            Instant::now(),
        );
        usage
    }

    #[test]
    fn the_usage_is_read_from_its_header() {
        assert_eq!(after("api-usage=18/5000").last(), Some(ApiUsage { used: 18, most: 5_000 }));
        let apps = "api-usage=25/5000; per-app-api-usage=17/250(appName=sample-app)";
        assert_eq!(after(apps).last(), Some(ApiUsage { used: 25, most: 5_000 }));
        for value in ["", "api-usage=", "api-usage=1", "api-usage=1/0", "api-usage=x/y"] {
            assert_eq!(after(value).last(), None, "{value}");
        }
    }

    #[test]
    fn calls_are_held_back_from_the_share_on_and_one_looks_again_later() {
        let now = Instant::now();
        assert_eq!(Usage::new(90).unwrap().allow(now), Ok(()));
        assert_eq!(after("api-usage=4499/5000").allow(now), Ok(()));
        let usage = after("api-usage=4500/5000");
        let Err(CallError::Unavailable { reason, after }) = usage.allow(now) else { panic!() };
        assert!(reason.starts_with("4500 of the org's 5000"), "{reason}");
        assert!(after.is_some_and(|after| after <= LOOK_AGAIN + Duration::from_secs(1)));
        assert_eq!(usage.allow(now + LOOK_AGAIN + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn a_kind_of_error_is_shown_before_its_first() {
        let (usage, registry) = (Usage::new(90).unwrap(), prometheus::Registry::new());
        usage.metrics().into_iter().for_each(|metric| registry.register(metric).unwrap());
        usage.count_error(&CallError::Broken { reason: "status 500".to_owned() });
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        for (kind, count) in [("broken", 1), ("log_in", 0), ("unavailable", 0)] {
            let line = format!("postcall_salesforce_errors_total{{kind=\"{kind}\"}} {count}");
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
    }
}
