//! What every data call passes before and after it is served.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{OriginalUri, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use futures::{StreamExt, stream};

use super::api_error::ApiError;
use super::faults::Fault;
use super::{NEWEST_VERSION, OLDEST_VERSION, Org, Salesforce};

/// Longest URI, and longest URI with headers, bytes.
const LONGEST_HEAD: usize = 16_384;

/// Each answer says how much of the day's calls is used.
pub(crate) async fn pass(State(salesforce): State<Salesforce>, request: Request, next: Next) -> Response {
    let delay = delay(&mut salesforce.org());
    tokio::time::sleep(delay).await;
    let writes = request.method() != Method::GET;
    let admitted = admit(&mut salesforce.org(), &request);
    let served = admitted.is_ok();
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    if served && writes && salesforce.write_down().is_err() {
        response = ApiError::unavailable().into_response();
    }
    let damage = damage(&mut salesforce.org(), served, writes, &response);
    response = match damage {
        None => response,
        Some(Damage::Lost) => ApiError::unavailable().into_response(),
        Some(Damage::Bare(error)) => error.into_bare_response(),
        Some(Damage::Cut) => cut(response).await,
    };
    let org = salesforce.org();
    let usage = format!("api-usage={}/{}", org.calls_used, org.settings.daily_api_calls);
    if let Ok(usage) = HeaderValue::from_str(&usage) {
        response.headers_mut().insert("Sforce-Limit-Info", usage);
    }
    response
}

fn delay(org: &mut Org) -> Duration {
    let slowness = if org.strikes(Fault::SlowAnswers) { org.faults.slowness() } else { Duration::ZERO };
    org.faults.delay() + slowness
}

/// Whether a call is served. Only one that could be counts as used.
fn admit(org: &mut Org, request: &Request) -> Result<(), ApiError> {
    org.counters.api_calls += 1;
    check_size(request)?;
    if org.strikes(Fault::Unavailable) {
        return Err(ApiError::unavailable());
    }
    check_session(org, request)?;
    if !org.settings.api_enabled {
        let message = "The REST API is not enabled for this Organization.";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "API_DISABLED_FOR_ORG", message));
    }
    let used_up = org.calls_used >= org.settings.daily_api_calls || org.faults.request_limit_exceeded();
    if used_up || org.strikes(Fault::ExhaustedLimits) {
        let message = "TotalRequests Limit exceeded.";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "REQUEST_LIMIT_EXCEEDED", message));
    }
    org.calls_used += 1;
    check_version(request.extensions().get::<OriginalUri>().map_or("", |uri| uri.path()))
}

fn check_size(request: &Request) -> Result<(), ApiError> {
    let original = request.extensions().get::<OriginalUri>();
    let uri = original.map_or(0, |uri| uri.path_and_query().map_or(0, |path| path.as_str().len()));
    let headers: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if uri > LONGEST_HEAD {
        return Err(ApiError::new(StatusCode::URI_TOO_LONG, "URI_TOO_LONG", "The URI is too long"));
    }
    if uri + headers > LONGEST_HEAD {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Err(ApiError::new(status, "HEADERS_TOO_LARGE", "The URI and the headers are too long"));
    }
    Ok(())
}

fn check_session(org: &mut Org, request: &Request) -> Result<(), ApiError> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if org.strikes(Fault::ExpiredTokens) {
        org.sessions.end(token);
    }
    let lifetime = Duration::from_secs(org.settings.token_lifetime_seconds);
    if org.sessions.is_open(token, lifetime, Utc::now()) {
        return Ok(());
    }
    let message = "Session expired or invalid";
    Err(ApiError::new(StatusCode::UNAUTHORIZED, "INVALID_SESSION_ID", message))
}

fn check_version(path: &str) -> Result<(), ApiError> {
    let version = path.split('/').nth(3).and_then(|segment| segment.strip_prefix('v')?.strip_suffix(".0"));
    match version.and_then(|version| version.parse::<u32>().ok()) {
        Some(OLDEST_VERSION..=NEWEST_VERSION) => Ok(()),
        Some(..OLDEST_VERSION) => {
            let message = "The requested API version has been retired.";
            Err(ApiError::new(StatusCode::GONE, "UNSUPPORTED_API_VERSION", message))
        }
        _ => Err(ApiError::not_found()),
    }
}

/// What becomes of an answer that was ready.
enum Damage {
    Lost,
    Bare(ApiError),
    Cut,
}

fn damage(org: &mut Org, served: bool, writes: bool, response: &Response) -> Option<Damage> {
    if served && writes && org.strikes(Fault::LostAnswers) {
        return Some(Damage::Lost);
    }
    if served && org.strikes(Fault::CutAnswers) {
        return Some(Damage::Cut);
    }
    let error = response.extensions().get::<ApiError>()?;
    org.strikes(Fault::BareErrors).then(|| Damage::Bare(error.clone()))
}

/// Half of the answer, and then a connection that breaks.
async fn cut(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    if head.status == StatusCode::NO_CONTENT {
        // An answer without a body has no middle.
        head.status = StatusCode::OK;
    }
    let length = bytes.len().max(1);
    let half = stream::iter([Ok(bytes.slice(..bytes.len() / 2))]);
    // The server writes what it has before it sees the error, if it is given the time.
    let broken = stream::once(async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(std::io::Error::other("cut on request"))
    });
    head.headers.insert(CONTENT_LENGTH, length.into());
    Response::from_parts(head, Body::from_stream(half.chain(broken)))
}
