use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tracing::{error, info};

use crate::metrics::Metrics;

/// What can keep a sink from its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The connection, the stream, or the durable consumer.
    Queue,
    /// Messages that cannot be received.
    Messages,
    /// As many messages wait for another try as the consumer may have.
    Window,
    /// The store refused a write.
    Store,
    /// The store did not answer a probe as it should.
    Probe,
    /// A dead letter could not be stored.
    DeadLetters,
}

/// Ready, or the reasons why not.
#[derive(Debug)]
pub(crate) struct Readiness(Mutex<BTreeMap<Part, String>>);

impl Readiness {
    /// Not ready until the queue and the store were reached.
    pub(crate) fn starting() -> Self {
        let starting = [Part::Queue, Part::Probe].map(|part| (part, "starting".to_owned()));
        Self(Mutex::new(BTreeMap::from(starting)))
    }

    /// Sets or clears the reason of one part; says whether that changed anything.
    pub(crate) fn set(&self, part: Part, state: Result<(), String>) -> bool {
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state {
            Ok(()) => reasons.remove(&part).is_some(),
            Err(reason) => reasons.insert(part, reason.clone()) != Some(reason),
        }
    }

    /// One line for each reason; none when ready.
    pub(crate) fn reasons(&self) -> Option<String> {
        let reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> =
            reasons.iter().map(|(part, reason)| format!("{}: {reason}\n", part.label())).collect();
        (!lines.is_empty()).then(|| lines.concat())
    }
}

impl Part {
    fn label(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Messages => "messages",
            Self::Window => "window",
            Self::Store => "store",
            Self::Probe => "store probe",
            Self::DeadLetters => "dead letters",
        }
    }
}

/// Binds the address, then serves `/healthz`, `/readyz` and `/metrics` until the task is aborted.
pub(crate) async fn listen(
    address: SocketAddr,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
) -> anyhow::Result<JoinHandle<()>> {
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("listen for HTTP on {address}"))?;
    info!(address = %listener.local_addr().context("read the HTTP address")?, "serving health and metrics");
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(async move || ready(&readiness)))
        .route("/metrics", get(async move || scrape(&metrics)));
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            error!(%error, "HTTP server ended");
        }
    }))
}

fn ready(readiness: &Readiness) -> Response {
    match readiness.reasons() {
        None => "ready\n".into_response(),
        Some(reasons) => (StatusCode::SERVICE_UNAVAILABLE, reasons).into_response(),
    }
}

fn scrape(metrics: &Metrics) -> Response {
    match metrics.text() {
        Ok(text) => ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
