//! What a project of the gateway may use. An answer that refuses says what is used up.

use std::collections::VecDeque;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::Instant;

use crate::openai::OpenAi;
use crate::openai::faults::endpoint::Endpoint;
use crate::sockets::counters::OpenSocket;

const MINUTE: Duration = Duration::from_secs(60);
/// The category of credits that are used up.
const CREDITS: &str = "MaxGatewayCredits";
/// That of too many requests to the model in a minute.
const REQUESTS: &str = "MaxConcurrentGatewayLLMRpm";

/// Something is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exceeded {
    quota_type: &'static str,
    category: String,
    /// How much of it is used.
    usage: usize,
}

impl Exceeded {
    /// Without a category, it is the credits.
    pub(crate) fn new(endpoint: Endpoint, category: &str, usage: usize) -> Self {
        let quota_type = match endpoint {
            Endpoint::Stt => "stt",
            Endpoint::Tts => "tts",
            _ => "llm",
        };
        let category = if category.is_empty() { CREDITS } else { category };
        Self { quota_type, category: category.to_owned(), usage }
    }
}

impl IntoResponse for Exceeded {
    fn into_response(self) -> Response {
        let Self { quota_type, category, usage } = self;
        let what = match category.as_str() {
            CREDITS => "gateway credits".to_owned(),
            REQUESTS => "LLM request/min rate limit".to_owned(),
            _ => format!("{} limit", quota_type.to_uppercase()),
        };
        let hint = match category.as_str() {
            CREDITS => "Wait for the next billing cycle, or upgrade the plan.",
            _ => "Reduce the rate of requests, or upgrade the plan.",
        };
        let used = usage.to_string();
        let error = format!(
            "{what} exceeded, category: {category}, remaining_limit: 0, current_usage: {used}, status: QuotaStatusExceeded"
        );
        let body = json!({
            "type": "inference_quota_exceeded", "error": error, "hint": hint, "quota_type": quota_type,
            "category": category, "remaining_limit": 0,
            "documentation_url": "https://docs.livekit.io/home/cloud/quotas-and-limits/",
        });
        let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response();
        if category == REQUESTS {
            stamp(&mut response, "rpm", usage, usage);
        }
        response
    }
}

/// Tells in an answer's headers how much of a limit is used.
pub(crate) fn stamp(response: &mut Response, name: &str, limit: usize, used: usize) {
    for (part, value) in [("limit", limit), ("used", used)] {
        if let Ok(header) = HeaderName::try_from(format!("x-livekit-inference-{name}-{part}")) {
            response.headers_mut().insert(header, value.into());
        }
    }
}

/// When requests were answered in the last minute.
#[derive(Debug, Default)]
pub(crate) struct LastMinute(VecDeque<Instant>);

impl LastMinute {
    /// Counts a request: how many there were with it, or `None` where `most` are reached.
    fn count(&mut self, now: Instant, most: usize) -> Option<usize> {
        while self.0.pop_front_if(|then| now.duration_since(*then) >= MINUTE).is_some() {}
        (self.0.len() < most).then(|| {
            self.0.push_back(now);
            self.0.len()
        })
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Lets a request to the model pass; answers the limit of a minute, and how much of it is used.
pub(crate) fn admit_request(openai: &OpenAi) -> Result<Option<(usize, usize)>, Exceeded> {
    let mut state = openai.state();
    if state.settings.credits_used_up {
        return Err(Exceeded::new(Endpoint::Chat, CREDITS, 0));
    }
    let Some(limit) = state.settings.llm_requests_per_minute else { return Ok(None) };
    let used = state.last_minute.count(Instant::now(), limit);
    used.map(|used| Some((limit, used))).ok_or_else(|| Exceeded::new(Endpoint::Chat, REQUESTS, limit))
}

/// Opens a socket of the gateway, if there may be one more.
pub(crate) fn open(openai: &OpenAi, endpoint: Endpoint) -> Result<OpenSocket, Exceeded> {
    let settings = openai.settings();
    if settings.credits_used_up {
        openai.state().sockets.of(endpoint).refused += 1;
        return Err(Exceeded::new(endpoint, CREDITS, 0));
    }
    let (most, category) = match endpoint {
        Endpoint::Tts => (settings.tts_sockets, "MaxConcurrentGatewayTTS"),
        _ => (settings.stt_sockets, "MaxConcurrentGatewaySTT"),
    };
    let open = OpenSocket::new(openai, endpoint, most);
    open.ok_or_else(|| Exceeded::new(endpoint, category, most.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_so_many_requests() {
        let (mut minute, start) = (LastMinute::default(), Instant::now());
        assert_eq!(minute.count(start, 2), Some(1));
        assert_eq!(minute.count(start + MINUTE / 2, 2), Some(2));
        assert_eq!(minute.count(start + MINUTE / 2, 2), None);
        assert_eq!(minute.count(start + MINUTE, 2), Some(2));
    }
}
