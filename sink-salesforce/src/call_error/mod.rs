//! What a failed call means, decided by its status and its error code.

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use sink::WriteError;

use crate::error_code::{PASSING, PAUSING, code, safe};

/// Why a call had no result. The reasons hold neither tokens nor e-mail addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The access token is no longer valid.
    #[error("Salesforce refuses the access token")]
    Unauthorized,
    /// Something within the request cannot be read or is too large; a smaller part of it may pass.
    #[error("Salesforce cannot read the request: {reason}")]
    Content {
        /// The status of the answer, and its code.
        reason: String,
    },
    /// One item of the request is refused, while others pass.
    #[error("{reason}; without it the others pass")]
    Own {
        /// What the item alone is answered.
        reason: String,
    },
    /// No answer in time, or none that the org gives, or a refusal that may pass: of the org, or of something in the content.
    #[error("{reason}")]
    Doubtful {
        /// What happened.
        reason: String,
    },
    /// It was not asked for, or not to the end.
    #[error("{reason}")]
    NotYet {
        /// Why it was not asked for.
        reason: String,
    },
    /// The org, or this program, is not configured as it must be.
    #[error("{reason}")]
    Configuration {
        /// What is wrong and what to do.
        reason: String,
    },
    /// The org is not here, or no longer: a new token may say where it is.
    #[error("{reason}")]
    Elsewhere {
        /// The status, and what to check.
        reason: String,
    },
    /// An internal error of Salesforce's, or a broken connection: the same call may pass at once.
    #[error("{reason}")]
    Broken {
        /// The status, or what broke.
        reason: String,
    },
    /// Salesforce is down, or throttles.
    #[error("{reason}")]
    Unavailable {
        /// What is wrong and, where it is known, what to do.
        reason: String,
        /// When to call again, where the answer says so.
        after: Option<Duration>,
    },
}

impl CallError {
    /// A fault without a hint when it will be over.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into(), after: None }
    }

    /// An answer that may be about the content as well as about the org.
    pub(crate) fn doubtful(reason: impl Into<String>) -> Self {
        Self::Doubtful { reason: reason.into() }
    }

    /// What kind of failure it is, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Content { .. } => "content",
            Self::Own { .. } => "own",
            Self::Doubtful { .. } => "doubtful",
            Self::NotYet { .. } => "not_yet",
            Self::Configuration { .. } => "configuration",
            Self::Elsewhere { .. } => "elsewhere",
            Self::Broken { .. } => "broken",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// What can be at fault.
    pub(crate) fn blame(&self) -> Blame {
        match self {
            Self::Content { .. } => Blame::Content,
            Self::Unauthorized
            | Self::Doubtful { .. }
            | Self::Configuration { .. }
            | Self::Elsewhere { .. }
            | Self::Broken { .. } => Blame::Perhaps,
            Self::Own { .. } | Self::NotYet { .. } | Self::Unavailable { .. } => Blame::Nobody,
        }
    }

    /// The same, where others pass.
    pub(crate) fn of_one_item(&self) -> Self {
        Self::Own { reason: self.to_string() }
    }

    /// The same, where nothing passed of so many calls with parts of the content.
    pub(crate) fn of_everything(self, calls: usize) -> Self {
        match self {
            Self::Content { reason } => {
                Self::unavailable(format!("none of {calls} calls can be read: {reason}"))
            }
            other => other,
        }
    }
}

/// What a failed call can be held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// Its content, as Salesforce says itself.
    Content,
    /// The org, or what stands before it; but perhaps its content.
    Perhaps,
    /// Something else than its content.
    Nobody,
}

impl From<CallError> for WriteError {
    fn from(error: CallError) -> Self {
        let reason = error.to_string();
        match error {
            // Whoever stands between could be at fault as well: tried for some time before it is a dead letter.
            CallError::Content { .. } | CallError::Own { .. } => Self::Retry { reason },
            CallError::NotYet { .. } => Self::Busy { reason, after: None },
            CallError::Unauthorized
            | CallError::Doubtful { .. }
            | CallError::Elsewhere { .. }
            | CallError::Configuration { .. }
            | CallError::Broken { .. } => Self::Unavailable { reason, after: None },
            CallError::Unavailable { after, .. } => Self::Unavailable { reason, after },
        }
    }
}

