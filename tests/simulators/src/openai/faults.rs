//! Fault injection: `PUT /simulator/faults` with a list of [`Fault`].

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::OpenAi;
use super::api_error::ApiError;

/// The endpoint whose call a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Endpoint {
    Speech,
    Transcriptions,
    Chat,
}

impl Endpoint {
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path {
            "/v1/audio/speech" => Some(Self::Speech),
            "/v1/audio/transcriptions" => Some(Self::Transcriptions),
            "/v1/chat/completions" => Some(Self::Chat),
            _ => None,
        }
    }
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// `delay_ms` before anything.
    Slow,
    /// `delay_ms` before each part of the answer.
    SlowStream,
    /// `status`, with `retry_after` seconds, in place of an answer.
    Status,
    /// The connection breaks in the part behind the first `after`.
    Cut,
    /// What should be JSON is none.
    MalformedJson,
    /// Chat: `record_signals` with values of the wrong type.
    BadArguments,
    /// Chat: a call of a tool that nobody listed.
    UnknownTool,
    /// Chat: a call of a tool in place of any text.
    Loop,
    /// Chat: `record_signals` with a `qualification_tier`.
    SetTier,
    /// Chat: `text` and nothing else.
    Say,
    /// Chat: `record_signals` with `text` as its arguments.
    Record,
}

/// What goes wrong with the next `times` calls of an endpoint. Of several faults the first one counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) endpoint: Endpoint,
    pub(crate) kind: Kind,
    #[serde(default = "once")]
    pub(crate) times: u32,
    #[serde(default)]
    pub(crate) delay_ms: u64,
    #[serde(default = "internal_server_error")]
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u64>,
    #[serde(default)]
    pub(crate) after: usize,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) text: String,
}

impl Fault {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn check(&self) -> Result<(), ApiError> {
        let of_the_model = matches!(
            self.kind,
            Kind::BadArguments | Kind::UnknownTool | Kind::Loop | Kind::SetTier | Kind::Say | Kind::Record
        );
        if of_the_model && self.endpoint != Endpoint::Chat {
            return Err(ApiError::bad_request(
                "endpoint",
                "this kind of fault is for the endpoint «chat» only",
            ));
        }
        if !(400..600).contains(&self.status) {
            return Err(ApiError::bad_request("status", "a fault has a status from 400 to 599"));
        }
        Ok(())
    }
}

fn once() -> u32 {
    1
}

fn internal_server_error() -> u16 {
    500
}

/// The faults yet to come.
#[derive(Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn take(&mut self, endpoint: Endpoint) -> Option<Fault> {
        let position = self.0.iter().position(|fault| fault.endpoint == endpoint && fault.times > 0)?;
        let fault = &mut self.0[position];
        fault.times -= 1;
        let taken = fault.clone();
        self.0.retain(|fault| fault.times > 0);
        Some(taken)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Takes the place of the faults there were.
pub(crate) async fn inject(
    State(openai): State<OpenAi>,
    Json(faults): Json<Vec<Fault>>,
) -> Result<Json<Vec<Fault>>, ApiError> {
    faults.iter().try_for_each(Fault::check)?;
    openai.state().faults.0.clone_from(&faults);
    Ok(Json(faults))
}

pub(crate) async fn show(State(openai): State<OpenAi>) -> Json<Vec<Fault>> {
    Json(openai.state().faults.0.clone())
}
