//! Health, the worker's state, and metrics over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use prometheus::Registry;
use serde_json::{Value, json};
use service::{HttpLimits, HttpServer, operations_routes, serve_operations};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metrics::{Connections, Metrics};
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
    /// The worker's state at the moment.
    pub status_rx: watch::Receiver<WorkerStatus>,
    /// What the worker counts.
    pub metrics: Metrics,
    /// Why there is no connection to NATS; none while there is one.
    pub nats_trouble_rx: watch::Receiver<Option<String>>,
    /// Where ended sessions wait.
    pub spool: Spool,
    /// What is known of the speech and language services.
    pub services: Health,
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
    pages.metrics.add(service::program_metrics("agent", env!("CARGO_PKG_VERSION"))?)?;
    pages.metrics.add(server.metrics())?;
    let (state, counted) = (pages.clone(), pages.clone());
    let operations = operations_routes(move || std::future::ready(ready(&state)), move || registry(&counted));
    let router = Router::new().route("/", get(registered)).route("/worker", get(worker)).with_state(pages);
    Ok(serve_operations(server, operations.merge(router), stop))
}

/// Whether the worker is registered with LiveKit; calls go on while it is not, so this is no reason to restart it.
async fn registered(State(pages): State<Pages>) -> Result<&'static str, (StatusCode, String)> {
    is_registered(&pages).map_err(|why| (StatusCode::SERVICE_UNAVAILABLE, why))
}

fn is_registered(pages: &Pages) -> Result<&'static str, String> {
    let status = pages.status_rx.borrow();
    if status.worker_id.is_some() {
        return Ok("OK\n");
    }
    let why = status.trouble.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    Err(format!("not connected to LiveKit{why}\n"))
}

/// Whether the worker takes calls, or would when a place is free, and can hold them. It takes them also where a service
/// fails: the caller hears an apology, the service may be back any moment, and a job that all workers refuse is offered
/// again only after a while. What keeps it from no call is told, and is no reason to take its calls away: without NATS, or
/// room in the stream, ended sessions wait on disk. Without that disk no calls are taken.
fn ready(pages: &Pages) -> Result<String, String> {
    let (draining, without_spool) = {
        let status = pages.status_rx.borrow();
        (status.draining, status.without_spool)
    };
    if draining {
        return Err("draining\n".to_owned());
    }
    if without_spool {
        let text = "the spool cannot be written: free disk space; no calls are taken meanwhile\n";
        return Err(text.to_owned());
    }
    let nats = pages.nats_trouble_rx.borrow().clone();
    let refused = pages.spool.why_publish_refused().map(|why| format!("publish refused: {why}"));
    let complaints = pages.services.complaints();
    let waiting = pages.spool.waiting();
    let ready = match (is_registered(pages), complaints) {
        (Ok(ok), None) => Ok(ok),
        (Ok(_), Some(complaints)) => Err(complaints),
        (Err(why), complaints) => Err(format!("{why}{}", complaints.unwrap_or_default())),
    };
    let Some(why) = nats.or(refused) else { return ready.map(str::to_owned) };
    let with_why = |text: &str| format!("{text}{why}; ended sessions wait in the outbox: {waiting}\n");
    match ready {
        Ok(_) => Ok(with_why("degraded\n")),
        Err(text) => Err(with_why(&text)),
    }
}

/// The names of LiveKit's `WorkerInfo`, and more.
async fn worker(State(pages): State<Pages>) -> Json<Value> {
    let status = pages.status_rx.borrow().clone();
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

fn registry(pages: &Pages) -> Registry {
    let nats = pages.nats_trouble_rx.borrow().is_none();
    let now = {
        let status = pages.status_rx.borrow();
        Connections { livekit: status.worker_id.is_some(), nats, load: status.load }
    };
    pages.metrics.show(&now, &pages.services, &pages.spool);
    pages.metrics.registry()
}
