//! Access tokens for signed assertions (OAuth 2.0 JWT bearer).

use std::sync::Arc;

use anyhow::Context;
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Url;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::call_error::{CallError, token_refused};
use crate::client::retry_after;
use crate::config::SalesforceArgs;

/// How long an assertion is valid, seconds; Salesforce takes 180 at most.
const ASSERTION_VALIDITY: i64 = 170;

/// Mints tokens and keeps the last one.
pub(crate) struct Tokens {
    http: reqwest::Client,
    url: Url,
    client_id: String,
    username: String,
    audience: String,
    key: EncodingKey,
    last: Mutex<Option<Arc<Token>>>,
}

/// Access to the data of an org.
pub(crate) struct Token {
    pub(crate) value: SecretString,
    /// Where data calls go.
    pub(crate) instance: Url,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    instance_url: String,
}

impl Tokens {
    /// Reads the private key.
    pub(crate) fn new(http: reqwest::Client, args: &SalesforceArgs) -> anyhow::Result<Self> {
        let file = args.salesforce_private_key_file.display();
        let pem = std::fs::read(&args.salesforce_private_key_file)
            .with_context(|| format!("read private key {file}"))?;
        let key = EncodingKey::from_rsa_pem(&pem).with_context(|| format!("read RSA private key {file}"))?;
        let url = args.salesforce_url.join("/services/oauth2/token").context("build the token URL")?;
        Ok(Self {
            http,
            url,
            client_id: args.salesforce_client_id.clone(),
            username: args.salesforce_username.clone(),
            audience: args.salesforce_audience.clone(),
            key,
            last: Mutex::new(None),
        })
    }

    /// The token, minted where there is none or where it is the refused one. Those who come meanwhile wait for it.
    pub(crate) async fn get(&self, refused: Option<&Arc<Token>>) -> Result<Arc<Token>, CallError> {
        let mut last = self.last.lock().await;
        match last.as_ref() {
            Some(token) if !refused.is_some_and(|refused| Arc::ptr_eq(refused, token)) => Ok(token.clone()),
            _ => {
                let token = Arc::new(self.mint().await?);
                tracing::info!(instance = token.instance.host_str(), "got an access token");
                *last = Some(token.clone());
                Ok(token)
            }
        }
    }

    async fn mint(&self) -> Result<Token, CallError> {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()),
            ("assertion", self.assertion()?),
        ];
        let answer = self.http.post(self.url.clone()).form(&form).send().await.map_err(network)?;
        let (status, after) = (answer.status().as_u16(), retry_after(answer.headers()));
        let body = answer.bytes().await.map_err(network)?;
        if status != 200 {
            return Err(token_refused(status, after, &body));
        }
        let unreadable = || CallError::unavailable("the token answer is not readable; check SALESFORCE_URL");
        let TokenAnswer { access_token, instance_url } =
            serde_json::from_slice(&body).map_err(|_| unreadable())?;
        let instance = Url::parse(&instance_url).map_err(|_| unreadable())?;
        if self.url.scheme() == "https" && instance.scheme() != "https" {
            return Err(CallError::unavailable("the token answer names an instance without TLS"));
        }
        Ok(Token { value: access_token, instance })
    }

    fn assertion(&self) -> Result<String, CallError> {
        let claims = Claims {
            iss: &self.client_id,
            sub: &self.username,
            aud: &self.audience,
            exp: Utc::now().timestamp() + ASSERTION_VALIDITY,
        };
        encode(&Header::new(Algorithm::RS256), &claims, &self.key)
            .map_err(|error| CallError::unavailable(format!("the assertion cannot be signed: {error}")))
    }
}

/// The error of a request that had no answer, without its URL: that can hold a query.
pub(crate) fn network(error: reqwest::Error) -> CallError {
    let what = if error.is_timeout() { "does not answer in time" } else { "is not reached" };
    let error = error.without_url();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    let last = causes.last().map(ToString::to_string).unwrap_or_default();
    CallError::unavailable(format!("Salesforce {what}: {last}"))
}
