//! `/status`: how the last calls came through, for people who ask; off unless a setting says who may see it.
//!
//! - [`configuration`]: its settings; `access`: who may see it.
//! - `reading` asks the `streams` and the `programs`, once for all who look; `overview` makes of it what is shown, and `view` the
//!   page. `/status.json` has the same for programs.
//!
//! Nothing is written down and nothing consumed, so whoever sees this can change nothing. What of a session can be known is said
//! in `overview::progress`.

mod access;
pub mod configuration;
mod failed_tries;
mod overview;
mod programs;
mod reading;
mod streams;
mod view;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, DefaultBodyLimit, Form, RawQuery, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION, REFERRER_POLICY, RETRY_AFTER,
    SET_COOKIE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::Utc;
use serde::Deserialize;
use serde_json::json;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::info;

use crate::configuration::Settings;
use crate::request_origin;
use access::{Access, Refusal};
use reading::Reader;
use view::Why;

const STYLE: &str = include_str!("style.css");
/// Longest body of a request, in bytes: a token in a form.
const LONGEST_BODY: usize = 4 * 1024;
/// A page without script, whose style and forms are its own.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// Query of the page right after signing in, by which it sees whether the browser has kept the cookie.
const SIGNED_IN: &str = "signed-in";

struct Status {
    access: Access,
    reader: Reader,
}

/// The routes of the status page; none where it is off. NATS is connected to in the background.
///
/// # Errors
/// The token, or a setting of NATS, cannot be used.
pub async fn routes(settings: &Settings) -> anyhow::Result<Router> {
    let Some(status) = &settings.status else { return Ok(Router::new()) };
    let base = &settings.base_path;
    let access = Access::new(status, settings.proxies.clone(), base.join("/")).await?;
    let status = Arc::new(Status { access, reader: Reader::connect(status).await? });
    let mut router = Router::new()
        .route(&base.join("/status"), get(page))
        .route(&base.join("/status/"), get(async || see_other("../status")))
        .route(&base.join("/status.json"), get(json))
        .route(&base.join("/status/sign-in"), post(sign_in).get(async || see_other("../status")))
        .route(&base.join("/status/sign-out"), post(sign_out).get(async || see_other("../status")))
        .route(&base.join("/status/style.css"), get(style))
        .layer(middleware::from_fn(refuse_foreign))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(status);
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        // With `no-referrer` browsers would send the form with the origin `null`.
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ] {
        router = router.layer(SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value)));
    }
    Ok(router.layer(middleware::from_fn(unless_it_says_otherwise)))
}

async fn page(
    State(status): State<Arc<Status>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    match status.access.check(peer.ip(), &headers, Utc::now()).await {
        Ok(_) if query == SIGNED_IN => see_other("status"),
        Ok(viewer) => {
            let overview = status.reader.overview().await;
            Html(view::page(&overview, &viewer, query != "pause").into_string()).into_response()
        }
        Err(refusal) => {
            let why = match refusal {
                Refusal::SignIn if query == SIGNED_IN => Why::CookieNotKept,
                _ => Why::Refused(refusal),
            };
            refused(&status, refusal, why, "")
        }
    }
}

async fn json(
    State(status): State<Arc<Status>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    match status.access.check(peer.ip(), &headers, Utc::now()).await {
        Ok(_) => Json(&*status.reader.overview().await).into_response(),
        Err(refusal) => {
            let body = json!({ "code": refusal.code(), "detail": Why::Refused(refusal).sentence() });
            (refusal.status(), refusal.headers(), Json(body)).into_response()
        }
    }
}

#[derive(Deserialize)]
struct GivenToken {
    #[serde(default)]
    token: String,
}

async fn sign_in(
    State(status): State<Arc<Status>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(given): Form<GivenToken>,
) -> Response {
    match status.access.sign_in(peer.ip(), &headers, &given.token, Utc::now()).await {
        Ok(cookie) => {
            info!("somebody signed in to the status page");
            ([(SET_COOKIE, cookie)], see_other("../status?signed-in")).into_response()
        }
        Err(refusal) => refused(&status, refusal, Why::Refused(refusal), "../"),
    }
}

async fn sign_out(State(status): State<Arc<Status>>) -> Response {
    ([(SET_COOKIE, status.access.sign_out())], see_other("../status")).into_response()
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "no-cache")], STYLE).into_response()
}

/// Relative, so that a proxy may show it below another path.
fn see_other(to: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
}

/// `up` leads from where it is shown to the folder of the status page.
fn refused(status: &Status, refusal: Refusal, why: Why, up: &str) -> Response {
    let page = view::sign_in(why, status.access.takes_tokens(), up);
    (refusal.status(), refusal.headers(), Html(page.into_string())).into_response()
}

/// No other page signs anybody in or out, or tries tokens by its visitors' browsers.
async fn refuse_foreign(request: axum::extract::Request, next: Next) -> Response {
    if *request.method() == Method::POST && request_origin::is_foreign(request.headers(), &[]) {
        return (StatusCode::FORBIDDEN, "Another page may not ask this.\n").into_response();
    }
    next.run(request).await
}

/// What is shown is of the moment, and for one viewer.
async fn unless_it_says_otherwise(request: axum::extract::Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Self::SignIn | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::TooManyTries { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::NoToken => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in_required",
            Self::WrongToken => "wrong_token",
            Self::TooManyTries { .. } => "too_many_requests",
            Self::NoToken => "internal",
        }
    }

    fn headers(self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match self {
            Self::SignIn | Self::WrongToken => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"status\""));
            }
            Self::TooManyTries { retry_after } => {
                headers.insert(RETRY_AFTER, retry_after.as_secs().saturating_add(1).into());
            }
            Self::NoToken => {}
        }
        headers
    }
}
