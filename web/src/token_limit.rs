//! Refuses requests for tokens that are too many, before anything is done for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::json;
use service::Seldom;
use tokio::time::Instant;
use tracing::warn;

use crate::client_address::Proxies;
use crate::configuration::Settings;
use crate::metrics::Metrics;
use crate::rate_limit::{Limit, RateLimit, TooMany};

/// What the middleware knows.
pub(crate) struct TokenLimit {
    limit: RateLimit,
    proxies: Proxies,
    started: Instant,
    logged: Mutex<Seldom>,
    metrics: Metrics,
}

impl TokenLimit {
    pub(crate) fn new(settings: &Settings, metrics: &Metrics) -> Arc<Self> {
        Arc::new(Self {
            limit: RateLimit::new(settings.tokens_of_an_address, settings.tokens_of_all),
            proxies: settings.proxies.clone(),
            started: Instant::now(),
            logged: Mutex::default(),
            metrics: metrics.clone(),
        })
    }
}

/// Middleware: takes a token of the limit, or answers 429.
pub(crate) async fn check(
    State(tokens): State<Arc<TokenLimit>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let client = tokens.proxies.client_address(peer.ip(), request.headers());
    let proxied = tokens.proxies.is_unknown_proxy(peer.ip(), request.headers());
    let taken = tokens.limit.take(client, tokens.started.elapsed());
    tokens.metrics.limited_clients(tokens.limit.buckets());
    match taken {
        Ok(()) => next.run(request).await,
        Err(too_many) => {
            tokens.metrics.limited(label(too_many.limit));
            if let Some(before) = tokens.logged.lock().now(Instant::now()) {
                let limit = label(too_many.limit);
                if proxied {
                    warn!(
                        limit,
                        not_logged = before,
                        "too many requests for tokens, by way of {peer}: if that is a proxy of yours, name it in WEB_TRUSTED_PROXIES"
                    );
                } else {
                    warn!(limit, not_logged = before, "too many requests for tokens");
                }
            }
            refusal(too_many)
        }
    }
}

fn refusal(TooMany { limit, retry_after }: TooMany) -> Response {
    let seconds = whole_seconds(retry_after);
    let many = match limit {
        Limit::Client => "Too many calls were started from your network in a short time",
        Limit::All => "Too many calls are being started right now",
    };
    let unit = if seconds == 1 { "second" } else { "seconds" };
    let body = json!({
        "error": "too_many_requests",
        "message": format!("{many}. Try again in {seconds} {unit}."),
        "retry_after_seconds": seconds,
    });
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds.to_string())], Json(body)).into_response()
}

/// Rounded up: at that time there is a token.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1_000).max(1) as u64
}

fn label(limit: Limit) -> &'static str {
    match limit {
        Limit::Client => "client",
        Limit::All => "all",
    }
}
