use axum::extract::{Form, State};
use axum::http::header::{CACHE_CONTROL, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, http};
use chrono::Utc;
use jsonwebtoken::{Algorithm, Validation, decode};
use serde::Deserialize;
use serde_json::json;

use super::Salesforce;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How far in the future an assertion may expire, seconds; one more, as clients round.
const LONGEST_ASSERTION: i64 = 181;
const ORGANIZATION: &str = "00D5f000000Sim1EAC";
const USER: &str = "0055f000000Sim1AAC";

#[derive(Deserialize)]
pub(crate) struct TokenRequest {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    assertion: String,
}

/// `aud` must be one text: an array is refused.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: Seconds,
}

/// Clients that work with Salesforce give the time as a number or as its digits in a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(i64),
    Digits(String),
}

impl Seconds {
    fn value(&self) -> Option<i64> {
        match self {
            Self::Number(seconds) => Some(*seconds),
            Self::Digits(digits) => digits.parse().ok(),
        }
    }
}

/// `POST /services/oauth2/token`
pub(crate) async fn token(
    State(salesforce): State<Salesforce>,
    headers: HeaderMap,
    Form(request): Form<TokenRequest>,
) -> Response {
    match verify(&salesforce, &request) {
        Ok(()) => issue(&salesforce, &headers),
        Err((error, description)) => {
            let body = json!({ "error": error, "error_description": description });
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
    }
}

fn verify(salesforce: &Salesforce, request: &TokenRequest) -> Result<(), (&'static str, &'static str)> {
    if request.grant_type != JWT_BEARER {
        return Err(("unsupported_grant_type", "grant type not supported"));
    }
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let claims = decode::<Claims>(&request.assertion, &salesforce.0.public_key, &validation)
        .map_err(|_| ("invalid_grant", "invalid assertion"))?
        .claims;
    let config = salesforce.config();
    let expires = claims.exp.value().ok_or(("invalid_grant", "invalid assertion"))?;
    let remaining = expires.saturating_sub(Utc::now().timestamp());
    if claims.iss != config.client_id {
        Err(("invalid_client_id", "client identifier invalid"))
    } else if claims.aud.trim_end_matches('/') != config.audience.trim_end_matches('/') {
        Err(("invalid_grant", "audience is invalid"))
    } else if remaining <= 0 {
        Err(("invalid_grant", "expired authorization code"))
    } else if remaining > LONGEST_ASSERTION {
        Err(("invalid_grant", "invalid assertion"))
    } else if claims.sub != config.username {
        Err(("invalid_grant", "user hasn't approved this consumer"))
    } else {
        Ok(())
    }
}

fn issue(salesforce: &Salesforce, headers: &HeaderMap) -> Response {
    let token =
        format!("{}!{:032x}{:032x}", &ORGANIZATION[..15], rand::random::<u128>(), rand::random::<u128>());
    let mut org = salesforce.org();
    org.sessions.insert(token.clone());
    org.counters.tokens += 1;
    let asked =
        format!("http://{}", headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost"));
    let instance = salesforce.config().instance_url.clone().unwrap_or_else(|| asked.clone());
    let answer = json!({
        "access_token": token,
        "scope": "api",
        "instance_url": instance,
        "id": format!("{asked}/id/{ORGANIZATION}/{USER}"),
        "token_type": "Bearer",
    });
    let no_store = [(CACHE_CONTROL, http::HeaderValue::from_static("no-store"))];
    (no_store, Json(answer)).into_response()
}
