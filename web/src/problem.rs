//! Refusals as `application/problem+json` (RFC 9457): a code for programs and a sentence for the visitor.

use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::rate_limit::{Limit, TooMany};
use crate::request::Refusal;

const MEDIA_TYPE: &str = "application/problem+json";

/// A kind of refusal. Its code, its status and its title are the same for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    NotFound,
    MethodNotAllowed,
    ForeignOrigin,
    UnreadableBody,
    WrongType,
    InvalidEmail,
    EmailRequired,
    EmailDomainRefused,
    NotYoursToChoose,
    OtherAgent,
    TooManyRequests,
    ProofRequired,
    ProofRefused,
    ProofUnavailable,
    LiveKitUnreachable,
    Internal,
}

/// One refusal.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    kind: Kind,
    status: StatusCode,
    detail: String,
    field: Option<&'static str>,
    reason: Option<&'static str>,
    limit: Option<Limit>,
    retry_after: Option<u64>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
}

impl Kind {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::ForeignOrigin => "foreign_origin",
            Self::UnreadableBody => "unreadable_body",
            Self::WrongType => "wrong_type",
            Self::InvalidEmail => "invalid_email",
            Self::EmailRequired => "email_required",
            Self::EmailDomainRefused => "email_domain_refused",
            Self::NotYoursToChoose => "not_yours_to_choose",
            Self::OtherAgent => "other_agent",
            Self::TooManyRequests => "too_many_requests",
            Self::ProofRequired => "proof_required",
            Self::ProofRefused => "proof_refused",
            Self::ProofUnavailable => "proof_unavailable",
            Self::LiveKitUnreachable => "livekit_unreachable",
            Self::Internal => "internal",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnreadableBody | Self::WrongType | Self::InvalidEmail | Self::EmailRequired => {
                StatusCode::BAD_REQUEST
            }
            Self::ForeignOrigin
            | Self::EmailDomainRefused
            | Self::NotYoursToChoose
            | Self::OtherAgent
            | Self::ProofRequired
            | Self::ProofRefused => StatusCode::FORBIDDEN,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::ProofUnavailable | Self::LiveKitUnreachable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::NotFound => "There is nothing here",
            Self::MethodNotAllowed => "This cannot be asked so",
            Self::ForeignOrigin => "Another page may not ask this",
            Self::UnreadableBody => "The request cannot be read",
            Self::WrongType => "A field has the wrong type",
            Self::InvalidEmail => "The e-mail address is not valid",
            Self::EmailRequired => "An e-mail address is needed",
            Self::EmailDomainRefused => "E-mail addresses of this domain are not taken",
            Self::NotYoursToChoose => "The server chooses this",
            Self::OtherAgent => "Another agent was asked for",
            Self::TooManyRequests => "There are too many calls",
            Self::ProofRequired => "A proof against robots is needed",
            Self::ProofRefused => "The proof against robots was refused",
            Self::ProofUnavailable => "The proof against robots cannot be checked",
            Self::LiveKitUnreachable => "Calls are not possible at the moment",
            Self::Internal => "The server has a fault",
        }
    }
}

impl Problem {
    /// `detail` is a sentence that says what to do. It never repeats what a visitor has sent.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let status = kind.status();
        Self {
            kind,
            status,
            detail: detail.into(),
            field: None,
            reason: None,
            limit: None,
            retry_after: None,
        }
    }

    /// About this field of the request.
    pub(crate) fn of_field(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Worth another try after this time, in whole seconds.
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(whole_seconds(wait));
        self
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }
}

impl From<TooMany> for Problem {
    fn from(TooMany { limit, retry_after }: TooMany) -> Self {
        let many = match limit {
            Limit::Client => "Too many calls were started from your network in a short time",
            Limit::Email => "Too many calls were started with this e-mail address",
            Limit::All => "Too many calls are being started right now",
            Limit::Calls => "All lines are busy right now",
        };
        let detail = format!("{many}. Try again in {}.", in_words(whole_seconds(retry_after)));
        let problem = Self::new(Kind::TooManyRequests, detail).retry_after(retry_after);
        Self { limit: Some(limit), ..problem }
    }
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Self {
        let detail = sentence(&refusal.to_string());
        match refusal {
            Refusal::WrongType { field, .. } => Self::new(Kind::WrongType, detail).of_field(field),
            Refusal::InvalidEmail { field, error } => {
                let problem = Self::new(Kind::InvalidEmail, detail).of_field(field);
                Self { reason: Some(error.code()), ..problem }
            }
            Refusal::NotYoursToChoose { field } => Self::new(Kind::NotYoursToChoose, detail).of_field(field),
            Refusal::OtherAgent => Self::new(Kind::OtherAgent, detail).of_field("room_config.agents"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.kind.code();
        let body = Body {
            r#type: format!("urn:postcall:problem:{code}"),
            title: self.kind.title(),
            status: self.status.as_u16(),
            detail: &self.detail,
            code,
            field: self.field,
            reason: self.reason,
            limit: self.limit.map(Limit::code),
            retry_after_seconds: self.retry_after,
        };
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (self.status, [(CONTENT_TYPE, MEDIA_TYPE)], json).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Rounded up: at that time there is a token.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1_000).max(1) as u64
}

fn in_words(seconds: u64) -> String {
    match seconds {
        1 => "1 second".to_owned(),
        2..120 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

/// With a full stop at its end.
fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_words_and_rounded_up() {
        for (milliseconds, words) in
            [(1, "1 second"), (1_001, "2 seconds"), (119_000, "119 seconds"), (180_001, "4 minutes")]
        {
            let wait = Duration::from_millis(milliseconds);
            let problem = Problem::from(Limit::Email.refuses(wait));
            assert!(problem.detail.ends_with(&format!("Try again in {words}.")), "{}", problem.detail);
        }
    }
}
