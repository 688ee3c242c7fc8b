//! What a sink counts.

use chrono::{DateTime, Utc};
use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use crate::consume::health::Part;
use crate::writer::{ATTEMPTS_USED_UP, PERMANENT, RETRIED, UNDECODABLE};

/// Seconds of one call of the writer.
const WRITE_SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Seconds between a session's end and its write; a recovered session may be late by days.
const LAG_SECONDS: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3_600.0, 86_400.0];

/// Messages in one call of the writer.
const BATCH_MESSAGES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 150.0, 200.0];

/// What a sink counts, each with the label `sink`.
pub(crate) struct Metrics {
    registry: Registry,
    /// Messages settled, by outcome: those of the writer, and the runtime's own.
    pub(crate) messages: IntCounterVec,
    /// Messages that became dead letters, whatever the outcome.
    pub(crate) dead_letters: IntCounter,
    /// Messages pulled and not yet settled.
    pub(crate) in_flight: IntGauge,
    /// Writes that may be under way at a time; fewer than configured while the store refuses many.
    pub(crate) concurrency: IntGauge,
    /// Writes repeated because the store was busy or unavailable.
    pub(crate) store_retries: IntCounter,
    /// 1 while pulling is paused because the store is unavailable.
    pub(crate) paused: IntGauge,
    /// Messages that the store has not taken for longer than a minute.
    pub(crate) long_holds: IntGauge,
    /// Messages whose dead letters cannot be stored.
    pub(crate) dead_letters_waiting: IntGauge,
    /// Messages that the consumer has delivered and nobody has settled: in flight somewhere, or waiting for another try.
    pub(crate) unsettled: IntGauge,
    /// Messages that the consumer has not delivered yet.
    pub(crate) undelivered: IntGauge,
    /// Messages that may be unsettled at a time; 0 where there is no limit.
    pub(crate) window: IntGauge,
    /// Seconds of one call of the writer.
    pub(crate) write_seconds: Histogram,
    /// Messages in one call of the writer.
    pub(crate) batch_messages: Histogram,
    lag_seconds: Histogram,
    /// Messages that came again, to this replica.
    pub(crate) redeliveries: IntCounter,
    /// Messages that are not settled and were delivered more than once.
    pub(crate) redelivered: IntGauge,
    /// Seconds that the oldest message has been in the stream that is not settled.
    pub(crate) oldest_unsettled: IntGauge,
    /// Dead letters that the stream has.
    pub(crate) dead_letters_stored: IntGauge,
    /// When a message was written last, in Unix time; 0 before the first.
    pub(crate) last_success: IntGauge,
    ready: IntGauge,
    not_ready: IntGaugeVec,
    nats_connected: IntGauge,
}

