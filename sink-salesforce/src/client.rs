//! The calls: query, and sObject Collections. A thin layer over HTTP that decides nothing but when to log in again.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::auth::{Token, Tokens, network};
use crate::call_error::{CallError, refused};
use crate::config::SalesforceArgs;
use crate::plan::Update;
use crate::records::Kind;
use crate::row_error::RowError;

/// Longest time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Most rows in an update call.
pub const MOST_ROWS: usize = 200;

/// Calls of one org, as one user.
pub struct Client {
    http: reqwest::Client,
    tokens: Tokens,
    data_path: String,
    allow_duplicates: bool,
}

/// What became of one row of an update.
#[derive(Debug, Deserialize)]
pub struct SaveResult {
    /// Whether it is written.
    pub success: bool,
    /// Why not.
    #[serde(default)]
    pub errors: Vec<RowError>,
}

impl Client {
    /// Reads the private key; no call is made yet.
    ///
    /// # Errors
    /// A key or a trust store that cannot be read.
    pub fn new(args: &SalesforceArgs) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(args.request_timeout.salesforce_request_timeout)
            .user_agent(concat!("postcall/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("set up the HTTP client")?;
        Ok(Self {
            tokens: Tokens::new(http.clone(), args)?,
            http,
            data_path: format!("/services/data/{}", args.salesforce_api_version),
            allow_duplicates: args.salesforce_allow_duplicates,
        })
    }

    /// Gets a token, unless there is one.
    ///
    /// # Errors
    /// No token is given.
    pub async fn log_in(&self) -> Result<(), CallError> {
        self.tokens.get(None).await.map(drop)
    }

    /// All rows of a statement.
    ///
    /// # Errors
    /// Any page that is not given.
    pub async fn query<T: DeserializeOwned>(&self, statement: &str) -> Result<Vec<T>, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page<T> {
            records: Vec<T>,
            next_records_url: Option<String>,
        }
        let path = format!("{}/query", self.data_path);
        let request = |url| self.http.request(Method::GET, url).query(&[("q", statement)]);
        let mut page: Page<T> = self.call(&path, request).await?;
        let mut rows = page.records;
        while let Some(path) = page.next_records_url {
            page = self.call(&path, |url| self.http.request(Method::GET, url)).await?;
            rows.append(&mut page.records);
        }
        Ok(rows)
    }

    /// Updates at most [`MOST_ROWS`] records, each on its own; one result for each, in their order.
    ///
    /// # Errors
    /// The call as a whole is refused or has no answer: rows may be written nevertheless.
    pub async fn update(&self, updates: &[Update<'_>]) -> Result<Vec<SaveResult>, CallError> {
        let body = Collection { all_or_none: false, records: updates.iter().map(Row::of).collect() };
        let path = format!("{}/composite/sobjects", self.data_path);
        let request = |url| {
            // Without it an assignment rule could give every updated Lead to a new owner.
            let request = self.http.request(Method::PATCH, url).header("Sforce-Auto-Assign", "FALSE");
            let allow = format!("allowSave={}", self.allow_duplicates);
            request.header("Sforce-Duplicate-Rule-Header", allow).json(&body)
        };
        let results: Vec<SaveResult> = self.call(&path, request).await?;
        if results.len() != updates.len() {
            return Err(CallError::unavailable(
                "Salesforce answers with another number of rows than it was given",
            ));
        }
        Ok(results)
    }

    /// Calls, and once more with a new token where the token is refused.
    async fn call<T: DeserializeOwned>(
        &self,
        path: &str,
        request: impl Fn(Url) -> RequestBuilder,
    ) -> Result<T, CallError> {
        let token = self.tokens.get(None).await?;
        match self.call_with(&token, path, &request).await {
            Err(CallError::Unauthorized) => {
                let token = self.tokens.get(Some(&token)).await?;
                self.call_with(&token, path, &request).await
            }
            result => result,
        }
    }

    async fn call_with<T: DeserializeOwned>(
        &self,
        token: &Arc<Token>,
        path: &str,
        request: impl Fn(Url) -> RequestBuilder,
    ) -> Result<T, CallError> {
        let mut url = token.instance.clone();
        url.set_path(path);
        let request = request(url).bearer_auth(token.value.expose_secret());
        let answer = request.send().await.map_err(network)?;
        let (status, after) = (answer.status(), retry_after(answer.headers()));
        let body = answer.bytes().await.map_err(network)?;
        if status != StatusCode::OK {
            return Err(refused(status.as_u16(), after, &body));
        }
        // The parser's message can quote the body.
        serde_json::from_slice(&body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            CallError::unavailable(format!(
                "the answer of Salesforce is not readable at line {line}, column {column}"
            ))
        })
    }
}

/// Seconds of a `Retry-After`, an hour at most.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(3_600)))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Collection<'a> {
    all_or_none: bool,
    records: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    attributes: Attributes,
    id: &'a str,
    #[serde(rename = "Last_Voice_Session__c")]
    session: Option<&'a str>,
    #[serde(rename = "Last_Voice_Call_Date__c")]
    call_date: Option<String>,
    #[serde(rename = "Voice_Qualification_Tier__c", skip_serializing_if = "Option::is_none")]
    tier: Option<&'a str>,
}

#[derive(Serialize)]
struct Attributes {
    #[serde(rename = "type")]
    kind: &'static str,
}

impl<'a> Row<'a> {
    fn of(update: &'a Update<'_>) -> Self {
        let voice = &update.newest.voice;
        let kind: Kind = update.record.kind;
        Self {
            attributes: Attributes { kind: kind.name() },
            id: &update.record.id,
            session: voice.session.as_deref(),
            call_date: voice.call_date.map(|time| time.format("%Y-%m-%dT%H:%M:%S.000Z").to_string()),
            tier: voice.tier.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::plan::Call;
    use crate::records::Record;
    use crate::voice::Voice;

    fn update(tier: Option<&str>) -> Update<'static> {
        let end_time = DateTime::from_timestamp(1_761_739_384, 0).unwrap();
        let voice = Voice {
            session: Some("room".to_owned()),
            call_date: Some(end_time),
            tier: tier.map(str::to_owned),
        };
        let record = Record { kind: Kind::Lead, id: "00Q1".to_owned(), voice: Voice::default() };
        let newest = Call { index: 0, email: "a@x.org", voice, end_time, job_id: "j" };
        Update { record, newest, older: Vec::new() }
    }

    #[test]
    fn a_row_names_the_three_fields_and_leaves_an_unknown_tier_out() {
        let json = |update: &Update| serde_json::to_string(&Row::of(update)).unwrap();
        insta::assert_snapshot!(
            json(&update(Some("hot"))),
            @r#"{"attributes":{"type":"Lead"},"id":"00Q1","Last_Voice_Session__c":"room","Last_Voice_Call_Date__c":"2025-10-29T12:03:04.000Z","Voice_Qualification_Tier__c":"hot"}"#
        );
        insta::assert_snapshot!(
            json(&update(None)),
            @r#"{"attributes":{"type":"Lead"},"id":"00Q1","Last_Voice_Session__c":"room","Last_Voice_Call_Date__c":"2025-10-29T12:03:04.000Z"}"#
        );
    }

    #[test]
    fn a_retry_after_is_read_in_seconds() {
        let header =
            |value: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]));
        assert_eq!(header("7"), Some(Duration::from_secs(7)));
        assert_eq!(header("999999"), Some(Duration::from_secs(3_600)));
        assert_eq!(header("Wed, 21 Oct 2015 07:28:00 GMT"), None);
    }
}
