//! The calls: describe, query, and sObject Collections. A thin layer over HTTP that decides nothing but when to log in again,
//! and counts the calls.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, StatusCode, Url};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::Instant;

use crate::auth::{Token, Tokens, network};
use crate::call_error::{CallError, refused};
use crate::config::SalesforceArgs;
use crate::field_type::FieldDescription;
use crate::fields::Row;
use crate::records::{Kind, Record};
use crate::row_error::{RowError, Verdict, verdict};
use crate::usage::Usage;

/// Where the versions of the API are.
const VERSIONS: &str = "/services/data";
/// Longest time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Further tries of a call that broke, and the longest pause before the first of them.
const MORE_TRIES: u32 = 2;
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes of URL and headers together that Salesforce takes.
const LONGEST_REQUEST: usize = 16_384;
/// Of the headers beside the token, and of the path.
const OTHER_HEADERS: usize = 1_024;
/// Room for at least one address, whatever the token.
pub(crate) const SHORTEST_STATEMENT: usize = 4_000;
/// Most rows in an update call.
pub const MOST_ROWS: usize = 200;

/// Calls of one org, as one user.
pub struct Client {
    http: reqwest::Client,
    tokens: Tokens,
    /// Of the API, such as `v68.0`.
    pub version: String,
    allow_duplicates: bool,
    /// Of the org's calls.
    pub usage: Usage,
}

/// What an org says of an object.
#[derive(Debug, Deserialize)]
pub struct Description {
    /// Its fields, as far as the user may see them.
    pub fields: Vec<FieldDescription>,
}

impl Description {
    /// Whether the user sees a field of that name.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// Of Contacts: whether they can be the persons of accounts.
    pub fn has_person_accounts(&self) -> bool {
        self.has("IsPersonAccount")
    }
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

impl SaveResult {
    /// What it means for the record.
    pub fn verdict(&self, record: &Record) -> Verdict {
        if self.success { Verdict::Updated } else { verdict(&self.errors, record) }
    }
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
            version: args.salesforce_api_version.clone(),
            allow_duplicates: args.salesforce_allow_duplicates,
            usage: Usage::new(args.salesforce_api_percent).context("make metrics")?,
        })
    }

    /// Gets a token, unless there is one.
    ///
    /// # Errors
    /// No token is given.
    pub async fn log_in(&self) -> Result<(), CallError> {
        self.tokens.get(None).await.map(drop)
    }

    /// Most bytes that a statement may have in a URL.
    ///
    /// # Errors
    /// No token is given.
    pub async fn longest_statement(&self) -> Result<usize, CallError> {
        let token = self.tokens.get(None).await?;
        let taken = token.value.expose_secret().len() + token.instance.as_str().len() + OTHER_HEADERS;
        Ok(LONGEST_REQUEST.saturating_sub(taken).max(SHORTEST_STATEMENT))
    }

    /// The versions of the API that the org has, the oldest first.
    ///
    /// # Errors
    /// They are not given.
    pub async fn versions(&self) -> Result<Vec<String>, CallError> {
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        let versions: Vec<Version> = self.get(VERSIONS).await?;
        Ok(versions.into_iter().map(|Version { version }| format!("v{version}")).collect())
    }

    /// What the org says of an object.
    ///
    /// # Errors
    /// It is not given.
    pub async fn describe(&self, kind: Kind) -> Result<Description, CallError> {
        let object = kind.object();
        self.get(&format!("{VERSIONS}/{}/sobjects/{object}/describe", self.version)).await
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
        let path = format!("{VERSIONS}/{}/query", self.version);
        let request = |url| self.http.get(url).query(&[("q", statement)]);
        let mut page: Page<T> = self.call(&path, request).await?;
        let mut rows = page.records;
        while let Some(path) = page.next_records_url {
            page = self.get(&path).await?;
            rows.append(&mut page.records);
        }
        Ok(rows)
    }

    /// Updates at most [`MOST_ROWS`] records, each on its own; one result for each, in their order.
    ///
    /// # Errors
    /// The call as a whole is refused or has no answer: rows may be written nevertheless.
    pub async fn update(&self, rows: &[Row]) -> Result<Vec<SaveResult>, CallError> {
        let body = json!({ "allOrNone": false, "records": rows });
        let path = format!("{VERSIONS}/{}/composite/sobjects", self.version);
        let request = |url| {
            // Without it an assignment rule could give every updated Lead to a new owner.
            let request = self.http.patch(url).header("Sforce-Auto-Assign", "FALSE");
            let allow = format!("allowSave={}", self.allow_duplicates);
            request.header("Sforce-Duplicate-Rule-Header", allow).json(&body)
        };
        let results: Vec<SaveResult> = self.call(&path, request).await?;
        if results.len() != rows.len() {
            return Err(CallError::unavailable(
                "Salesforce answers with another number of rows than it was given",
            ));
        }
        Ok(results)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        self.call(path, |url| self.http.get(url)).await
    }

    /// Calls: once more with a new token where the token is refused, and a few times more where the call broke. Every call
    /// that there is can be made again: what is written twice is written once.
    async fn call<T: DeserializeOwned>(
        &self,
        path: &str,
        request: impl Fn(Url) -> RequestBuilder,
    ) -> Result<T, CallError> {
        let mut token = self.tokens.get(None).await?;
        let (mut renewed, mut broken) = (false, 0);
        loop {
            match self.call_with(&token, path, &request).await {
                Err(CallError::Unauthorized) if !renewed => {
                    renewed = true;
                    token = self.tokens.get(Some(&token)).await?;
                }
                Err(CallError::Broken { .. }) if broken < MORE_TRIES => {
                    broken += 1;
                    tokio::time::sleep(PAUSE.mul_f64(f64::from(broken) * rand::random_range(0.5..=1.0)))
                        .await;
                }
                result => return result,
            }
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
        self.usage.count();
        let answer = request.send().await.map_err(network)?;
        self.usage.follow(answer.headers(), Instant::now());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_after_is_read_in_seconds() {
        let header =
            |value: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]));
        assert_eq!(header("7"), Some(Duration::from_secs(7)));
        assert_eq!(header("999999"), Some(Duration::from_secs(3_600)));
        assert_eq!(header("Wed, 21 Oct 2015 07:28:00 GMT"), None);
    }
}
