//! The calls of the API: describe, query, and sObject Collections. A thin layer over HTTP that decides nothing but when to log in again,
//! and counts the calls.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use reqwest::{RequestBuilder, StatusCode, Url};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::json;
use service::Backoff;
use service::traces::{Span, client_span};
use tokio::time::Instant;

use crate::answer::{body, network, retry_after};
use crate::auth::{Token, Tokens};
use crate::call_error::{CallError, refused};
use crate::config::SalesforceArgs;
use crate::field_type::FieldDescription;
use crate::fields::Row;
use crate::records::{Kind, Record};
use crate::row_error::{RowError, Verdict, verdict};
use crate::usage::Usage;

/// Where the versions of the API are.
const VERSIONS: &str = "/services/data";
/// Further tries of a call that broke, and the pauses before them.
const MORE_TRIES: u32 = 2;
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(200));
/// Bytes of URL and headers together that Salesforce takes.
const LONGEST_REQUEST: usize = 16_384;
/// Bytes of the headers beside the token, and of the path.
const OTHER_HEADERS: usize = 1_024;
/// Room for at least one address, whatever the token.
pub(crate) const SHORTEST_STATEMENT: usize = 4_000;
/// Most rows in an update call.
pub const MOST_ROWS: usize = 200;

/// Most rows that one look-up may find: of addresses that have more, each has to be alone.
const MOST_FOUND: usize = 10_000;

/// Calls of one org, as one user.
pub struct Client {
    tokens: Tokens,
    /// The version of the API, such as `v68.0`.
    pub version: String,
    allow_duplicates: bool,
    /// How many of the org's calls are used.
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

/// How often a call is made that breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tries {
    /// It is made once.
    One,
    /// It is made up to three times.
    Several,
}

/// What became of one row of an update.
#[derive(Debug, Deserialize)]
pub struct SaveResult {
    /// The record; of a row that is refused it may be missing.
    #[serde(default)]
    pub id: Option<String>,
    /// Whether it is written.
    pub success: bool,
    /// Why it is not written.
    #[serde(default)]
    pub errors: Vec<RowError>,
}

impl SaveResult {
    /// What the result means for the record.
    pub fn verdict(&self, record: &Record) -> Verdict {
        if self.success { Verdict::Updated } else { verdict(&self.errors, record) }
    }
}

