//! What the agent counts, in Prometheus's terms.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use schemas::EndReason;

use crate::budget::kinds::{Budgeted, Cut};
use crate::providers::health::{Health, PROVIDERS, Standing};

/// Seconds from an assignment to the agent in its room with its audio track.
const JOIN_SECONDS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The agent's metrics. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    offers: IntCounterVec,
    sessions_active: IntGauge,
    sessions: IntCounterVec,
    join_seconds: Histogram,
    outbox_waiting: IntGauge,
    published_kept: IntGauge,
    published_not_kept: IntCounter,
    outbox_in_memory: IntGauge,
    spool_failing: IntGauge,
    publish_refused: IntGauge,
    connected: IntGauge,
    nats_connected: IntGauge,
    load: Gauge,
    budget_used: IntCounterVec,
    budget_spent: IntCounterVec,
    cuts: [IntCounter; Cut::ALL.len()],
    not_shown: IntCounterVec,
    service_up: IntGaugeVec,
    rooms_redispatched: IntCounter,
    rooms_without_agent: IntGauge,
}

impl Metrics {
    /// All at zero.
    ///
    /// # Errors
    /// Two metrics with one name.
    pub fn new() -> prometheus::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(format!("postcall_agent_{name}"), help);
        let join = HistogramOpts::from(opts(
            "join_seconds",
            "Seconds from a job's assignment to its published audio track",
        ));
        let cut = IntCounterVec::new(
            opts("cut_total", "What calls wanted and did not get because of a limit, by what it is"),
            &["what"],
        )?;
        let metrics = Self {
            cuts: Cut::ALL.map(|what| cut.with_label_values(&[what.name()])),
            budget_used: IntCounterVec::new(
                opts("budget_used_total", "What calls have used, by the budget"),
                &["budget"],
            )?,
            budget_spent: IntCounterVec::new(
                opts("budget_spent_total", "Calls that ended because a budget was used up, by the budget"),
                &["budget"],
            )?,
            registry: Registry::new(),
            offers: IntCounterVec::new(
                opts("offers_total", "Jobs offered by LiveKit, by the answer"),
                &["answer"],
            )?,
            sessions_active: IntGauge::with_opts(opts(
                "sessions_active",
                "Sessions that have begun and not ended",
            ))?,
            sessions: IntCounterVec::new(
                opts("sessions_total", "Sessions ended, by the reason"),
                &["end_reason"],
            )?,
            join_seconds: Histogram::with_opts(join.buckets(JOIN_SECONDS.to_vec()))?,
            outbox_waiting: IntGauge::with_opts(opts(
                "outbox_waiting",
                "Ended sessions that are not yet published",
            ))?,
            published_kept: IntGauge::with_opts(opts(
                "published_kept",
                "Published sessions that are kept until NATS has surely synced them",
            ))?,
            published_not_kept: IntCounter::with_opts(opts(
                "published_not_kept_total",
                "Published sessions that were not kept as long as that, for want of room",
            ))?,
            outbox_in_memory: IntGauge::with_opts(opts(
                "outbox_in_memory",
                "Ended sessions that are in memory only, because the disk refuses them",
            ))?,
            spool_failing: IntGauge::with_opts(opts(
                "spool_failing",
                "1 while the disk of the spool refuses writes",
            ))?,
            publish_refused: IntGauge::with_opts(opts(
                "publish_refused",
                "1 while JetStream answers and takes no session, as a full stream does",
            ))?,
            connected: IntGauge::with_opts(opts("connected", "1 while registered with LiveKit"))?,
            nats_connected: IntGauge::with_opts(opts("nats_connected", "1 while connected to NATS"))?,
            load: Gauge::with_opts(opts("load", "Share of the places that is held, 0 to 1"))?,
            not_shown: IntCounterVec::new(
                opts(
                    "not_shown_total",
                    "States and words that front ends are not known to have been shown in time",
                ),
                &["what"],
            )?,
            service_up: IntGaugeVec::new(
                opts("service_up", "1 while the last request to a speech or language service was answered"),
                &["service"],
            )?,
            rooms_redispatched: IntCounter::with_opts(opts(
                "rooms_redispatched_total",
                "Rooms to which this worker has had an agent dispatched again, because their participant had none",
            ))?,
            rooms_without_agent: IntGauge::with_opts(opts(
                "rooms_without_agent",
                "Rooms of this agent's name whose participant has no agent at the moment",
            ))?,
        };
        metrics.registry.register(Box::new(metrics.offers.clone()))?;
        metrics.registry.register(Box::new(metrics.sessions_active.clone()))?;
        metrics.registry.register(Box::new(metrics.sessions.clone()))?;
        metrics.registry.register(Box::new(metrics.join_seconds.clone()))?;
        metrics.registry.register(Box::new(metrics.outbox_waiting.clone()))?;
        metrics.registry.register(Box::new(metrics.published_kept.clone()))?;
        metrics.registry.register(Box::new(metrics.published_not_kept.clone()))?;
        metrics.registry.register(Box::new(metrics.outbox_in_memory.clone()))?;
        metrics.registry.register(Box::new(metrics.spool_failing.clone()))?;
        metrics.registry.register(Box::new(metrics.publish_refused.clone()))?;
        metrics.registry.register(Box::new(metrics.connected.clone()))?;
        metrics.registry.register(Box::new(metrics.nats_connected.clone()))?;
        metrics.registry.register(Box::new(metrics.load.clone()))?;
        metrics.registry.register(Box::new(metrics.budget_used.clone()))?;
        metrics.registry.register(Box::new(metrics.budget_spent.clone()))?;
        metrics.registry.register(Box::new(cut))?;
        for budgeted in Budgeted::ALL {
            metrics.budget_used.with_label_values(&[budgeted.name()]);
            metrics.budget_spent.with_label_values(&[budgeted.name()]);
        }
        metrics.registry.register(Box::new(metrics.not_shown.clone()))?;
        metrics.registry.register(Box::new(metrics.service_up.clone()))?;
        metrics.registry.register(Box::new(metrics.rooms_redispatched.clone()))?;
        metrics.registry.register(Box::new(metrics.rooms_without_agent.clone()))?;
        Ok(metrics)
    }

    /// Shows what a part of the program counts by itself.
    pub(crate) fn add(&self, collectors: Vec<Box<dyn Collector>>) -> prometheus::Result<()> {
        collectors.into_iter().try_for_each(|collector| self.registry.register(collector))
    }

    pub(crate) fn offered(&self, answer: &str) {
        self.offers.with_label_values(&[answer]).inc();
    }

    pub(crate) fn session_began(&self) {
        self.sessions_active.inc();
    }

    pub(crate) fn session_ended(&self, reason: EndReason) {
        self.sessions_active.dec();
        self.sessions.with_label_values(&[&end_reason_word(reason)]).inc();
    }

    pub(crate) fn budget_used(&self, budget: &str, amount: u64) {
        self.budget_used.with_label_values(&[budget]).inc_by(amount);
    }

    pub(crate) fn budget_spent(&self, budget: &str) {
        self.budget_spent.with_label_values(&[budget]).inc();
    }

    pub(crate) fn cut(&self, what: Cut) {
        self.cuts[what as usize].inc();
    }

    pub(crate) fn not_shown(&self, what: &str) {
        self.not_shown.with_label_values(&[what]).inc();
    }

    pub(crate) fn services(&self, health: &Health) {
        for provider in PROVIDERS {
            let up = health.standing(provider) == Standing::Works;
            self.service_up.with_label_values(&[provider.label()]).set(up.into());
        }
    }

    pub(crate) fn room_redispatched(&self) {
        self.rooms_redispatched.inc();
    }

    pub(crate) fn rooms_without_agent(&self, count: usize) {
        self.rooms_without_agent.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn joined(&self, took: Duration) {
        self.join_seconds.observe(took.as_secs_f64());
    }

    /// Where all of it is registered, with the gauges that are read when asked for.
    pub(crate) fn registry(&self, now: &Gauges) -> Registry {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.connected.set(now.connected.into());
        self.nats_connected.set(now.nats_connected.into());
        self.load.set(now.load.into());
        self.outbox_waiting.set(count(now.outbox_waiting));
        self.published_kept.set(count(now.published_kept));
        self.published_not_kept.inc_by(now.published_not_kept.saturating_sub(self.published_not_kept.get()));
        self.outbox_in_memory.set(count(now.outbox_in_memory));
        self.spool_failing.set(now.spool_failing.into());
        self.publish_refused.set(now.publish_refused.into());
        self.registry.clone()
    }
}

/// What is read when the metrics are asked for.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) connected: bool,
    pub(crate) nats_connected: bool,
    pub(crate) load: f32,
    pub(crate) outbox_waiting: usize,
    pub(crate) published_kept: usize,
    pub(crate) published_not_kept: u64,
    pub(crate) outbox_in_memory: usize,
    pub(crate) spool_failing: bool,
    pub(crate) publish_refused: bool,
}

/// The reason as it stands in a payload.
pub(crate) fn end_reason_word(reason: EndReason) -> String {
    let value = serde_json::to_value(reason).unwrap_or_default();
    value.as_str().unwrap_or("unknown").to_owned()
}
