//! Cloudflare's Turnstile: its widget in the page gives a token, of which Cloudflare says whether it is good.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use reqwest::Url;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use service::SecretSource;

use super::Refusal;
use crate::http_client;

/// When a visitor may try again where Turnstile does not answer.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(10);
/// Longest token that is sent on, as its documentation says.
const LONGEST_TOKEN: usize = 2_048;
/// Longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 16 * 1024;

/// How Turnstile is asked.
#[derive(Debug, Clone)]
pub struct TurnstileSettings {
    /// For the widget; everybody may know it.
    pub site_key: String,
    /// For the question.
    pub secret: SecretSource,
    /// Where to ask.
    pub url: Url,
    /// Longest that an answer may take.
    pub timeout: Duration,
}

/// Asks Turnstile.
pub(super) struct Turnstile {
    http: reqwest::Client,
    settings: TurnstileSettings,
}

#[derive(Debug, Deserialize)]
struct Answer {
    success: bool,
    #[serde(default, rename = "error-codes")]
    error_codes: Vec<String>,
}

impl Turnstile {
    pub(super) fn new(settings: TurnstileSettings) -> anyhow::Result<Self> {
        let http = http_client::new(settings.timeout).context("ask Turnstile")?;
        Ok(Self { http, settings })
    }

    /// Takes a token; Turnstile itself takes each once. The visitor's address is not told.
    pub(super) async fn take(&self, token: &str) -> Result<(), Refusal> {
        if token.is_empty() || token.len() > LONGEST_TOKEN {
            return Err(Refusal::Refused);
        }
        let answer = self.ask(token).await.map_err(Refusal::Unavailable)?;
        if answer.success {
            return Ok(());
        }
        // What is our fault, or theirs, is not the visitor's.
        let not_theirs = ["missing-input-secret", "invalid-input-secret", "bad-request", "internal-error"];
        match answer.error_codes.iter().find(|code| not_theirs.contains(&code.as_str())) {
            Some(code) => Err(Refusal::Unavailable(anyhow!("Turnstile answers {code}"))),
            None => Err(Refusal::Refused),
        }
    }

    async fn ask(&self, token: &str) -> anyhow::Result<Answer> {
        let secret = self.settings.secret.read().await.context("read Turnstile's secret")?;
        let form = [("secret", secret.expose_secret()), ("response", token)];
        let request = self.http.post(self.settings.url.clone()).form(&form);
        let answer = request.send().await.map_err(reqwest::Error::without_url).context("ask Turnstile")?;
        let status = answer.status();
        let body = http_client::body(answer, LONGEST_ANSWER).await.context("read Turnstile's answer")?;
        let body =
            body.with_context(|| format!("Turnstile's answer is longer than {LONGEST_ANSWER} bytes"))?;
        // It tells of faults with the status 400 as well as with 200.
        serde_json::from_slice(&body)
            .with_context(|| format!("parse Turnstile's answer, which has the status {status}"))
    }
}
