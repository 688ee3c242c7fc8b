//! Health, the worker's state, and metrics over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::metrics::Metrics;
use crate::providers::health::Health;
use crate::spool::Spool;
use crate::worker::WorkerStatus;

/// What the pages show.
#[derive(Clone)]
pub struct Pages {
    /// Name under which calls are dispatched to this worker.
    pub agent_name: Arc<str>,
    /// Most calls at a time.
    pub capacity: u32,
    /// The worker's state.
    pub status: watch::Receiver<WorkerStatus>,
    /// What the worker counts.
    pub metrics: Metrics,
    /// Where ended sessions wait.
    pub spool: Spool,
    /// What is known of the speech and language services.
    pub services: Health,
}

/// Listens at once, and serves `/`, `/healthz`, `/readyz`, `/worker` and `/metrics` until `stop` is cancelled.
///
/// # Errors
/// The address is in use or not ours.
pub async fn listen(
    address: SocketAddr,
    pages: Pages,
    stop: CancellationToken,
) -> anyhow::Result<impl Future<Output = std::io::Result<()>>> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listen for HTTP on {address} (AGENT_HTTP)"))?;
    info!(address = %listener.local_addr().context("read the HTTP address")?, "serving health and metrics");
    let router = Router::new()
        .route("/", get(registered))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/worker", get(worker))
        .route("/metrics", get(scrape))
        .with_state(pages);
    Ok(axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).into_future())
}

/// Whether the worker is registered with LiveKit; calls go on while it is not, so this is no reason to restart it.
async fn registered(State(pages): State<Pages>) -> (StatusCode, &'static str) {
    if pages.status.borrow().worker_id.is_some() {
        (StatusCode::OK, "OK\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not connected to LiveKit\n")
    }
}

/// Whether the worker takes calls, or would when a place is free, and can hold them. It takes them also where a service
/// fails: the caller hears an apology, the service may be back any moment, and a job that all workers refuse is never
/// offered again.
async fn ready(State(pages): State<Pages>) -> (StatusCode, String) {
    if pages.status.borrow().draining {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    let (status, text) = registered(State(pages.clone())).await;
    match pages.services.complaints() {
        Some(complaints) if status.is_success() => (StatusCode::SERVICE_UNAVAILABLE, complaints),
        Some(complaints) => (status, format!("{text}{complaints}")),
        None => (status, text.to_owned()),
    }
}

/// The names of LiveKit's `WorkerInfo`, and more.
async fn worker(State(pages): State<Pages>) -> Json<Value> {
    let status = pages.status.borrow().clone();
    Json(json!({
        "agent_name": *pages.agent_name,
        "worker_type": "JT_ROOM",
        "worker_id": status.worker_id,
        "connected": status.worker_id.is_some(),
        "active_jobs": status.active_jobs,
        "capacity": pages.capacity,
        "worker_load": status.load,
        "draining": status.draining,
        "outbox_waiting": pages.spool.waiting(),
        "version": env!("CARGO_PKG_VERSION"),
        "sdk_version": livekit::SDK_VERSION,
    }))
}

async fn scrape(State(pages): State<Pages>) -> Response {
    let (connected, load) = {
        let status = pages.status.borrow();
        (status.worker_id.is_some(), status.load)
    };
    pages.metrics.services(&pages.services);
    match pages.metrics.text(connected, load, pages.spool.waiting()) {
        Ok(text) => ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
