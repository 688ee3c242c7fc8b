//! Refuses requests for tokens that are too many.
//!
//! A client's limit and that of all together are looked at before anything is read of a request, those of an e-mail address and
//! of calls at a time when all else is right.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use schemas::Email;
use service::Seldom;
use tokio::time::Instant;
use tracing::warn;

use crate::calls::Calls;
use crate::client_address::Proxies;
use crate::configuration::Settings;
use crate::email_limit::EmailLimit;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::rate_limit::{RateLimit, TooMany};

/// All limits of tokens.
pub(crate) struct TokenLimit {
    clients: RateLimit,
    emails: EmailLimit,
    pub(crate) calls: Calls,
    proxies: Proxies,
    started: Instant,
    logged: Mutex<Seldom>,
    metrics: Metrics,
}

impl TokenLimit {
    pub(crate) fn new(settings: &Settings, metrics: &Metrics) -> Self {
        Self {
            clients: RateLimit::new(settings.tokens_of_an_address, settings.tokens_of_all),
            emails: EmailLimit::new(settings.tokens_of_an_email),
            calls: Calls::new(settings.calls),
            proxies: settings.proxies.clone(),
            started: Instant::now(),
            logged: Mutex::default(),
            metrics: metrics.clone(),
        }
    }

    /// Whether there could be a call more.
    pub(crate) fn check_calls(&self) -> Result<(), Problem> {
        self.calls.check(self.now()).map_err(|too_many| self.refused(too_many, None))
    }

    /// Takes one of the calls that there may be with this address, and of those that there may be at a time.
    pub(crate) fn take(&self, email: Option<&Email>, room: &str) -> Result<(), Problem> {
        let of_email = email.map_or(Ok(()), |email| self.emails.take(email, self.now()));
        let taken = of_email.and_then(|()| self.calls.begin(room, self.now()));
        taken.map_err(|too_many| self.refused(too_many, None))
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Counts it, and seldom logs it. `proxy` is one that speaks for others and is not trusted.
    fn refused(&self, too_many: TooMany, proxy: Option<SocketAddr>) -> Problem {
        let limit = too_many.limit.code();
        self.metrics.limited(limit);
        if let Some(before) = self.logged.lock().now(Instant::now()) {
            match proxy {
                Some(proxy) => warn!(
                    limit,
                    not_logged = before,
                    "too many requests for tokens, by way of {proxy}: if that is a proxy of yours, name it in WEB_TRUSTED_PROXIES"
                ),
                None => warn!(limit, not_logged = before, "too many requests for tokens"),
            }
        }
        too_many.into()
    }
}

/// Middleware: takes a token of the client's limit and of that of all, or answers 429.
pub(crate) async fn check(
    State(limit): State<Arc<TokenLimit>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let client = limit.proxies.client_address(peer.ip(), request.headers());
    let taken = limit.clients.take(client, limit.now());
    limit.metrics.limited_clients(limit.clients.buckets());
    match taken {
        Ok(()) => next.run(request).await,
        Err(too_many) => {
            let unknown = limit.proxies.is_unknown_proxy(peer.ip(), request.headers());
            limit.refused(too_many, unknown.then_some(peer)).into_response()
        }
    }
}