impl Metrics {
    pub(crate) fn new(sink: &str) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let opts = |name: &str, help: &str| {
            Opts::new(format!("postcall_sink_{name}"), help).const_label("sink", sink)
        };
        let histogram = |name, help, buckets: &[f64]| {
            Histogram::with_opts(HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec()))
        };
        let gauge = |name, help| IntGauge::with_opts(opts(name, help));
        let metrics = Self {
            messages: IntCounterVec::new(
                opts("messages_total", "Messages settled, by outcome"),
                &["outcome"],
            )?,
            dead_letters: IntCounter::with_opts(opts(
                "dead_letters_total",
                "Messages moved to the dead letters",
            ))?,
            in_flight: gauge("in_flight", "Messages pulled and not yet settled")?,
            concurrency: gauge(
                "concurrency",
                "Writes that may be under way at a time; fewer while the store refuses many",
            )?,
            store_retries: IntCounter::with_opts(opts(
                "store_retries_total",
                "Writes repeated because the store was busy or unavailable",
            ))?,
            paused: gauge("paused", "1 while the store is unavailable and pulling is paused")?,
            long_holds: gauge(
                "long_holds",
                "Messages that the store has not taken for longer than a minute",
            )?,
            dead_letters_waiting: gauge(
                "dead_letters_waiting",
                "Messages whose dead letters cannot be stored",
            )?,
            unsettled: gauge(
                "unsettled",
                "Messages that the consumer has delivered and nobody has settled, those that wait for another try included",
            )?,
            undelivered: gauge("undelivered", "Messages that the consumer has not delivered yet")?,
            window: gauge("window", "Messages that may be unsettled at a time, 0 without a limit")?,
            write_seconds: histogram("write_seconds", "Seconds of one call of the writer", WRITE_SECONDS)?,
            batch_messages: histogram(
                "batch_messages",
                "Messages in one call of the writer",
                BATCH_MESSAGES,
            )?,
            redeliveries: IntCounter::with_opts(opts(
                "redeliveries_total",
                "Messages that came again, because they were not settled in time or are to be tried once more",
            ))?,
            redelivered: gauge(
                "redelivered",
                "Messages that are not settled and that the consumer has delivered more than once",
            )?,
            oldest_unsettled: gauge(
                "oldest_unsettled_seconds",
                "Age in the stream of the oldest message that nobody has settled, 0 without one",
            )?,
            dead_letters_stored: gauge(
                "dead_letters_stored",
                "Dead letters of this sink in their stream, for a person to replay or drop",
            )?,
            last_success: gauge(
                "last_success_timestamp_seconds",
                "When a message was written last, in Unix time; 0 before the first",
            )?,
            ready: gauge("ready", "1 while nothing keeps the sink from its work")?,
            not_ready: IntGaugeVec::new(
                opts("not_ready", "1 while this keeps the sink from its work; /readyz says why"),
                &["part"],
            )?,
            nats_connected: gauge("nats_connected", "1 while connected to NATS")?,
            lag_seconds: histogram("lag_seconds", "Seconds from a session's end to its write", LAG_SECONDS)?,
            registry,
        };
        // Present from the start, so that an alert on an increase sees the first one.
        metrics.init(&[UNDECODABLE, PERMANENT, ATTEMPTS_USED_UP, RETRIED]);
        metrics.registry.register(Box::new(metrics.messages.clone()))?;
        metrics.registry.register(Box::new(metrics.dead_letters.clone()))?;
        for gauge in [
            &metrics.in_flight,
            &metrics.concurrency,
            &metrics.paused,
            &metrics.long_holds,
            &metrics.dead_letters_waiting,
            &metrics.unsettled,
            &metrics.undelivered,
            &metrics.window,
            &metrics.redelivered,
            &metrics.oldest_unsettled,
            &metrics.dead_letters_stored,
            &metrics.last_success,
            &metrics.ready,
            &metrics.nats_connected,
        ] {
            metrics.registry.register(Box::new(gauge.clone()))?;
        }
        metrics.registry.register(Box::new(metrics.store_retries.clone()))?;
        metrics.registry.register(Box::new(metrics.redeliveries.clone()))?;
        metrics.registry.register(Box::new(metrics.not_ready.clone()))?;
        metrics.registry.register(Box::new(metrics.write_seconds.clone()))?;
        metrics.registry.register(Box::new(metrics.batch_messages.clone()))?;
        metrics.registry.register(Box::new(metrics.lag_seconds.clone()))?;
        Ok(metrics)
    }

    /// Shows these outcomes before the first message has one.
    pub(crate) fn init(&self, outcomes: &[&str]) {
        for outcome in outcomes {
            self.messages.with_label_values(&[outcome]);
        }
    }

    /// Shows what the writer counts as well.
    pub(crate) fn add(&self, collectors: Vec<Box<dyn Collector>>) -> prometheus::Result<()> {
        collectors.into_iter().try_for_each(|collector| self.registry.register(collector))
    }

    pub(crate) fn settled(&self, outcome: &str) {
        self.messages.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn lag(&self, end_time: DateTime<Utc>) {
        self.lag_seconds.observe((Utc::now() - end_time).as_seconds_f64().max(0.0));
    }

    /// Where all of it is registered, with what is only known when it is asked for.
    pub(crate) fn registry(&self, nats_connected: bool, not_ready: &[Part]) -> Registry {
        self.nats_connected.set(nats_connected.into());
        self.ready.set(not_ready.is_empty().into());
        for part in Part::ALL {
            self.not_ready.with_label_values(&[&part.metrics_label()]).set(not_ready.contains(&part).into());
        }
        self.registry.clone()
    }
}
