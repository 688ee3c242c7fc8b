//! Access tokens (OAuth 2.0), for a signed assertion or for the app's secret.

use std::sync::Arc;

use anyhow::{Context, ensure};
use chrono::Utc;
use reqwest::{RequestBuilder, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::assertion::SigningKey;
use crate::call_error::{CallError, token_refused};
use crate::client::retry_after;
use crate::config::{Grant, SalesforceArgs};

/// How long an assertion is valid, seconds; Salesforce takes 180 at most.
const ASSERTION_VALIDITY: i64 = 170;

/// Mints tokens and keeps the last one.
pub(crate) struct Tokens {
    http: reqwest::Client,
    url: Url,
    client_id: String,
    proof: Proof,
    last: Mutex<Option<Arc<Token>>>,
}

/// What the app shows to get a token.
enum Proof {
    Assertion { username: String, audience: String, key: SigningKey },
    Secret(SecretString),
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
    /// Reads the private key, or the secret.
    pub(crate) fn new(http: reqwest::Client, args: &SalesforceArgs) -> anyhow::Result<Self> {
        let url = args.salesforce_url.join("/services/oauth2/token").context("build the token URL")?;
        let client_id = args.salesforce_client_id.clone();
        Ok(Self { http, url, client_id, proof: Proof::read(args)?, last: Mutex::new(None) })
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
        let answer = self.request()?.send().await.map_err(network)?;
        let (status, after) = (answer.status().as_u16(), retry_after(answer.headers()));
        let body = answer.bytes().await.map_err(network)?;
        if status != 200 {
            return Err(token_refused(status, after, &body, self.proof.settings()));
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

    fn request(&self) -> Result<RequestBuilder, CallError> {
        let request = self.http.post(self.url.clone());
        Ok(match &self.proof {
            Proof::Assertion { username, audience, key } => {
                let exp = Utc::now().timestamp() + ASSERTION_VALIDITY;
                let claims = Claims { iss: &self.client_id, sub: username, aud: audience, exp };
                let assertion = key.sign(&claims).map_err(|error| {
                    CallError::unavailable(format!("the assertion cannot be signed: {error:#}"))
                })?;
                let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                request.form(&[("grant_type", grant), ("assertion", &assertion)])
            }
            Proof::Secret(secret) => request
                .basic_auth(&self.client_id, Some(secret.expose_secret()))
                .form(&[("grant_type", "client_credentials")]),
        })
    }
}

impl Proof {
    /// What it is made of.
    fn settings(&self) -> &'static str {
        match self {
            Self::Assertion { .. } => {
                "SALESFORCE_PRIVATE_KEY_FILE, SALESFORCE_CLIENT_ID, SALESFORCE_USERNAME and SALESFORCE_AUDIENCE"
            }
            Self::Secret(_) => {
                "SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET_FILE, and that SALESFORCE_URL is the org's My Domain"
            }
        }
    }

    fn read(args: &SalesforceArgs) -> anyhow::Result<Self> {
        match args.salesforce_grant {
            Grant::JwtBearer => {
                let username = args.salesforce_username.clone().context("SALESFORCE_USERNAME is missing")?;
                let file = args.salesforce_private_key_file.as_ref();
                let file = file.context("SALESFORCE_PRIVATE_KEY_FILE is missing")?;
                let pem =
                    std::fs::read(file).with_context(|| format!("read private key {}", file.display()))?;
                let key = SigningKey::from_pem(&pem);
                let key = key.with_context(|| format!("read RSA private key {}", file.display()))?;
                Ok(Self::Assertion { username, audience: args.salesforce_audience.clone(), key })
            }
            Grant::ClientCredentials => {
                let file = args.salesforce_client_secret_file.as_ref();
                let file = file.context("SALESFORCE_CLIENT_SECRET_FILE is missing")?;
                let secret = std::fs::read_to_string(file);
                let secret =
                    secret.with_context(|| format!("read the consumer secret {}", file.display()))?;
                ensure!(!secret.trim().is_empty(), "the consumer secret {} is empty", file.display());
                Ok(Self::Secret(SecretString::from(secret.trim())))
            }
        }
    }
}

/// The error of a request that had no answer, without its URL: that can hold a query.
pub(crate) fn network(error: reqwest::Error) -> CallError {
    let is_timeout = error.is_timeout();
    let what = if is_timeout { "does not answer in time" } else { "is not reached" };
    let error = error.without_url();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    let last = causes.last().map(ToString::to_string).unwrap_or_default();
    let reason = format!("Salesforce {what}: {last}");
    // Whoever let us wait once is not made to answer the same again.
    if is_timeout { CallError::unavailable(reason) } else { CallError::Broken { reason } }
}
