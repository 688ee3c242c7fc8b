//! Routes, headers, and the server itself.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method};
use axum::middleware;
use axum::response::Redirect;
use axum::routing::{get, post};
use service::{HttpLimits, HttpServer, LiveKitKey, operations_routes};
use tokio_util::sync::CancellationToken;
use tower_http::cors::CorsLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::configuration::Settings;
use crate::connection_details::{self, LONGEST_BODY};
use crate::content_security;
use crate::metrics::{self, Metrics};
use crate::page;
use crate::token_limit::{self, TokenLimit};

/// Serves until `shutdown`, then lets the answers under way end.
///
/// # Errors
/// An address is taken, or a setting cannot be a header.
pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let metrics = Metrics::new().context("register metrics")?;
    let limits = settings.http_limits.clone();
    let for_visitors = HttpServer::bind("web", "WEB_HTTP", settings.http, limits).await?;
    let (address, limits) = (settings.operations_http, HttpLimits::operations());
    let for_operations = HttpServer::bind("web-operations", "WEB_OPERATIONS_HTTP", address, limits).await?;
    metrics.add(for_visitors.metrics())?;
    metrics.add(for_operations.metrics())?;

    // Whoever runs it sees the visitors' last answers out.
    let visitors_gone = CancellationToken::new();
    let operations = operations(&settings, metrics.clone(), shutdown.clone());
    let operations = tokio::spawn(for_operations.serve(operations, visitors_gone.clone()));
    for_visitors.serve(visitors(settings, &metrics)?, shutdown).await;
    visitors_gone.cancel();
    operations.await.context("serve health and metrics")
}

/// For whoever runs the service. `/readyz` answers 503 from `shutdown` on, and while LiveKit's key cannot be read.
pub fn operations(settings: &Settings, metrics: Metrics, shutdown: CancellationToken) -> Router {
    let key = settings.livekit_key.clone();
    let ready = move || {
        let (key, shutdown) = (key.clone(), shutdown.clone());
        async move { ready(&key, &shutdown).await }
    };
    operations_routes(ready, move || metrics.registry())
}

/// For visitors: the page, and tokens for calls.
///
/// # Errors
/// A setting cannot be a header.
pub fn visitors(settings: Settings, metrics: &Metrics) -> anyhow::Result<Router> {
    let headers = [
        (CONTENT_SECURITY_POLICY, content_security::policy(&settings.server_url)),
        (
            HeaderName::from_static("permissions-policy"),
            "microphone=(self), camera=(), geolocation=()".into(),
        ),
        (REFERRER_POLICY, "no-referrer".into()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".into()),
    ];
    let base = settings.base_path.clone();
    let index = base.join("/");
    let mut pages =
        Router::new().route(&index, get(page::index)).route(&base.join("/{*path}"), get(page::asset));
    if !base.is_root() {
        // The page names all that it needs relative to itself.
        pages = pages.route(&base.join(""), get(async move || Redirect::permanent(&index)));
    }
    let mut router = Router::new()
        .merge(connection_details(settings, metrics))
        .route("/healthz", get(async || "ok\n"))
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
            .allow_headers([CONTENT_TYPE, HeaderName::from_static("x-sandbox-id")])
            .expose_headers([RETRY_AFTER]);
    }
    let limit = middleware::from_fn_with_state(TokenLimit::new(&settings, metrics), token_limit::check);
    Router::new()
        .route(
            &settings.base_path.join("/api/connection-details"),
            post(connection_details::answer).route_layer(limit),
        )
        .with_state(Arc::new(settings))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(SetResponseHeaderLayer::overriding(CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .layer(middleware::from_fn_with_state(metrics.clone(), metrics::count))
        .layer(cors)
}

async fn ready(key: &LiveKitKey, shutdown: &CancellationToken) -> Result<String, String> {
    if shutdown.is_cancelled() {
        return Err("shutting down\n".to_owned());
    }
    match key.read().await {
        Ok(_) => Ok("ready\n".to_owned()),
        Err(error) => Err(format!("{error:#}\n")),
    }
}
