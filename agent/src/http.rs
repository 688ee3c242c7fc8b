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
    /// Why there is no connection to NATS; none while there is one.
    pub nats: watch::Receiver<Option<String>>,
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
async fn registered(State(pages): State<Pages>) -> (StatusCode, String) {
    let status = pages.status.borrow();
    if status.worker_id.is_some() {
        return (StatusCode::OK, "OK\n".to_owned());
    }
    let why = status.trouble.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    (StatusCode::SERVICE_UNAVAILABLE, format!("not connected to LiveKit{why}\n"))
}

/// Whether the worker takes calls, or would when a place is free, and can hold them. It takes them also where a service
/// fails: the caller hears an apology, the service may be back any moment, and a job that all workers refuse is never
/// offered again. What keeps it from no call is told, and is no reason to take its calls away: without NATS, ended sessions
/// wait on disk.
async fn ready(State(pages): State<Pages>) -> (StatusCode, String) {
    if pages.status.borrow().draining {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    let nats = pages.nats.borrow().clone();
    let complaints = pages.services.complaints();
    let waiting = pages.spool.waiting();
    let (mut status, mut text) = registered(State(pages)).await;
    if let Some(complaints) = complaints {
        text = if status.is_success() { complaints } else { format!("{text}{complaints}") };
        status = StatusCode::SERVICE_UNAVAILABLE;
    }
    if let Some(why) = nats {
        let text = if status.is_success() { "degraded\n" } else { &text };
        return (status, format!("{text}{why}; ended sessions wait in the outbox: {waiting}\n"));
    }
    (status, text)
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
    let nats_connected = pages.nats.borrow().is_none();
    pages.metrics.services(&pages.services);
    match pages.metrics.text(connected, nats_connected, load, pages.spool.waiting()) {
        Ok(text) => ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
