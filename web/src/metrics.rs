//! Counts for Prometheus.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus::core::Collector;
use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

/// One service's counters. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    answers: IntCounterVec,
    limited: IntCounterVec,
    limited_clients: IntGauge,
    proofs: IntCounterVec,
    calls: IntGauge,
    livekit_reachable: IntGauge,
}

impl Metrics {
    /// All at zero.
    ///
    /// # Errors
    /// Two metrics with one name.
    pub fn new() -> prometheus::Result<Self> {
        let answers = Opts::new(
            "postcall_web_connection_details_answers_total",
            "Answers to requests for connection details, by status",
        );
        let limited = Opts::new(
            "postcall_web_connection_details_limited_total",
            "Requests for connection details that were refused with 429, by the limit",
        );
        let limited_clients = Opts::new(
            "postcall_web_connection_details_limited_clients",
            "Networks of clients whose requests are counted at the moment",
        );
        let proofs = Opts::new(
            "postcall_web_proofs_total",
            "Requests that needed a proof against robots, by what became of it",
        );
        let metrics = Self {
            registry: Registry::new(),
            answers: IntCounterVec::new(answers, &["status"])?,
            limited: IntCounterVec::new(limited, &["limit"])?,
            limited_clients: IntGauge::with_opts(limited_clients)?,
            proofs: IntCounterVec::new(proofs, &["outcome"])?,
            calls: IntGauge::new(
                "postcall_web_calls",
                "Rooms of calls that LiveKit had when it was last asked",
            )?,
            livekit_reachable: IntGauge::new(
                "postcall_web_livekit_reachable",
                "Whether LiveKit answered when it was last asked",
            )?,
        };
        // Present from the start, so that a rate over the first one is right.
        for status in ["200", "400", "403", "405", "413", "415", "429", "500", "503"] {
            metrics.answers.with_label_values(&[status]);
        }
        for limit in ["client", "email", "all", "calls"] {
            metrics.limited.with_label_values(&[limit]);
        }
        for outcome in ["taken", "missing", "refused", "unavailable"] {
            metrics.proofs.with_label_values(&[outcome]);
        }
        metrics.add(vec![
            Box::new(metrics.answers.clone()),
            Box::new(metrics.limited.clone()),
            Box::new(metrics.limited_clients.clone()),
            Box::new(metrics.proofs.clone()),
        ])?;
        Ok(metrics)
    }

    /// Shows what LiveKit says, too: where it is not asked, these would tell for ever that it is away, and that there are no
    /// calls.
    ///
    /// # Errors
    /// They are shown already.
    pub(crate) fn with_livekit(&self) -> prometheus::Result<()> {
        self.add(vec![Box::new(self.calls.clone()), Box::new(self.livekit_reachable.clone())])
    }

    /// Shows what a part of the program counts by itself.
    pub(crate) fn add(&self, collectors: Vec<Box<dyn Collector>>) -> prometheus::Result<()> {
        collectors.into_iter().try_for_each(|collector| self.registry.register(collector))
    }

    pub(crate) fn limited(&self, limit: &str) {
        self.limited.with_label_values(&[limit]).inc();
    }

    pub(crate) fn limited_clients(&self, count: usize) {
        self.limited_clients.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn proof(&self, outcome: &str) {
        self.proofs.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn calls(&self, count: usize) {
        self.calls.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn livekit_reachable(&self, reachable: bool) {
        self.livekit_reachable.set(reachable.into());
    }

    /// Where all of it is registered.
    pub(crate) fn registry(&self) -> Registry {
        self.registry.clone()
    }
}

/// Middleware: counts the answer by its status.
pub(crate) async fn count(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    metrics.answers.with_label_values(&[response.status().as_str()]).inc();
    response
}
