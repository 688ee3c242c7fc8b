//! How a provider fails: which one, in what way, and whether the same request may succeed at another time.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;

/// Which of the three it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Makes words of the caller's speech (STT).
    SpeechToText,
    /// Makes the replies (LLM).
    LanguageModel,
    /// Makes speech of the replies (TTS).
    TextToSpeech,
}

impl Provider {
    /// What metrics call it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::SpeechToText => "speech_to_text",
            Self::LanguageModel => "language_model",
            Self::TextToSpeech => "text_to_speech",
        }
    }

    /// How the names of its settings begin.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::SpeechToText => "STT",
            Self::LanguageModel => "LLM",
            Self::TextToSpeech => "TTS",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::SpeechToText => "speech to text",
            Self::LanguageModel => "the language model",
            Self::TextToSpeech => "text to speech",
        })
    }
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nothing came within the time limit.
    Timeout,
    /// The provider cannot be reached.
    Unreached,
    /// The connection was lost.
    Connection,
    /// It answered with this status.
    Status(u16),
    /// Its answer ended before it was whole.
    Cut,
    /// It reported an error within its answer.
    Reported,
    /// Its answer is not of the wire format.
    Malformed,
}

impl ErrorKind {
    pub(crate) const LABELS: [&'static str; 10] = [
        "timeout",
        "unreached",
        "connection_lost",
        "denied",
        "throttled",
        "client_error",
        "server_error",
        "cut",
        "reported",
        "malformed",
    ];

    /// As the metrics show it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreached => "unreached",
            Self::Connection => "connection_lost",
            Self::Status(401 | 403) => "denied",
            Self::Status(429) => "throttled",
            Self::Status(500..) => "server_error",
            Self::Status(_) => "client_error",
            Self::Cut => "cut",
            Self::Reported => "reported",
            Self::Malformed => "malformed",
        }
    }
}

/// A provider failed, and the tries are used up. Its text holds nothing of what was sent or answered, but an error code.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{provider}: {message}")]
pub struct ProviderError {
    provider: Provider,
    kind: ErrorKind,
    recoverable: bool,
    message: String,
    /// How long the provider wants to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl ProviderError {
    /// The provider that failed.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// In what way it failed.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the same request may succeed at another time. Where it may not, somebody has to change a setting.
    pub fn recoverable(&self) -> bool {
        self.recoverable
    }

    /// The HTTP status, where that is the failure.
    pub fn status(&self) -> Option<u16> {
        match self.kind {
            ErrorKind::Status(status) => Some(status),
            _ => None,
        }
    }

    fn new(provider: Provider, kind: ErrorKind, recoverable: bool, message: impl Into<String>) -> Self {
        Self { provider, kind, recoverable, message: message.into(), retry_after: None }
    }

    pub(super) fn timeout(provider: Provider, limit: Duration) -> Self {
        let limit = humantime::format_duration(limit);
        let message =
            format!("nothing came within {limit}: look at the provider, or raise PROVIDER_TIME_LIMIT");
        Self::new(provider, ErrorKind::Timeout, true, message)
    }

    pub(super) fn endless(provider: Provider) -> Self {
        Self::new(
            provider,
            ErrorKind::Timeout,
            true,
            "the answer does not come to its end: look at the provider",
        )
    }

    /// The library's own text may hold the address with all that is in it, so only its class is kept.
    pub(super) fn connection(provider: Provider, error: &reqwest::Error) -> Self {
        if error.is_connect() { Self::unreached(provider) } else { Self::lost(provider) }
    }

    pub(super) fn unreached(provider: Provider) -> Self {
        let message = format!("cannot connect: look at {}_BASE_URL and the network", provider.prefix());
        Self::new(provider, ErrorKind::Unreached, true, message)
    }

    pub(super) fn lost(provider: Provider) -> Self {
        Self::new(provider, ErrorKind::Connection, true, "the connection was lost")
    }

    pub(super) fn cut(provider: Provider) -> Self {
        Self::new(provider, ErrorKind::Cut, true, "the answer ended before it was whole")
    }

    pub(super) fn malformed(provider: Provider, what: impl Into<String>) -> Self {
        Self::new(provider, ErrorKind::Malformed, false, what)
    }

    /// The same failure, of something that may succeed at another time.
    pub(super) fn passing(self) -> Self {
        Self { recoverable: true, ..self }
    }

    pub(super) fn reported(provider: Provider, body: &serde_json::Value) -> Self {
        let code = code(body);
        let recoverable = code.as_deref().is_none_or(may_pass) && !is_out_of_credits(body);
        let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
        Self::new(provider, ErrorKind::Reported, recoverable, format!("an error within the answer{code}"))
    }

