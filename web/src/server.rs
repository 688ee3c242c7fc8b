//! Routes, headers, and the server itself.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use service::{HttpLimits, HttpServer, operations_routes, serve_operations};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::configuration::Settings;
use crate::metrics::Metrics;
use crate::{api, page, security_headers, status};

/// Serves until `shutdown`, then lets the answers under way end.
///
/// # Errors
/// An address is taken, or a setting cannot be a header.
pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let metrics = Metrics::new().context("register metrics")?;
    let status = status::routes(&settings).await?;
    let limits = settings.http_limits.clone();
    let for_visitors = HttpServer::bind("web", "WEB_HTTP", settings.http, limits).await?;
    let (address, limits) = (settings.operations_http, HttpLimits::operations());
    let for_operations = HttpServer::bind("web-operations", "WEB_OPERATIONS_HTTP", address, limits).await?;
    let program = service::program_metrics(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    metrics.add(program.context("register metrics")?)?;
    metrics.add(for_visitors.metrics())?;
    metrics.add(for_operations.metrics())?;
    metrics.add(service::traces::collectors())?;

    let app = App::new(settings, &metrics)?;
    let visitors = visitors(&app)?;
    let watching = tokio::spawn({
        let (app, shutdown) = (Arc::clone(&app), shutdown.clone());
        async move { app.watch_livekit(shutdown).await }
    });
    // Whoever runs it sees the visitors' last answers out.
    let visitors_gone = CancellationToken::new();
    let operations = operations(&app, shutdown.clone());
    let operations = tokio::spawn(serve_operations(for_operations, operations, visitors_gone.clone()));
    for_visitors.serve(visitors.merge(status), shutdown).await;
    visitors_gone.cancel();
    watching.await.context("watch LiveKit")?;
    operations.await.context("serve health and metrics")
}

/// For whoever runs the service. `/readyz` answers 503 from `shutdown` on, and while LiveKit's key cannot be read.
///
/// While LiveKit cannot be reached it says so and answers 200: the page works and tells its visitors, which is more than a
/// balancer without a server would.
pub fn operations(app: &Arc<App>, shutdown: CancellationToken) -> Router {
    let metrics = app.metrics.clone();
    let app = Arc::clone(app);
    let ready = move || {
        let (app, shutdown) = (Arc::clone(&app), shutdown.clone());
        async move { ready(&app, &shutdown).await }
    };
    operations_routes(ready, move || metrics.registry())
}

/// For visitors: the page, and tokens for calls.
///
/// # Errors
/// A setting cannot be a header.
pub fn visitors(app: &Arc<App>) -> anyhow::Result<Router> {
    let base = app.settings.base_path.clone();
    let index = base.join("/");
    let mut pages =
        Router::new().route(&index, get(page::index)).route(&base.join("/{*path}"), get(page::asset));
    if !base.is_root() {
        // The page names all that it needs relative to itself.
        pages = pages.route(&base.join(""), get(async move || Redirect::permanent(&index)));
    }
    let router = Router::new().merge(api::routes(app)).route("/healthz", get(async || "ok\n")).merge(pages);
    security_headers::add(router, &app.settings)
}

async fn ready(app: &App, shutdown: &CancellationToken) -> Result<String, String> {
    if shutdown.is_cancelled() {
        return Err("shutting down\n".to_owned());
    }
    if let Err(error) = app.settings.livekit_key.read().await {
        return Err(format!("{error:#}\n"));
    }
    Ok(match app.livekit.fault() {
        None => "ready\n".to_owned(),
        Some(fault) => format!("degraded: {fault}\n"),
    })
}
