//! Counts for Prometheus.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus::{IntCounterVec, Opts, Registry, TextEncoder};

/// One service's counters.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    registry: Registry,
    answers: IntCounterVec,
}

impl Metrics {
    pub(crate) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let answers = Opts::new(
            "web_connection_details_answers_total",
            "Answers to requests for connection details, by status",
        );
        let answers = IntCounterVec::new(answers, &["status"])?;
        // Present from the start, so that a rate over the first answer is right.
        answers.with_label_values(&["200"]);
        registry.register(Box::new(answers.clone()))?;
        Ok(Self { registry, answers })
    }

    /// Text exposition format.
    pub(crate) fn encode(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// Middleware: counts the answer by its status.
pub(crate) async fn count(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    metrics.answers.with_label_values(&[response.status().as_str()]).inc();
    response
}
