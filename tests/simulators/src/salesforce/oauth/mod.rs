//! `POST /services/oauth2/token`: who may act as the integration user.

mod app_secret;
pub(super) mod assertion;

use axum::Json;
use axum::extract::{Extension, Form, State};
use axum::http::header::{CACHE_CONTROL, HOST};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::Deserialize;
use serde_json::json;

use super::api_error::ApiError;
use super::faults::Fault;
use super::settings::Approval;
use super::{Org, Salesforce, Scheme};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const CLIENT_CREDENTIALS: &str = "client_credentials";
const ORGANIZATION: &str = "00D5f000000Sim1EAC";
const USER: &str = "0055f000000Sim1AAC";

#[derive(Deserialize)]
pub(crate) struct TokenRequest {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    assertion: String,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// `error` and `error_description` of a refusal.
pub(crate) type Refusal = (&'static str, &'static str);

pub(crate) async fn token(
    State(salesforce): State<Salesforce>,
    Extension(scheme): Extension<Scheme>,
    headers: HeaderMap,
    Form(request): Form<TokenRequest>,
) -> Response {
    if salesforce.org().strikes(Fault::TokensUnavailable) {
        return ApiError::unavailable().into_response();
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    match grant(&salesforce, &request, &headers, host) {
        Ok(()) => issue(&salesforce, &format!("{}://{host}", scheme.0)),
        Err((error, description)) => {
            salesforce.org().counters.refused_tokens += 1;
            let body = json!({ "error": error, "error_description": description });
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
    }
}

fn grant(
    salesforce: &Salesforce,
    request: &TokenRequest,
    headers: &HeaderMap,
    host: &str,
) -> Result<(), Refusal> {
    let config = salesforce.config();
    match request.grant_type.as_str() {
        JWT_BEARER => {
            let key = &salesforce.0.public_key;
            assertion::check(config, key, &request.assertion, Utc::now().timestamp())?;
            approved(&salesforce.org())
        }
        CLIENT_CREDENTIALS => {
            let form = request.client_id.as_deref().zip(request.client_secret.as_deref());
            app_secret::check(config, host, headers, form)?;
            approved(&salesforce.org())
        }
        _ => Err(("unsupported_grant_type", "grant type not supported")),
    }
}

fn approved(org: &Org) -> Result<(), Refusal> {
    match org.settings.approval {
        Approval::Approved => Ok(()),
        Approval::MissingFromUser => Err(("invalid_grant", "user hasn't approved this consumer")),
        Approval::MissingFromAdmin => {
            Err(("invalid_app_access", "user is not admin approved to access this app"))
        }
    }
}

fn issue(salesforce: &Salesforce, asked: &str) -> Response {
    let token =
        format!("{}!{:032x}{:032x}", &ORGANIZATION[..15], rand::random::<u128>(), rand::random::<u128>());
    let mut org = salesforce.org();
    org.sessions.open(token.clone(), Utc::now());
    org.counters.tokens += 1;
    let answer = json!({
        "access_token": token,
        "scope": "api",
        "instance_url": salesforce.config().instance_url.as_deref().unwrap_or(asked),
        "id": format!("{asked}/id/{ORGANIZATION}/{USER}"),
        "token_type": "Bearer",
    });
    ([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(answer)).into_response()
}
