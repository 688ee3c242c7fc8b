//! Faults on request: `POST /simulator/faults` with the fields of [`Injection`].

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::Salesforce;

/// What goes wrong with the coming data calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// Calls yet to be answered with 503 instead of being served.
    pub unavailable: u32,
    /// Updates yet to be done and then answered with 503, so that the caller cannot know.
    pub lost_answers: u32,
    /// Whether every call is refused because the day's calls are used up.
    pub request_limit_exceeded: bool,
    /// How long every call takes before it is looked at, milliseconds.
    pub delay_milliseconds: u64,
}

/// A change of the faults; what is absent stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Injection {
    unavailable: Option<u32>,
    lost_answers: Option<u32>,
    request_limit_exceeded: Option<bool>,
    delay_milliseconds: Option<u64>,
    /// Ends all sessions: the tokens given out so far are refused from now on.
    expire_tokens: bool,
}

impl Faults {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_milliseconds)
    }

    pub(crate) fn take_unavailable(&mut self) -> bool {
        take(&mut self.unavailable)
    }

    pub(crate) fn take_lost_answer(&mut self) -> bool {
        take(&mut self.lost_answers)
    }
}

pub(crate) async fn inject(
    State(salesforce): State<Salesforce>,
    Json(injection): Json<Injection>,
) -> Json<Faults> {
    let mut org = salesforce.org();
    if injection.expire_tokens {
        org.sessions.clear();
    }
    let faults = &mut org.faults;
    faults.unavailable = injection.unavailable.unwrap_or(faults.unavailable);
    faults.lost_answers = injection.lost_answers.unwrap_or(faults.lost_answers);
    faults.request_limit_exceeded = injection.request_limit_exceeded.unwrap_or(faults.request_limit_exceeded);
    faults.delay_milliseconds = injection.delay_milliseconds.unwrap_or(faults.delay_milliseconds);
    Json(faults.clone())
}

fn take(count: &mut u32) -> bool {
    let some_left = *count > 0;
    *count = count.saturating_sub(1);
    some_left
}
