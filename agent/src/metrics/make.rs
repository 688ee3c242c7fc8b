//! Makes metrics and registers them, each value of a label from the start: an alert on an increase sees the first one.

use std::fmt::Debug;

use prometheus::core::Collector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, Result,
};

/// Where metrics of the agent are registered.
pub(super) struct Make(pub(super) Registry);

impl Make {
    pub(super) fn counter(&self, name: &str, help: &str) -> Result<IntCounter> {
        self.register(IntCounter::with_opts(opts(name, help))?)
    }

    pub(super) fn counters(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = impl AsRef<str> + Debug>,
    ) -> Result<IntCounterVec> {
        let counters = self.register(IntCounterVec::new(opts(name, help), &[label])?)?;
        values.into_iter().for_each(|value| drop(counters.with_label_values(&[value])));
        Ok(counters)
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> Result<IntGauge> {
        self.register(IntGauge::with_opts(opts(name, help))?)
    }

    pub(super) fn share(&self, name: &str, help: &str) -> Result<Gauge> {
        self.register(Gauge::with_opts(opts(name, help))?)
    }

    pub(super) fn gauges(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = impl AsRef<str> + Debug>,
    ) -> Result<IntGaugeVec> {
        let gauges = self.register(IntGaugeVec::new(opts(name, help), &[label])?)?;
        values.into_iter().for_each(|value| drop(gauges.with_label_values(&[value])));
        Ok(gauges)
    }

    pub(super) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram> {
        let opts = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
        self.register(Histogram::with_opts(opts)?)
    }

    pub(super) fn register<M: Collector + Clone + 'static>(&self, metric: M) -> Result<M> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

pub(super) fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("postcall_agent_{name}"), help)
}

/// Brings a counter to what was counted elsewhere.
pub(super) fn catch_up(counter: &IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}
