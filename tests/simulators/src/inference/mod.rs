//! LiveKit Inference's gateway: speech to text and text to speech as sockets, and OpenAI's chat completions by a token of
//! LiveKit's.
//!
//! - `token`: who may call. `quota`: how often, and how many at a time.
//! - `stt` and `tts`: the sockets. `opening`: how their sessions begin. `chat`: what the gateway's models have that OpenAI's do not.

pub(crate) mod chat;
mod opening;
mod protocol;
pub(crate) mod quota;
pub(crate) mod stt;
pub mod token;
pub(crate) mod tts;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, http};
use serde::Deserialize;
use serde_json::json;

/// The query of a socket.
#[derive(Debug, Deserialize)]
pub(crate) struct ModelQuery {
    model: String,
}

/// A call that the gateway refuses. Its `error` is a text, not an object as OpenAI's is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn unauthorized(message: &str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, message: message.to_owned() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.message, "type": "inference_error" });
        (self.status, [(http::header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
    }
}