    /// An error that ended a session, with its code.
    pub(super) fn ended(provider: Provider, code: Option<&serde_json::Value>) -> Self {
        let error = Self::reported(provider, &serde_json::json!({ "code": code }));
        match code.and_then(serde_json::Value::as_u64) {
            Some(status) if is_final(status) => {
                let message = format!("the session was ended ({status})");
                Self::new(provider, ErrorKind::Reported, false, message)
            }
            _ => error,
        }
    }

    pub(super) fn status_code(
        provider: Provider,
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> Self {
        let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let code = code(&body);
        let passing = status == StatusCode::REQUEST_TIMEOUT
            || status == StatusCode::TOO_MANY_REQUESTS
            || status.is_server_error();
        let recoverable = passing && code.as_deref().is_none_or(may_pass) && !is_out_of_credits(&body);
        let prefix = provider.prefix();
        let advice = match status.as_u16() {
            401 | 403 => format!(": look at {prefix}_API_KEY"),
            404 => format!(": look at {prefix}_BASE_URL and {prefix}_MODEL"),
            400 | 413 | 415 | 422 => {
                format!(": it does not take the request; look at {prefix}_MODEL and the persona")
            }
            429 if is_out_of_credits(&body) => {
                ": the project's credits at LiveKit Inference are used up; see its billing page".to_owned()
            }
            429 => ": too many requests, or nothing left of the quota".to_owned(),
            300..=399 => format!(": it is elsewhere; set {prefix}_BASE_URL to where it is"),
            _ => String::new(),
        };
        let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
        let message = format!("status {}{code}{advice}", status.as_u16());
        Self { retry_after, ..Self::new(provider, ErrorKind::Status(status.as_u16()), recoverable, message) }
    }
}

/// The error's code or type, where it is a plain word: the message beside it may quote what was sent.
fn code(body: &serde_json::Value) -> Option<String> {
    // LiveKit Inference says in `error` what happened, and beside it which kind it is.
    let error = body.get("error").filter(|error| error.is_object()).unwrap_or(body);
    let word = |name: &str| {
        let code = error.get(name)?.as_str()?;
        let plain = |character: char| character.is_ascii_lowercase() || character == '_';
        ((1..=48).contains(&code.len()) && code.chars().all(plain)).then(|| code.to_owned())
    };
    word("code").or_else(|| word("type"))
}

/// Whether an error with this code goes away by itself.
fn may_pass(code: &str) -> bool {
    ![
        "insufficient_quota",
        "invalid_api_key",
        "model_not_found",
        "context_length_exceeded",
        "invalid_request_error",
    ]
    .contains(&code)
}

/// Whether an error with this status stays, where it ends what had begun. Another token is made for the next try, and what is
/// too much at a time passes.
fn is_final(status: u64) -> bool {
    (400..500).contains(&status) && ![401, 408, 429, 499].contains(&status)
}

/// A quota of LiveKit Inference that does not come back by itself: the others are counted by the minute, or at a time.
fn is_out_of_credits(body: &serde_json::Value) -> bool {
    let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    text("type") == "inference_quota_exceeded" && text("category").contains("Credits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> ProviderError {
        let status = StatusCode::from_u16(status).unwrap();
        ProviderError::status_code(Provider::LanguageModel, status, None, body.as_bytes())
    }

    #[test]
    fn the_status_tells_whether_it_may_succeed_later() {
        for (status, body, recoverable) in [
            (429, "", true),
            (429, r#"{"error": {"code": "rate_limit_exceeded"}}"#, true),
            (429, r#"{"error": {"code": "insufficient_quota"}}"#, false),
            (
                429,
                r#"{"error": "slow down", "type": "inference_quota_exceeded", "category": "MaxConcurrentGatewayLLMRpm"}"#,
                true,
            ),
            (
                429,
                r#"{"error": "no credits", "type": "inference_quota_exceeded", "category": "MaxGatewayCredits"}"#,
                false,
            ),
            (500, "", true),
            (503, "<html>", true),
            (408, "", true),
            (400, "", false),
            (401, "", false),
            (404, "", false),
            (302, "", false),
        ] {
            assert_eq!(error(status, body).recoverable(), recoverable, "{status} {body}");
        }
    }

    #[test]
    fn nothing_of_an_answer_but_its_code_is_shown() {
        let body = r#"{"error": {"message": "Incorrect key sk-123", "type": "invalid_request_error", "code": "sk-123"}}"#;
        let text = error(401, body).to_string();
        assert_eq!(text, "the language model: status 401 (invalid_request_error): look at LLM_API_KEY");
        assert_eq!(error(401, body).status(), Some(401));
        let body = r#"{"error": "Ann has no credits", "type": "inference_quota_exceeded", "category": "MaxGatewayCredits"}"#;
        let text = error(429, body).to_string();
        assert_eq!(
            text,
            "the language model: status 429 (inference_quota_exceeded): the project's credits at LiveKit Inference are used \
             up; see its billing page"
        );
    }
}