impl Client {
    /// Reads the private key; no call is made yet.
    ///
    /// # Errors
    /// A key or a trust store that cannot be read, or an address without TLS.
    pub fn new(args: &SalesforceArgs) -> anyhow::Result<Self> {
        Ok(Self {
            tokens: Tokens::new(args)?,
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
        self.token(None).await.map(drop)
    }

    /// Whether the org answers a call that does not depend on any session.
    ///
    /// # Errors
    /// It does not.
    pub(crate) async fn ask_whether_it_is_there(&self) -> Result<(), CallError> {
        let path = format!("{VERSIONS}/{}/sobjects/{}/describe", self.version, Kind::Lead.object());
        let answer: Result<IgnoredAny, _> = self.call(&path, Tries::One, |http, url| http.get(url)).await;
        answer.map(drop)
    }

    /// Most bytes that a statement may have in a URL.
    ///
    /// # Errors
    /// No token is given.
    pub async fn longest_statement(&self) -> Result<usize, CallError> {
        let token = self.token(None).await?;
        let taken = token.value.expose_secret().len() + token.instance.as_str().len() + OTHER_HEADERS;
        Ok(LONGEST_REQUEST.saturating_sub(taken).max(SHORTEST_STATEMENT))
    }

    /// The versions of the API that the org has, the oldest first.
    ///
    /// # Errors
    /// The org does not give them.
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
    /// The org does not give it.
    pub async fn describe(&self, kind: Kind) -> Result<Description, CallError> {
        let object = kind.object();
        self.get(&format!("{VERSIONS}/{}/sobjects/{object}/describe", self.version)).await
    }

    /// All rows of a statement. That there are no more is what the answer says itself: whatever else has the shape of an
    /// answer without rows is none.
    ///
    /// # Errors
    /// Any page that is not given, or pages that are not as many rows as they say.
    pub async fn query<T: DeserializeOwned>(
        &self,
        statement: &str,
        tries: Tries,
    ) -> Result<Vec<T>, CallError> {
        let asked = self.query_all(statement, tries);
        let describe =
            |span, answer: &Result<Vec<T>, CallError>| described(span, "GET", answer.as_ref().map(Vec::len));
        client_span("salesforce query", asked, describe).await
    }

    async fn query_all<T: DeserializeOwned>(
        &self,
        statement: &str,
        tries: Tries,
    ) -> Result<Vec<T>, CallError> {
        let path = format!("{VERSIONS}/{}/query", self.version);
        let request = |http: &reqwest::Client, url| http.get(url).query(&[("q", statement)]);
        let mut page: Page<T> = self.call(&path, tries, request).await?;
        let total = page.total_size;
        if total > MOST_FOUND {
            let reason = format!("{total} records are found by one look-up; merge those that are one person");
            return Err(CallError::Content { reason });
        }
        let mut rows = page.records;
        while !page.done {
            let next = page.next_records_url.filter(|_| rows.len() < total).ok_or_else(incomplete)?;
            page = self.get(&next).await?;
            if page.records.is_empty() {
                return Err(incomplete());
            }
            rows.append(&mut page.records);
        }
        if rows.len() == total { Ok(rows) } else { Err(incomplete()) }
    }

    /// Updates at most [`MOST_ROWS`] records, each on its own; one result for each, in their order.
    ///
    /// # Errors
    /// The call as a whole is refused or has no answer: rows may be written nevertheless.
    pub async fn update(&self, rows: &[Row], tries: Tries) -> Result<Vec<SaveResult>, CallError> {
        let body = json!({ "allOrNone": false, "records": rows });
        let path = format!("{VERSIONS}/{}/composite/sobjects", self.version);
        let request = |http: &reqwest::Client, url| {
            // Without it an assignment rule could give every updated Lead to a new owner.
            let request = http.patch(url).header("Sforce-Auto-Assign", "FALSE");
            let allow = format!("allowSave={}", self.allow_duplicates);
            request.header("Sforce-Duplicate-Rule-Header", allow).json(&body)
        };
        let updated = async {
            let results: Vec<SaveResult> = self.call(&path, tries, request).await?;
            prove(&results, rows)?;
            Ok(results)
        };
        let describe = |span, answer: &Result<Vec<SaveResult>, CallError>| {
            described(span, "PATCH", answer.as_ref().map(Vec::len))
        };
        client_span("salesforce update", updated, describe).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        self.call(path, Tries::Several, |http, url| http.get(url)).await
    }

    /// Calls: once more with a new token where the token is refused or the org has moved, and a few times more where the call broke. Every call
    /// that there is can be made again: what is written twice is written once.
    async fn call<T: DeserializeOwned>(
        &self,
        path: &str,
        tries: Tries,
        request: impl Fn(&reqwest::Client, Url) -> RequestBuilder,
    ) -> Result<T, CallError> {
        let mut token = self.token(None).await?;
        let (mut renewed, mut broken) = (false, 0);
        loop {
            let answer = self.call_with(&token, path, &request).await;
            match answer.inspect_err(|error| self.usage.count_error(error)) {
                Err(CallError::Unauthorized | CallError::Elsewhere { .. }) if !renewed => {
                    renewed = true;
                    token = self.token(Some(&token)).await?;
                }
                Err(CallError::Broken { .. }) if tries == Tries::Several && broken < MORE_TRIES => {
                    broken += 1;
                    tokio::time::sleep(BACKOFF.pause(broken)).await;
                }
                result => return result,
            }
        }
    }

    /// A token; another one than that, where it was refused.
    async fn token(&self, refused: Option<&Arc<Token>>) -> Result<Arc<Token>, CallError> {
        self.tokens.get(refused).await.inspect_err(|_| self.usage.count_failed_log_in())
    }

    async fn call_with<T: DeserializeOwned>(
        &self,
        token: &Arc<Token>,
        path: &str,
        request: impl Fn(&reqwest::Client, Url) -> RequestBuilder,
    ) -> Result<T, CallError> {
        let mut url = token.instance.clone();
        url.set_path(path);
        let request = request(&token.http, url).bearer_auth(token.value.expose_secret());
        self.usage.count();
        let unanswered = |error| {
            token.suspect();
            error
        };
        let answer = request.send().await.map_err(|error| unanswered(network(error)))?;
        self.usage.follow(answer.headers(), Instant::now());
        let (status, after) = (answer.status(), retry_after(answer.headers()));
        let body = body(answer).await.map_err(unanswered)?;
        if status != StatusCode::OK {
            let error = refused(status.as_u16(), after, &body);
            if matches!(error, CallError::Elsewhere { .. })
                || serde_json::from_slice::<IgnoredAny>(&body).is_err()
            {
                token.suspect();
            }
            return Err(error);
        }
        // The parser's message can quote the body.
        serde_json::from_slice(&body).map_err(|error| {
            token.suspect();
            let (line, column) = (error.line(), error.column());
            CallError::doubtful(format!(
                "the answer of Salesforce is not readable at line {line}, column {column}: does a proxy or a portal \
                 answer in its place?"
            ))
        })
    }
}

/// A call as its span tells it: how many rows it was about, and neither whose nor what was asked.
fn described(span: Span, method: &'static str, rows: Result<usize, &CallError>) -> Span {
    let span = span.with("http.request.method", method);
    match rows {
        Ok(rows) => span.with("postcall.rows", i64::try_from(rows).unwrap_or(i64::MAX)),
        Err(error) => span.failed(error.kind()),
    }
}

/// A page of an answer to a query.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    total_size: usize,
    done: bool,
    records: Vec<T>,
    next_records_url: Option<String>,
}

fn incomplete() -> CallError {
    CallError::doubtful("Salesforce answers a query with another number of rows than it says that there are")
}

/// A row is written where the answer names it: one result for each, in the order of the rows.
fn prove(results: &[SaveResult], rows: &[Row]) -> Result<(), CallError> {
    if results.len() != rows.len() {
        return Err(CallError::doubtful("Salesforce answers with another number of rows than it was given"));
    }
    let names = |(result, row): (&SaveResult, &Row)| {
        let id = row.get("id").and_then(serde_json::Value::as_str);
        match (&result.id, result.success) {
            (Some(named), _) => id.is_some_and(|id| is_same_id(named, id)),
            (None, success) => !success,
        }
    };
    if results.iter().zip(rows).all(names) {
        Ok(())
    } else {
        Err(CallError::doubtful(
            "Salesforce does not name the rows that it was given; they are written again",
        ))
    }
}

/// An id of 15 characters, or the same with its three for those who cannot tell cases apart.
fn is_same_id(one: &str, other: &str) -> bool {
    let core = |id: &str| id.get(..15).map(str::to_owned).filter(|_| matches!(id.len(), 15 | 18));
    core(one).is_some_and(|core_of_one| core(other) == Some(core_of_one))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value};

    use super::*;

    #[test]
    fn a_row_is_written_where_the_answer_names_it() {
        let rows = ["00Q5f00000A0001EAB", "00Q5f00000A0002"]
            .map(|id| Row::from_iter([("id".to_owned(), id.into())]));
        let proven = |results: Value| prove(&from_value::<Vec<SaveResult>>(results).unwrap(), &rows).is_ok();
        let one = json!({ "id": "00Q5f00000A0001", "success": true, "errors": [] });
        let two = json!({ "id": "00Q5f00000A0002EAV", "success": true, "errors": [] });
        let refused =
            json!({ "success": false, "errors": [{ "statusCode": "X", "message": "", "fields": [] }] });
        assert!(proven(json!([one, two])));
        assert!(proven(json!([refused, two])) && proven(json!([one, refused])));
        for odd in [
            json!([two, one]),
            json!([one, one]),
            json!([one]),
            json!([one, two, two]),
            json!([]),
            json!([{ "success": true }, { "success": true }]),
            json!([one, { "id": null, "success": true }]),
            json!([one, { "id": "", "success": true }]),
            json!([one, { "id": "00q5f00000a0002EAV", "success": true }]),
        ] {
            assert!(!proven(odd.clone()), "{odd}");
        }
    }
}
