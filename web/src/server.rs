//! Routes, headers, and the server itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::{info, warn};

use crate::configuration::Settings;
use crate::connection_details::{self, LONGEST_BODY};
use crate::metrics::{self, Metrics};
use crate::page;

/// For how long an answer under way may hold up the end.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// Serves until `shutdown`, then lets the answers under way end.
///
/// # Errors
/// The address is taken, or the server fails.
pub async fn run(address: SocketAddr, settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let router = router(settings, shutdown.clone())?;
    let listener = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
    info!(address = %listener.local_addr()?, "web is listening");
    let server = axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let too_long = async {
        shutdown.cancelled().await;
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        served = server => served.context("serve"),
        () = too_long => {
            warn!("connections were still open");
            Ok(())
        }
    }
}

/// The whole service. `/readyz` answers 503 from `shutdown` on.
///
/// # Errors
/// A setting cannot be a header.
pub fn router(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<Router> {
    let metrics = Metrics::new()?;
    let headers = [
        (CONTENT_SECURITY_POLICY, content_security_policy(&settings)),
        (
            HeaderName::from_static("permissions-policy"),
            "microphone=(self), camera=(), geolocation=()".into(),
        ),
        (REFERRER_POLICY, "no-referrer".into()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".into()),
    ];
    let pages = Router::new()
        .route("/", get(page::index))
        .route("/{*path}", get(page::asset))
        .layer(CompressionLayer::new());
    let mut router = Router::new()
        .merge(connection_details(settings, &metrics))
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready).with_state(shutdown))
        .route("/metrics", get(show_metrics).with_state(metrics))
        .merge(pages);
    for (name, value) in headers {
        let value = HeaderValue::try_from(value).with_context(|| format!("make the header {name}"))?;
        router = router.layer(SetResponseHeaderLayer::overriding(name, value));
    }
    Ok(router)
}

fn connection_details(settings: Settings, metrics: &Metrics) -> Router {
    let mut cors = CorsLayer::new();
    if !settings.allowed_origins.is_empty() {
        cors = cors
            .allow_origin(settings.allowed_origins.clone())
            .allow_methods([Method::POST])
            .allow_headers([CONTENT_TYPE, HeaderName::from_static("x-sandbox-id")]);
    }
    Router::new()
        .route("/api/connection-details", post(connection_details::answer))
        .with_state(Arc::new(settings))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(SetResponseHeaderLayer::overriding(CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .layer(middleware::from_fn_with_state(metrics.clone(), metrics::count))
        .layer(cors)
}

/// Everything is the page's own, but for the calls to LiveKit.
fn content_security_policy(settings: &Settings) -> String {
    let livekit = settings.server_url.content_security_sources();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; \
         worker-src 'self' blob:; connect-src 'self' {livekit}; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    )
}

async fn ready(State(shutdown): State<CancellationToken>) -> Response {
    if shutdown.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "shutting down").into_response()
    } else {
        "ready".into_response()
    }
}

async fn show_metrics(State(metrics): State<Metrics>) -> Response {
    match metrics.encode() {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
