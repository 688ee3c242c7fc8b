//! Fault injection: `PUT /simulator/faults` with a list of [`Fault`].

pub(crate) mod endpoint;
pub(crate) mod kind;

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::OpenAi;
use super::api_error::ApiError;
use endpoint::Endpoint;
use kind::Kind;

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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after_ms: Option<u64>,
    /// Sockets: it strikes when the client has sent a frame of this type, such as `session.finalize`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) on: Option<String>,
    /// Sockets: it strikes the next utterance, on whatever socket that is, and counts from its begin.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) utterance: bool,
    /// The content of a reply comes in two parts, of which the first has so many characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) split_at: Option<usize>,
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
        if !self.kind.concerns(self.endpoint) {
            let message = "there is no such kind of fault of this endpoint";
            return Err(ApiError::bad_request("endpoint", message));
        }
        if !self.endpoint.is_socket() && (self.utterance || self.on.is_some()) {
            return Err(ApiError::bad_request("utterance", "it is for faults of sockets"));
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
    /// What strikes a call.
    pub(crate) fn take(&mut self, endpoint: Endpoint) -> Option<Fault> {
        self.take_if(|fault| {
            let of_utterance = fault.utterance || fault.kind.strikes_utterances();
            fault.endpoint == endpoint && !(endpoint.is_socket() && of_utterance)
        })
    }

    /// What strikes the socket on which an utterance begins.
    pub(crate) fn take_for_utterance(&mut self, endpoint: Endpoint) -> Option<Fault> {
        self.take_if(|fault| fault.endpoint == endpoint && fault.utterance)
    }

    /// What strikes an utterance on a socket.
    pub(crate) fn take_of_utterance(&mut self, endpoint: Endpoint, kind: Kind) -> Option<Fault> {
        self.take_if(|fault| fault.endpoint == endpoint && fault.kind == kind)
    }

    fn take_if(&mut self, strikes: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let position = self.0.iter().position(|fault| fault.times > 0 && strikes(fault))?;
        let fault = &mut self.0[position];
        fault.times -= 1;
        let taken = fault.clone();
        self.0.retain(|fault| fault.times > 0);
        Some(taken)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the place of the faults there were.
    pub(crate) fn set(&mut self, faults: Vec<Fault>) {
        self.0 = faults;
    }
}

pub(crate) async fn inject(
    State(openai): State<OpenAi>,
    Json(faults): Json<Vec<Fault>>,
) -> Result<Json<Vec<Fault>>, ApiError> {
    faults.iter().try_for_each(Fault::check)?;
    openai.state().faults.set(faults.clone());
    Ok(Json(faults))
}

pub(crate) async fn show(State(openai): State<OpenAi>) -> Json<Vec<Fault>> {
    Json(openai.state().faults.0.clone())
}
