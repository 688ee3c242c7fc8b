//! What every program shows to whoever runs it: that it lives, whether it is ready, and what it counts.

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use prometheus::{Registry, TextEncoder};

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

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
