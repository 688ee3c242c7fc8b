//! What every program shows to whoever runs it: that it lives, whether it is ready, and what it counts.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use prometheus::{Registry, TextEncoder};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::http_server::HttpServer;
use crate::service_manager;

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Longest text of `/readyz` that the service manager is told of.
const MAX_READY_BYTES: usize = 64 * 1024;

/// Serves `routes`, which are [`operations_routes`] and what a program adds to them, until `stop`. Meanwhile the service manager
/// that has started the program is told that it is there, that it lives, and what `/readyz` says.
pub async fn serve_operations(server: HttpServer, routes: Router, stop: CancellationToken) {
    let status = || what_readyz_says(routes.clone());
    tokio::select! {
        () = server.serve(routes.clone(), stop) => {}
        () = service_manager::keep_told(status) => {}
    }
}

async fn what_readyz_says(routes: Router) -> String {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = Uri::from_static("/readyz");
    let Ok(answer) = routes.oneshot(request).await;
    let text = to_bytes(answer.into_body(), MAX_READY_BYTES).await.unwrap_or_default();
    String::from_utf8_lossy(&text).into_owned()
}

/// `/healthz`, `/readyz` and `/metrics`. `ready` answers with the text of `/readyz`, `Err` where the program is not ready;
/// `registry` is asked for at each scrape, so that what is only read then can be set before.
pub fn operations_routes<F>(
    ready: impl Fn() -> F + Clone + Send + Sync + 'static,
    registry: impl Fn() -> Registry + Clone + Send + Sync + 'static,
) -> Router
where
    F: Future<Output = Result<String, String>> + Send + 'static,
{
    let ready = move || {
        let ready = ready();
        async move { ready.await.map_err(|reasons| (StatusCode::SERVICE_UNAVAILABLE, reasons)) }
    };
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(async move || scrape(&registry())))
}

fn scrape(registry: &Registry) -> Response {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => ([("content-type", TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
