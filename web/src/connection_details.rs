//! `POST /api/connection-details`: what a browser needs to place one call.
//!
//! Answers `{serverUrl, roomName, participantName, participantToken}`, and the same in snake case, which is what
//! LiveKit's TokenSource reads; errors are `{error, message}`. Nothing of it may be stored by a cache.

use std::iter;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use rand::RngExt;
use schemas::Email;
use serde::Serialize;
use serde_json::{Value, json};
use tracing::{error, info};

use crate::configuration::Settings;
use crate::request::{self, Refusal};
use crate::token::Invitation;

/// Longest body that is read, in bytes.
pub const LONGEST_BODY: usize = 64 * 1024;

/// Base-36 digits behind the milliseconds: two rooms of one millisecond never meet.
const RANDOM_DIGITS: usize = 10;

pub(crate) async fn answer(
    State(settings): State<Arc<Settings>>,
    body: Result<Json<Value>, JsonRejection>,
) -> Response {
    let Json(body) = match body {
        Ok(body) => body,
        Err(rejection) => return problem(rejection.status(), "unreadable_body", &rejection.body_text()),
    };
    let email = match request::read(&body, &settings.agent_name) {
        Ok(email) => email,
        Err(refusal) => {
            info!(reason = refusal.code(), "connection details refused");
            return refused(&refusal);
        }
    };
    let invitation = Invitation::new(&settings, email.as_ref(), Utc::now(), &random_digits());
    match invitation.token(&settings).await {
        Ok(token) => {
            let email = email.as_ref().map(Email::masked).unwrap_or_default();
            info!(
                session.id = invitation.room_name,
                participant.identity = invitation.identity,
                email,
                "connection details"
            );
            Json(ConnectionDetails::new(&settings, &invitation.room_name, &token)).into_response()
        }
        Err(error) => {
            error!("{error}");
            problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the token could not be signed")
        }
    }
}

/// One answer for both kinds of client: each ignores the other's spelling.
#[derive(Serialize)]
struct ConnectionDetails<'a> {
    #[serde(flatten)]
    camel_case: CamelCase<'a>,
    server_url: &'a str,
    room_name: &'a str,
    participant_name: &'a str,
    participant_token: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CamelCase<'a> {
    server_url: &'a str,
    room_name: &'a str,
    participant_name: &'a str,
    participant_token: &'a str,
}

impl<'a> ConnectionDetails<'a> {
    fn new(settings: &'a Settings, room_name: &'a str, participant_token: &'a str) -> Self {
        let (server_url, participant_name) =
            (settings.server_url.as_str(), settings.participant_name.as_str());
        let camel_case = CamelCase { server_url, room_name, participant_name, participant_token };
        Self { camel_case, server_url, room_name, participant_name, participant_token }
    }
}

fn problem(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "error": code, "message": message }))).into_response()
}

/// `reason` says more exactly what is wrong with an address.
fn refused(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::WrongType { .. } | Refusal::InvalidEmail { .. } => StatusCode::BAD_REQUEST,
        Refusal::NotYoursToChoose { .. } | Refusal::OtherAgent => StatusCode::FORBIDDEN,
    };
    let mut body = json!({ "error": refusal.code(), "message": refusal.to_string() });
    if let Refusal::InvalidEmail { error, .. } = refusal {
        body["reason"] = error.code().into();
    }
    (status, Json(body)).into_response()
}

fn random_digits() -> String {
    let mut random = rand::rng();
    iter::repeat_with(|| {
        let digit = random.random_range(0..36u32);
        char::from_digit(digit, 36).unwrap_or('0')
    })
    .take(RANDOM_DIGITS)
    .collect()
}
