//! Health, the worker's state, and metrics over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use service::{HttpLimits, HttpServer};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
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
}

/// Listens at once, and serves `/`, `/healthz`, `/readyz`, `/worker` and `/metrics` until a few seconds after `stop` at most.
///
/// # Errors
/// The address is in use or not ours.
pub async fn listen(
    address: SocketAddr,
    pages: Pages,
    stop: CancellationToken,
) -> anyhow::Result<impl Future<Output = ()>> {
    let server = HttpServer::bind("agent", "AGENT_HTTP", address, HttpLimits::operations()).await?;
    pages.metrics.add(server.metrics())?;
    let router = Router::new()
        .route("/", get(registered))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/worker", get(worker))
        .route("/metrics", get(scrape))
        .with_state(pages);
    Ok(server.serve(router, stop))
}

/// Whether the worker is registered with LiveKit; calls go on while it is not, so this is no reason to restart it.
async fn registered(State(pages): State<Pages>) -> (StatusCode, &'static str) {
    if pages.status.borrow().worker_id.is_some() {
        (StatusCode::OK, "OK\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not connected to LiveKit\n")
    }
}

/// Whether the worker takes calls, or would when a place is free.
async fn ready(State(pages): State<Pages>) -> (StatusCode, &'static str) {
    if pages.status.borrow().draining {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        registered(State(pages)).await
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
    match pages.metrics.text(connected, load, pages.spool.waiting()) {
        Ok(text) => ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
