use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::api_error::ApiError;
use super::{NEWEST_VERSION, Org, Salesforce};

/// Longest URI, and longest URI with headers, bytes.
const LONGEST_HEAD: usize = 16_384;
/// Versions below it are retired.
const OLDEST_VERSION: u32 = 31;

/// What every data call passes before it is served; each answer says how much of the day's calls is used.
pub(crate) async fn pass(State(salesforce): State<Salesforce>, request: Request, next: Next) -> Response {
    let delay = salesforce.org().faults.delay();
    tokio::time::sleep(delay).await;
    let updates = request.method() == Method::PATCH;
    let admitted = admit(&mut salesforce.org(), &request);
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    let mut org = salesforce.org();
    if updates && org.faults.take_lost_answer() {
        response = unavailable().into_response();
    }
    let usage = format!("api-usage={}/{}", org.counters.api_calls, salesforce.config().daily_api_calls);
    if let Ok(usage) = HeaderValue::from_str(&usage) {
        response.headers_mut().insert("Sforce-Limit-Info", usage);
    }
    response
}

fn admit(org: &mut Org, request: &Request) -> Result<(), ApiError> {
    org.counters.api_calls += 1;
    check_size(request)?;
    if org.faults.take_unavailable() {
        return Err(unavailable());
    }
    check_session(org, request)?;
    if org.faults.request_limit_exceeded {
        let message = "TotalRequests Limit exceeded.";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "REQUEST_LIMIT_EXCEEDED", message));
    }
    check_version(request.extensions().get::<axum::extract::OriginalUri>().map_or("", |uri| uri.path()))
}

fn check_size(request: &Request) -> Result<(), ApiError> {
    let original = request.extensions().get::<axum::extract::OriginalUri>();
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

fn check_session(org: &Org, request: &Request) -> Result<(), ApiError> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer "));
    match token {
        Some(token) if org.sessions.contains(token) => Ok(()),
        _ => {
            let message = "Session expired or invalid";
            Err(ApiError::new(StatusCode::UNAUTHORIZED, "INVALID_SESSION_ID", message))
        }
    }
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

fn unavailable() -> ApiError {
    let message = "The server is temporarily unavailable";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "SERVER_UNAVAILABLE", message)
}
