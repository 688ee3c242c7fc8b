//! A call that failed as a whole.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::row_error::RowError;

/// In the shape of the REST API: a list with one error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: String,
    message: String,
    fields: Vec<&'static str>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), fields: Vec::new() }
    }

    pub(crate) fn bad_request(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource does not exist")
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "HTTP Method not allowed")
    }

    pub(crate) fn unreadable_json(message: impl ToString) -> Self {
        Self::bad_request("JSON_PARSER_ERROR", message.to_string())
    }

    pub(crate) fn unavailable() -> Self {
        let message = "The server is temporarily unavailable";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "SERVER_UNAVAILABLE", message)
    }

    fn body(&self) -> Value {
        let mut error = json!({ "message": self.message, "errorCode": self.code });
        if !self.fields.is_empty() {
            error["fields"] = json!(self.fields);
        }
        error
    }

    /// The error without the list around it, as some places of the real API answer.
    pub(crate) fn into_bare_response(self) -> Response {
        (self.status, Json(self.body())).into_response()
    }
}

/// A call for one row fails as its row does.
impl From<RowError> for ApiError {
    fn from(error: RowError) -> Self {
        let RowError { status_code: code, message, fields } = error;
        let status = match code.as_str() {
            "ENTITY_IS_DELETED" => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, code, message, fields }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!([self.body()]))).into_response();
        // For the gate, which may take the list away.
        response.extensions_mut().insert(self);
        response
    }
}
