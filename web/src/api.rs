//! What the page asks: a token, its configuration and logo, a challenge. Refusals are problems, and nothing may be stored.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, ORIGIN, RETRY_AFTER,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use tower_http::cors::CorsLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::info;

use crate::app::App;
use crate::connection_details::{self, LONGEST_BODY};
use crate::problem::{Kind, Problem};
use crate::proof;
use crate::{metrics, request_origin, token_limit};

/// The logo may be a drawing with styles, and is no page.
const LOGO_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
/// It may change with the next start.
const LOGO_AGE: &str = "public, max-age=300";

pub(crate) fn routes(app: &Arc<App>) -> Router {
    let base = &app.settings.base_path;
    // Of the layers the last one comes first. A request by another method meets none of them.
    let token = || {
        post(connection_details::answer)
            .route_layer(middleware::from_fn_with_state(Arc::clone(&app.limit), token_limit::check))
            .route_layer(middleware::from_fn_with_state(Arc::clone(app), refuse_foreign))
            .fallback(method_not_allowed)
    };
    let tokens = Router::new()
        .route(&base.join("/api/connection-details"), token())
        .route(&base.join("/api/token"), token())
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn_with_state(app.metrics.clone(), metrics::count));
    let asked = |route: axum::routing::MethodRouter<Arc<App>>| route.fallback(method_not_allowed);
    Router::new()
        .merge(tokens)
        .route(&base.join("/api/page-configuration"), asked(get(page_configuration)))
        .route(&base.join("/api/logo"), asked(get(logo)))
        .route(&base.join("/api/proof"), asked(get(challenge)))
        .route(&base.join("/api/{*path}"), any(not_found))
        .with_state(Arc::clone(app))
        .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .layer(cors(&app.settings.allowed_origins))
}

fn cors(allowed: &[HeaderValue]) -> CorsLayer {
    if allowed.is_empty() {
        return CorsLayer::new();
    }
    let headers =
        [CONTENT_TYPE, HeaderName::from_static("x-sandbox-id"), HeaderName::from_static(proof::HEADER)];
    CorsLayer::new()
        .allow_origin(allowed.to_vec())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(headers)
        .expose_headers([RETRY_AFTER])
}

async fn refuse_foreign(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if !request_origin::is_foreign(request.headers(), &app.settings.allowed_origins) {
        return next.run(request).await;
    }
    let origin = request.headers().get(ORIGIN);
    info!(?origin, "a page of another origin asks; where it is one of yours, name it in ALLOW_ORIGIN");
    Problem::new(Kind::ForeignOrigin, "This page may not start calls here.").into_response()
}

async fn page_configuration(State(app): State<Arc<App>>) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, json)], app.page_configuration.clone()).into_response()
}

async fn logo(State(app): State<Arc<App>>) -> Response {
    let Some(logo) = &app.settings.page.logo else {
        return Problem::new(Kind::NotFound, "There is no logo.").into_response();
    };
    let headers = [
        (CONTENT_TYPE, logo.content_type),
        (CACHE_CONTROL, LOGO_AGE),
        (CONTENT_SECURITY_POLICY, LOGO_POLICY),
    ];
    (headers, logo.bytes.clone()).into_response()
}

async fn challenge(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    app.proof.challenge(app.limit.client(peer, &headers)).await.map(IntoResponse::into_response)
}

async fn not_found() -> Problem {
    Problem::new(Kind::NotFound, "There is nothing at this address.")
}

async fn method_not_allowed() -> Problem {
    Problem::new(Kind::MethodNotAllowed, "This address is asked in another way: see the header Allow.")
}