/// Codes of a request whose content is at fault. Any other refusal is taken for one of the org or its configuration,
/// because a mistake there would otherwise make dead letters of everything.
const CONTENT_CODES: [&str; 4] =
    ["MALFORMED_QUERY", "JSON_PARSER_ERROR", "MALFORMED_ID", "INVALID_QUERY_FILTER_OPERATOR"];

/// What an answer with a status other than 200 means.
pub fn refused(status: u16, retry_after: Option<Duration>, body: &[u8]) -> CallError {
    let error = first_error(body).unwrap_or_default();
    let code = code(&error.error_code);
    match (status, code) {
        (401, _) | (_, "INVALID_SESSION_ID") => CallError::Unauthorized,
        (413 | 414 | 431, _) => CallError::Content { reason: format!("status {status}") },
        (400, code) if CONTENT_CODES.contains(&code) => {
            CallError::Content { reason: format!("{code} ({status})") }
        }
        _ => {
            let reason = explain(status, code, &error.message);
            // Salesforce says in JSON that it has something not.
            let is_salesforce = serde_json::from_slice::<Value>(body).is_ok();
            match status {
                300..400 => CallError::Elsewhere { reason },
                404 | 410 if !is_salesforce => CallError::Elsewhere { reason },
                500.. if retry_after.is_none() => CallError::Broken { reason },
                429 | 500.. => CallError::Unavailable { reason, after: retry_after },
                _ if PAUSING.contains(&code) => CallError::Unavailable { reason, after: retry_after },
                _ if PASSING.contains(&code) => CallError::Doubtful { reason },
                _ => CallError::Configuration { reason },
            }
        }
    }
}

/// What a refused token request means: always a fault of the configuration, or of Salesforce. `settings` are those that it
/// was made of.
pub fn token_refused(status: u16, retry_after: Option<Duration>, body: &[u8], settings: &str) -> CallError {
    #[derive(Default, Deserialize)]
    struct TokenError {
        error: String,
        #[serde(default)]
        error_description: String,
    }
    let reason = match serde_json::from_slice::<TokenError>(body) {
        Ok(TokenError { error, error_description }) => {
            let approval = match error_description.contains("approved") {
                true => ", and that the app's policies let the user in (docs/SALESFORCE.md)",
                false => "",
            };
            format!(
                "Salesforce gives no access token: {} ({}); check {settings}{approval}",
                code(&error),
                safe(&error_description)
            )
        }
        Err(_) => format!("Salesforce gives no access token: status {status}; check SALESFORCE_URL"),
    };
    CallError::Unavailable { reason, after: retry_after }
}

fn explain(status: u16, code: &str, message: &str) -> String {
    match (status, code) {
        (300..400, _) => format!("Salesforce sends the call elsewhere ({status}); check SALESFORCE_URL"),
        (_, "REQUEST_LIMIT_EXCEEDED") => {
            "the org's API calls of the day are used up (REQUEST_LIMIT_EXCEEDED)".to_owned()
        }
        (404, _) => format!(
            "Salesforce has no such resource (404, {code}); check SALESFORCE_API_VERSION, and that the integration user \
             has the permission set of deploy/salesforce"
        ),
        (410, _) => format!("Salesforce has no such resource (410, {code}); check SALESFORCE_API_VERSION"),
        (400..500, _) => format!("Salesforce refuses the call ({status}, {code}): {}", safe(message)),
        _ => format!("Salesforce is not available ({status}, {code})"),
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ErrorBody {
    error_code: String,
    message: String,
}

/// The errors come as a list, in some places as an object.
fn first_error(body: &[u8]) -> Option<ErrorBody> {
    let error = match serde_json::from_slice(body).ok()? {
        Value::Array(errors) => errors.into_iter().next()?,
        other => other,
    };
    serde_json::from_value(error).ok()
}
