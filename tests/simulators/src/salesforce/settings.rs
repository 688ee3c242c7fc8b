//! What an admin of the org could change while it runs: `POST /simulator/settings` with fields of [`Settings`].

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Salesforce;
use super::access::Name;

/// The org's set-up, as far as an integration notices it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Rows on a page of query results.
    pub page_size: usize,
    /// API calls a day; once they are used up, every further one is refused.
    pub daily_api_calls: u64,
    /// How long a token is taken, seconds.
    pub token_lifetime_seconds: u64,
    /// Who has approved that the app acts as the integration user.
    pub approval: Approval,
    /// Whether the REST API is there for this org.
    pub api_enabled: bool,
    /// Whether people can be customers without a company.
    pub person_accounts: bool,
    /// Objects and fields that the integration user does not see: `Contact`, `Lead.Email`.
    pub hidden: Vec<Name>,
    /// Objects and fields that it sees and may not change.
    pub read_only: Vec<Name>,
}

/// Whether the app may act as the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// The app may act as the user.
    Approved,
    /// Users approve it themselves, and this one has not.
    MissingFromUser,
    /// Admins approve users by a permission set, and this one has none.
    MissingFromAdmin,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            page_size: 2_000,
            daily_api_calls: 100_000,
            token_lifetime_seconds: 7_200,
            approval: Approval::Approved,
            api_enabled: true,
            person_accounts: false,
            hidden: Vec::new(),
            read_only: Vec::new(),
        }
    }
}

impl Settings {
    /// Reads an object with those settings that differ from the usual ones.
    ///
    /// # Errors
    /// A setting that there is not, or that makes no sense.
    pub fn from_json(json: &[u8]) -> serde_json::Result<Self> {
        Self::default().with(serde_json::from_slice(json)?)
    }

    /// The settings with some of them changed.
    fn with(&self, changes: Map<String, Value>) -> serde_json::Result<Self> {
        let mut settings = serde_json::to_value(self)?;
        for (name, value) in changes {
            settings[name] = value;
        }
        let settings: Self = serde_json::from_value(settings)?;
        if settings.page_size == 0 {
            return Err(serde::de::Error::custom("page_size must be at least 1"));
        }
        Ok(settings)
    }
}

pub(crate) async fn show(State(salesforce): State<Salesforce>) -> Json<Settings> {
    Json(salesforce.org().settings.clone())
}

pub(crate) async fn change(
    State(salesforce): State<Salesforce>,
    Json(changes): Json<Map<String, Value>>,
) -> Result<Json<Settings>, (StatusCode, Json<Value>)> {
    let mut org = salesforce.org();
    org.settings = org
        .settings
        .with(changes)
        .map_err(|error| (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": error.to_string() }))))?;
    Ok(Json(org.settings.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(changes: Value) -> Result<Settings, String> {
        let Value::Object(changes) = changes else { panic!() };
        Settings::default().with(changes).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_absent_stays_as_it_is() {
        let settings = with(json!({ "page_size": 7, "approval": "missing_from_user" })).unwrap();
        assert_eq!((settings.page_size, settings.approval), (7, Approval::MissingFromUser));
        assert_eq!(settings.daily_api_calls, 100_000);
    }

    #[test]
    fn a_setting_that_makes_no_sense_is_refused() {
        for changes in [json!({ "shoe": 1 }), json!({ "page_size": 0 }), json!({ "hidden": ["Shoe"] })] {
            assert!(with(changes.clone()).is_err(), "{changes}");
        }
    }
}
