//! `POST /api/connection-details` and `POST /api/token`: what a browser needs to place one call.
//!
//! Answers `{serverUrl, roomName, participantName, participantToken}`, and the same in snake case, which is what
//! LiveKit's TokenSource reads; refusals are a `problem`. Nothing of it may be stored by a cache.

use std::iter;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chrono::Utc;
use rand::RngExt;
use schemas::Email;
use serde::Serialize;
use serde_json::Value;
use service::traces::{self, Span, SpanKind, token_span_of, trace_of};
use tracing::{error, info};

use crate::app::App;
use crate::configuration::Settings;
use crate::page_configuration::EmailUse;
use crate::problem::{Kind, Problem};
use crate::request;
use crate::token::Invitation;
use crate::token_limit::Client;

/// Longest body that is read, in bytes.
pub const LONGEST_BODY: usize = 64 * 1024;

/// Base-36 digits behind the milliseconds: two rooms of one millisecond never meet.
pub(crate) const RANDOM_DIGITS: usize = 10;

pub(crate) async fn answer(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    body: Result<Json<Value>, JsonRejection>,
) -> Response {
    let began = SystemTime::now();
    match invite(&app, client, &headers, body).await {
        Ok((invitation, token)) => {
            trace(&invitation.room_name, began);
            Json(ConnectionDetails::new(&app.settings, &invitation.room_name, &token)).into_response()
        }
        Err(problem) => {
            // Of the others a line is logged where they begin.
            if ![Kind::TooManyRequests, Kind::LiveKitUnreachable].contains(&problem.kind()) {
                info!(reason = problem.kind().code(), "connection details refused");
            }
            problem.into_response()
        }
    }
}

/// What costs nothing is looked at first, the limits included; then a proof is taken, and with the token in hand what it takes of
/// the limits. Only who is overtaken meanwhile has given a proof for nothing.
async fn invite(
    app: &App,
    client: Client,
    headers: &HeaderMap,
    body: Result<Json<Value>, JsonRejection>,
) -> Result<(Invitation, String), Problem> {
    let Json(body) = body.map_err(unreadable)?;
    let settings = &app.settings;
    let email = request::read(&body, &settings.agent_name).map_err(|refusal| Problem::from(&refusal))?;
    let email = wanted(email, settings)?;
    app.livekit.check()?;
    app.limit.check(client, email.as_ref())?;
    app.proof.take(client, headers).await?;
    let invitation = Invitation::new(settings, email.as_ref(), Utc::now(), &random_digits());
    let token = invitation.token(settings).await.map_err(|error| {
        error!("{error}");
        Problem::new(Kind::Internal, "The token could not be signed. Please try again later.")
    })?;
    app.limit.take(client, email.as_ref(), &invitation.room_name)?;
    info!(
        session.id = invitation.room_name,
        participant.identity = invitation.identity,
        email = email.as_ref().map(Email::masked).unwrap_or_default(),
        "connection details"
    );
    Ok((invitation, token))
}

/// A token is the beginning of its call's trace: whoever serves the room knows both by its name.
fn trace(room_name: &str, began: SystemTime) {
    let Some(context) = traces::beginning(trace_of(room_name), token_span_of(room_name)) else { return };
    let span = Span::new(context, None, "POST connection-details", began, SystemTime::now())
        .of_kind(SpanKind::Server)
        .with("http.request.method", "POST")
        .with("http.response.status_code", i64::from(StatusCode::OK.as_u16()))
        .with_text("session.id", room_name);
    traces::record([span]);
}

/// The address, where one is wanted and this one is taken.
fn wanted(email: Option<Email>, settings: &Settings) -> Result<Option<Email>, Problem> {
    const FIELD: &str = "user_email";
    match (settings.page.email, email) {
        (EmailUse::None, _) => Ok(None),
        (EmailUse::Required, None) => {
            Err(Problem::new(Kind::EmailRequired, "Please give your e-mail address.").of_field(FIELD))
        }
        (_, Some(email)) if settings.refused_email_domains.contain(&email) => Err(Problem::new(
            Kind::EmailDomainRefused,
            "E-mail addresses of this domain are not taken. Please give another one.",
        )
        .of_field(FIELD)),
        (_, email) => Ok(email),
    }
}

fn unreadable(rejection: JsonRejection) -> Problem {
    let status = rejection.status();
    let detail = match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            format!("The request has to be shorter than {} KiB.", LONGEST_BODY / 1024)
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            "The request has to be JSON: send Content-Type: application/json.".to_owned()
        }
        _ => "The request is no JSON that can be read.".to_owned(),
    };
    Problem::new(Kind::UnreadableBody, detail).with_status(status)
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

fn random_digits() -> String {
    let mut random = rand::rng();
    iter::repeat_with(|| {
        let digit = random.random_range(0..36u32);
        char::from_digit(digit, 36).unwrap_or('0')
    })
    .take(RANDOM_DIGITS)
    .collect()
}
