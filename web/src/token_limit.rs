//! Refuses requests for tokens that are too many.
//!
//! A client's limit is looked at before anything is read of a request, and each request counts. The others count tokens that are
//! given: requests that get none, for whatever reason, take nothing from anybody else.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
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
use crate::rate_limit::{Bucket, RateLimit, TooMany};

/// All limits of tokens.
pub(crate) struct TokenLimit {
    clients: RateLimit,
    given: Mutex<Given>,
    pub(crate) calls: Calls,
    proxies: Proxies,
    started: Instant,
    logged: Mutex<Seldom>,
    metrics: Metrics,
}

/// What is counted of the tokens that were given.
struct Given {
    emails: EmailLimit,
    all: Bucket,
}

/// Whose request it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client(pub(crate) IpAddr);

impl TokenLimit {
    pub(crate) fn new(settings: &Settings, metrics: &Metrics) -> Self {
        Self {
            clients: RateLimit::new(settings.tokens_of_an_address),
            given: Mutex::new(Given {
                emails: EmailLimit::new(settings.tokens_of_an_email),
                all: Bucket::new(settings.tokens_of_all),
            }),
            calls: Calls::new(settings.calls),
            proxies: settings.proxies.clone(),
            started: Instant::now(),
            logged: Mutex::default(),
            metrics: metrics.clone(),
        }
    }

    /// Whose request it is, as far as proxies that are trusted say.
    pub(crate) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> Client {
        Client(self.proxies.client_address(peer.ip(), headers))
    }

    /// Whether there could be a token for this client. Nothing is taken.
    pub(crate) fn check(&self, Client(client): Client, email: Option<&Email>) -> Result<(), Problem> {
        let now = self.now();
        let of_calls = self.calls.check(client, now);
        let checked = of_calls.and_then(|()| self.given.lock().check(client, email, now));
        checked.map_err(|too_many| self.refused(too_many, None))
    }

    /// Takes what a token for this room takes of all limits, or nothing of any.
    pub(crate) fn take(
        &self,
        Client(client): Client,
        email: Option<&Email>,
        room: &str,
    ) -> Result<(), Problem> {
        let now = self.now();
        let take = || -> Result<(), TooMany> {
            // Held until all is taken: what was there when it was checked is there still.
            let mut given = self.given.lock();
            self.calls.begin(room, client, now)?;
            given.check(client, email, now).inspect_err(|_| self.calls.take_back(room))?;
            given.take(client, email, now);
            Ok(())
        };
        take().map_err(|too_many| self.refused(too_many, None))
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

impl Given {
    fn check(&self, client: IpAddr, email: Option<&Email>, now: Duration) -> Result<(), TooMany> {
        self.all.check(now)?;
        email.map_or(Ok(()), |email| self.emails.check(email, client, now))
    }

    fn take(&mut self, client: IpAddr, email: Option<&Email>, now: Duration) {
        self.all.take(now);
        if let Some(email) = email {
            self.emails.take(email, client, now);
        }
    }
}

/// Middleware: takes a token of the client's limit, or answers 429. The request then knows its [`Client`].
pub(crate) async fn check(
    State(limit): State<Arc<TokenLimit>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = limit.client(peer, request.headers());
    request.extensions_mut().insert(client);
    let taken = limit.clients.take(client.0, limit.now());
    limit.metrics.limited_clients(limit.clients.buckets());
    match taken {
        Ok(()) => next.run(request).await,
        Err(too_many) => {
            let unknown = limit.proxies.is_unknown_proxy(peer.ip(), request.headers());
            limit.refused(too_many, unknown.then_some(peer)).into_response()
        }
    }
}
