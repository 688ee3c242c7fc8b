//! Access tokens (OAuth 2.0), for a signed assertion or for the app's secret.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::Utc;
use reqwest::{RequestBuilder, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use service::{ensure_stays_on_this_machine, is_loopback};
use tokio::sync::Mutex;

use crate::answer::{body, network, retry_after};
use crate::assertion::SigningKey;
use crate::call_error::{CallError, token_refused};
use crate::config::{Grant, SalesforceArgs};

/// How long an assertion is valid, seconds; Salesforce takes 180 at most.
const ASSERTION_VALIDITY: i64 = 170;

/// Longest time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Mints tokens and keeps the last one. All that a token is made of may change while the program runs, so files are read for
/// each of them: keys, and the certificates that are trusted.
pub(crate) struct Tokens {
    args: Arc<SalesforceArgs>,
    url: Url,
    last: Mutex<Option<Arc<Token>>>,
}

/// What the app shows to get a token.
struct Proof {
    client_id: String,
    kind: ProofKind,
}

enum ProofKind {
    Assertion { username: String, audience: String, key: SigningKey },
    Secret(SecretString),
}

/// Access to the data of an org.
pub(crate) struct Token {
    pub(crate) value: SecretString,
    /// The address of the org, which API calls go to.
    pub(crate) instance: Url,
    /// With the certificates that were trusted when the token was minted.
    pub(crate) http: reqwest::Client,
    /// Whether the org is perhaps no longer there: the next call asks for a token, which says where it is now.
    suspect: AtomicBool,
}

impl Token {
    /// Has the next call ask for a new token, because one got no answer, or one that the org does not give.
    pub(crate) fn suspect(&self) {
        self.suspect.store(true, Ordering::Relaxed);
    }
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
    /// Reads the private key, or the secret, so that a fault of it is told at once.
    pub(crate) fn new(args: &SalesforceArgs) -> anyhow::Result<Self> {
        let url = &args.salesforce_url;
        let host = url.host_str().unwrap_or_default();
        ensure!(["http", "https"].contains(&url.scheme()), "SALESFORCE_URL has to begin with https://");
        if url.scheme() == "http" && !args.salesforce_allow_plain_text {
            let allowed_by = "SALESFORCE_ALLOW_PLAIN_TEXT";
            ensure_stays_on_this_machine("what opens Salesforce", host, "use https://", allowed_by)?;
        }
        let url = url.join("/services/oauth2/token").context("build the token URL")?;
        Proof::read(args)?;
        client(args)?;
        Ok(Self { args: Arc::new(args.clone()), url, last: Mutex::new(None) })
    }

    /// The token, minted where there is none, where it is the refused one, or where the org has perhaps moved. Those who come
    /// meanwhile wait for it.
    pub(crate) async fn get(&self, refused: Option<&Arc<Token>>) -> Result<Arc<Token>, CallError> {
        let mut last = self.last.lock().await;
        let is_refused = |token: &Arc<Token>| refused.is_some_and(|refused| Arc::ptr_eq(refused, token));
        match last.as_ref() {
            Some(token) if !is_refused(token) && !token.suspect.load(Ordering::Relaxed) => Ok(token.clone()),
            _ => {
                // Whoever gives no token says nothing of the call that it is for.
                let token = self.mint().await.map_err(|error| match error {
                    error @ CallError::Unavailable { .. } => error,
                    other => CallError::unavailable(other.to_string()),
                })?;
                let token = Arc::new(token);
                tracing::info!(instance = token.instance.host_str(), "got an access token");
                *last = Some(token.clone());
                Ok(token)
            }
        }
    }

    async fn mint(&self) -> Result<Token, CallError> {
        let args = Arc::clone(&self.args);
        let reading = tokio::task::spawn_blocking(move || anyhow::Ok((Proof::read(&args)?, client(&args)?)));
        let read = reading.await.map_err(anyhow::Error::from).and_then(|read| read);
        // A file that is just being renewed is whole at the next try.
        let (proof, http) = read.map_err(|error| CallError::unavailable(format!("{error:#}")))?;
        let answer = self.request(&http, &proof)?.send().await.map_err(network)?;
        let (status, after) = (answer.status().as_u16(), retry_after(answer.headers()));
        let body = body(answer).await?;
        if status != 200 {
            return Err(token_refused(status, after, &body, proof.settings()));
        }
        let unreadable = || CallError::unavailable("the token answer is not readable; check SALESFORCE_URL");
        let TokenAnswer { access_token, instance_url } =
            serde_json::from_slice(&body).map_err(|_| unreadable())?;
        let instance = Url::parse(&instance_url).map_err(|_| unreadable())?;
        if access_token.expose_secret().is_empty() || instance.host_str().is_none() {
            return Err(unreadable());
        }
        let downgraded = self.url.scheme() == "https" && instance.scheme() != "https";
        if downgraded || !is_private(&instance, &self.args) {
            return Err(CallError::unavailable("the token answer names an instance without TLS"));
        }
        Ok(Token { value: access_token, instance, http, suspect: AtomicBool::new(false) })
    }

    fn request(&self, http: &reqwest::Client, proof: &Proof) -> Result<RequestBuilder, CallError> {
        let (request, client_id) = (http.post(self.url.clone()), &proof.client_id);
        Ok(match &proof.kind {
            ProofKind::Assertion { username, audience, key } => {
                let exp = Utc::now().timestamp() + ASSERTION_VALIDITY;
                let claims = Claims { iss: client_id, sub: username, aud: audience, exp };
                let assertion = key.sign(&claims).map_err(|error| {
                    CallError::unavailable(format!("the assertion cannot be signed: {error:#}"))
                })?;
                let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                request.form(&[("grant_type", grant), ("assertion", &assertion)])
            }
            ProofKind::Secret(secret) => request
                .basic_auth(client_id, Some(secret.expose_secret()))
                .form(&[("grant_type", "client_credentials")]),
        })
    }
}

/// Whether nobody else reads what is sent there.
fn is_private(url: &Url, args: &SalesforceArgs) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => args.salesforce_allow_plain_text || url.host_str().is_some_and(is_loopback),
        _ => false,
    }
}

/// Follows nobody: a redirect would get the token.
fn client(args: &SalesforceArgs) -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(args.request_timeout.salesforce_request_timeout)
        .user_agent(concat!("postcall/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("set up the HTTP client")
}

impl Proof {
    /// The settings that it is made of, for a message.
    fn settings(&self) -> &'static str {
        match self.kind {
            ProofKind::Assertion { .. } => {
                "SALESFORCE_PRIVATE_KEY_FILE, SALESFORCE_CLIENT_ID, SALESFORCE_USERNAME and SALESFORCE_AUDIENCE"
            }
            ProofKind::Secret(_) => {
                "SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET_FILE, and that SALESFORCE_URL is the org's My Domain"
            }
        }
    }

    fn read(args: &SalesforceArgs) -> anyhow::Result<Self> {
        let client_id = match &args.salesforce_client_id_file {
            Some(file) => read_text(file, "consumer key")?,
            None => args.salesforce_client_id.clone(),
        };
        Ok(Self { client_id, kind: ProofKind::read(args)? })
    }
}

impl ProofKind {
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
                Ok(Self::Secret(SecretString::from(read_text(file, "consumer secret")?)))
            }
        }
    }
}

fn read_text(file: &Path, what: &str) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("read the {what} {}", file.display()))?;
    ensure!(!text.trim().is_empty(), "the {what} {} is empty", file.display());
    Ok(text.trim().to_owned())
}
