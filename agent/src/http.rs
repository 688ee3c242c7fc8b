//! Health, the worker's state, and metrics over HTTP.

use std::borrow::Cow;
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

use crate::metrics::{Gauges, Metrics};
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

/// Whether the worker takes calls, or would when a place is free, and what it exports arrives.
async fn ready(State(pages): State<Pages>) -> (StatusCode, Cow<'static, str>) {
    let (draining, without_spool) = {
        let status = pages.status.borrow();
        (status.draining, status.without_spool)
    };
    let hindrance = match (draining, without_spool, pages.spool.why_publish_refused()) {
        (true, ..) => Cow::from("draining\n"),
        (_, true, _) => Cow::from("the spool cannot be written: free disk space\n"),
        (.., Some(why)) => Cow::from(format!("publish refused: {why}\n")),
        (false, false, None) => {
            let (status, text) = registered(State(pages)).await;
            return (status, text.into());
        }
    };
    (StatusCode::SERVICE_UNAVAILABLE, hindrance)
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
        "without_spool": status.without_spool,
        "outbox_waiting": pages.spool.waiting(),
        "outbox_in_memory": pages.spool.waiting_in_memory(),
        "version": env!("CARGO_PKG_VERSION"),
        "sdk_version": livekit::SDK_VERSION,
    }))
}

async fn scrape(State(pages): State<Pages>) -> Response {
    let (connected, load) = {
        let status = pages.status.borrow();
        (status.worker_id.is_some(), status.load)
    };
    let gauges = Gauges {
        connected,
        load,
        outbox_waiting: pages.spool.waiting(),
        outbox_in_memory: pages.spool.waiting_in_memory(),
        spool_failing: pages.spool.disk_fails().borrow().is_some(),
        publish_refused: pages.spool.why_publish_refused().is_some(),
    };
    match pages.metrics.text(&gauges) {
        Ok(text) => ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
