//! Fault injection: `POST /simulator/faults` with the fields of [`Injection`].

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::Salesforce;
use super::fault_rate::FaultRate;

/// A way in which a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A data call is answered with 503 instead of being served.
    Unavailable,
    /// A writing call is served and then answered with 503, so that the caller cannot know.
    LostAnswers,
    /// A data call is served, and the connection breaks in the middle of the answer.
    CutAnswers,
    /// A data call is answered after `slow_milliseconds`.
    SlowAnswers,
    /// An error is a bare object instead of a list with one.
    BareErrors,
    /// The token of a data call is refused, now and from then on.
    ExpiredTokens,
    /// A data call is refused as if the day's calls were used up.
    ExhaustedLimits,
    /// A token call is answered with 503.
    TokensUnavailable,
    /// An update of a row finds it locked.
    LockedRows,
    /// An update of a row ends in a trigger that finds another one locked.
    LocksWithinTriggers,
}

/// What goes wrong with the coming calls.
#[derive(Debug, Clone, Serialize)]
pub struct Faults {
    #[serde(flatten)]
    rates: BTreeMap<Fault, FaultRate>,
    request_limit_exceeded: bool,
    delay_milliseconds: u64,
    slow_milliseconds: u64,
}

/// A change of the faults; what is absent stays as it is.
#[derive(Debug, Deserialize)]
pub struct Injection {
    /// Whether every call is refused because the day's calls are used up.
    request_limit_exceeded: Option<bool>,
    /// How long every call takes before it is looked at, milliseconds.
    delay_milliseconds: Option<u64>,
    /// How long a slow answer takes on top of that, milliseconds; 1,000 where nothing was said.
    slow_milliseconds: Option<u64>,
    /// Ends all sessions: the tokens given out so far are refused from now on.
    #[serde(default)]
    expire_tokens: bool,
    /// How often each fault strikes. An unknown name is refused.
    #[serde(flatten)]
    rates: BTreeMap<Fault, FaultRate>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            rates: BTreeMap::new(),
            request_limit_exceeded: false,
            delay_milliseconds: 0,
            slow_milliseconds: 1_000,
        }
    }
}

impl Faults {
    /// Whether the fault strikes this time, which counts as one.
    pub(crate) fn strikes(&mut self, fault: Fault) -> bool {
        self.rates.get_mut(&fault).is_some_and(FaultRate::strikes)
    }

    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_milliseconds)
    }

    pub(crate) fn slowness(&self) -> Duration {
        Duration::from_millis(self.slow_milliseconds)
    }

    pub(crate) fn request_limit_exceeded(&self) -> bool {
        self.request_limit_exceeded
    }

    fn change(&mut self, injection: Injection) {
        self.rates.extend(injection.rates);
        self.request_limit_exceeded = injection.request_limit_exceeded.unwrap_or(self.request_limit_exceeded);
        self.delay_milliseconds = injection.delay_milliseconds.unwrap_or(self.delay_milliseconds);
        self.slow_milliseconds = injection.slow_milliseconds.unwrap_or(self.slow_milliseconds);
    }
}

pub(crate) async fn show(State(salesforce): State<Salesforce>) -> Json<Faults> {
    Json(salesforce.org().faults.clone())
}

pub(crate) async fn inject(
    State(salesforce): State<Salesforce>,
    Json(injection): Json<Injection>,
) -> Json<Faults> {
    let mut org = salesforce.org();
    if injection.expire_tokens {
        org.sessions.clear();
    }
    org.faults.change(injection);
    Json(org.faults.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_leaves_the_other_faults_as_they_are() {
        let mut faults = Faults::default();
        for change in [
            json!({ "unavailable": 1, "locked_rows": 2 }),
            json!({ "unavailable": 0, "delay_milliseconds": 5 }),
        ] {
            faults.change(serde_json::from_value(change).unwrap());
        }
        assert!(!faults.strikes(Fault::Unavailable) && !faults.strikes(Fault::CutAnswers));
        assert!(
            faults.strikes(Fault::LockedRows)
                && faults.strikes(Fault::LockedRows)
                && !faults.strikes(Fault::LockedRows)
        );
        assert_eq!(faults.delay(), Duration::from_millis(5));
    }

    #[test]
    fn a_fault_that_nobody_knows_is_refused() {
        for change in
            [json!({ "shoes": 1 }), json!({ "unavailable": -1 }), json!({ "unavailable": { "share": 2 } })]
        {
            assert!(serde_json::from_value::<Injection>(change.clone()).is_err(), "{change}");
        }
    }
}
