//! What the agent counts, in Prometheus's terms.
//!
//! What happens in a call is counted where it happens. What the spool and the services count themselves is taken over when
//! somebody asks for the metrics.

mod make;
mod services;
mod spool;
mod turns;

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{Gauge, Histogram, IntCounter, IntCounterVec, IntGauge, Registry};
use schemas::EndReason;

use crate::budget::kinds::{Budgeted, Cut};
use crate::conversation::{CAPTIONS, Waits};
use crate::providers::error::Provider;
use crate::providers::health::Health;
use crate::session::JoinError;
use crate::spool::Spool;
use crate::worker::OFFER_ANSWERS;
use make::Make;
use services::ServiceMetrics;
pub(crate) use services::{NOTHING_RECORDED, OVER_BUDGET, SUCCESS};
use spool::SpoolMetrics;
use turns::TurnMetrics;

/// Seconds from an assignment to the agent in its room with its audio track; two are promised.
const JOIN_SECONDS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// How sessions of this process end. Those of one that has died are counted as recovered.
const END_REASONS: [EndReason; 12] = [
    EndReason::ParticipantLeft,
    EndReason::ParticipantRemoved,
    EndReason::ConnectionLost,
    EndReason::ParticipantAbsent,
    EndReason::RoomClosed,
    EndReason::JobTerminated,
    EndReason::AgentShutdown,
    EndReason::AgentEnded,
    EndReason::ProviderFailed,
    EndReason::TimeLimit,
    EndReason::BudgetSpent,
    EndReason::AgentFailed,
];

/// The agent's metrics. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    offers: IntCounterVec,
    sessions_active: IntGauge,
    sessions: IntCounterVec,
    join_seconds: Histogram,
    joins_failed: IntCounterVec,
    livekit_connected: IntGauge,
    nats_connected: IntGauge,
    load: Gauge,
    budget_used: IntCounterVec,
    budget_spent: IntCounterVec,
    cuts: [IntCounter; Cut::ALL.len()],
    not_shown: IntCounterVec,
    rooms_redispatched: IntCounter,
    rooms_without_agent: IntGauge,
    services: ServiceMetrics,
    spool: SpoolMetrics,
    turns: TurnMetrics,
}

impl Metrics {
    /// All at zero.
    ///
    /// # Errors
    /// Two metrics with one name.
    pub fn new() -> prometheus::Result<Self> {
        let make = Make(Registry::new());
        let budgets = Budgeted::ALL.map(Budgeted::name);
        let cut = make.counters(
            "cut_total",
            "What calls wanted and did not get because of a limit, by what it is",
            "what",
            Cut::ALL.map(Cut::name),
        )?;
        Ok(Self {
            offers: make.counters(
                "offers_total",
                "Jobs offered by LiveKit, by the answer",
                "answer",
                OFFER_ANSWERS,
            )?,
            sessions_active: make.gauge("sessions_active", "Sessions that have begun and not ended")?,
            sessions: make.counters(
                "sessions_total",
                "Sessions ended, by the reason",
                "end_reason",
                END_REASONS.map(end_reason_word),
            )?,
            join_seconds: make.histogram(
                "join_seconds",
                "Seconds from a job's assignment to its published audio track",
                JOIN_SECONDS,
            )?,
            joins_failed: make.counters(
                "joins_failed_total",
                "Jobs whose room was not joined, by why",
                "reason",
                JoinError::REASONS,
            )?,
            livekit_connected: make.gauge("livekit_connected", "1 while registered with LiveKit")?,
            nats_connected: make.gauge("nats_connected", "1 while connected to NATS")?,
            load: make.share("load_ratio", "Share of the places that is held, 0 to 1")?,
            budget_used: make.counters(
                "budget_used_total",
                "What calls have used, by the budget, each in the unit of its name",
                "budget",
                budgets,
            )?,
            budget_spent: make.counters(
                "budget_spent_total",
                "Calls that ended because a budget was used up, by the budget",
                "budget",
                budgets,
            )?,
            cuts: Cut::ALL.map(|what| cut.with_label_values(&[what.name()])),
            not_shown: make.counters(
                "not_shown_total",
                "States and words that front ends are not known to have been shown in time",
                "what",
                CAPTIONS,
            )?,
            rooms_redispatched: make.counter(
                "rooms_redispatched_total",
                "Rooms to which this worker has had an agent dispatched again, because their participant had none",
            )?,
            rooms_without_agent: make.gauge(
                "rooms_without_agent",
                "Rooms of this agent's name whose participant has no agent at the moment",
            )?,
            services: ServiceMetrics::new(&make)?,
            spool: SpoolMetrics::new(&make)?,
            turns: TurnMetrics::new(&make)?,
            registry: make.0,
        })
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

    pub(crate) fn room_redispatched(&self) {
        self.rooms_redispatched.inc();
    }

    pub(crate) fn rooms_without_agent(&self, count: usize) {
        self.rooms_without_agent.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn joined(&self, took: Duration) {
        self.join_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn join_failed(&self, error: &JoinError) {
        self.joins_failed.with_label_values(&[error.reason()]).inc();
    }

    pub(crate) fn waited(&self, waits: &Waits) {
        self.turns.waited(waits);
    }

    pub(crate) fn service_asked(&self, provider: Provider) {
        self.services.asked(provider);
    }

    /// A tool that the model wanted, with what became of its call.
    pub(crate) fn tool_called(&self, outcome: &str) {
        self.services.tool_called(outcome);
    }

    /// Where all of it is registered.
    pub(crate) fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// Shows what is only known when it is asked for.
    pub(crate) fn show(&self, now: &Connections, services: &Health, spool: &Spool) {
        self.livekit_connected.set(now.livekit.into());
        self.nats_connected.set(now.nats.into());
        self.load.set(now.load.into());
        self.services.show(services);
        self.spool.show(spool);
    }
}

/// The worker's connections at the moment.
#[derive(Debug)]
pub(crate) struct Connections {
    pub(crate) livekit: bool,
    pub(crate) nats: bool,
    pub(crate) load: f32,
}

/// The reason as it stands in a payload.
pub(crate) fn end_reason_word(reason: EndReason) -> String {
    let value = serde_json::to_value(reason).unwrap_or_default();
    value.as_str().unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests;
