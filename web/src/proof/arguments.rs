//! Settings of the proofs.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::Url;
use secrecy::SecretString;
use service::{SecretSource, is_loopback};

use super::{ProofSettings, TurnstileSettings};

/// What a visitor has to prove.
#[derive(Debug, clap::Args)]
pub(crate) struct ProofArgs {
    /// What a request for a token has to prove against robots: `none`; `work`, which the visitor's browser does; `turnstile`,
    /// for which Cloudflare has to know the page
    #[arg(long, env, value_enum, default_value_t = ProofName::None)]
    web_proof: ProofName,
    /// How hard the proof of work is, in zero bits; each more doubles it. 16 takes a phone about a second
    #[arg(long, env, default_value_t = 16, value_parser = clap::value_parser!(u8).range(8..=28))]
    web_proof_difficulty: u8,
    /// Turnstile's key for the page
    #[arg(long, env)]
    web_turnstile_site_key: Option<String>,
    /// Turnstile's secret; give it in the environment
    #[arg(long, env, hide_env_values = true)]
    web_turnstile_secret: Option<SecretString>,
    /// File with Turnstile's secret, read anew for each token
    #[arg(long, env)]
    web_turnstile_secret_file: Option<PathBuf>,
    /// Where Turnstile is asked
    #[arg(long, env, default_value = "https://challenges.cloudflare.com/turnstile/v0/siteverify")]
    web_turnstile_url: Url,
    /// Longest that Turnstile may take to answer
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "5s")]
    web_turnstile_timeout: Duration,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ProofName {
    None,
    Work,
    Turnstile,
}

impl ProofArgs {
    /// # Errors
    /// Something of Turnstile's is missing, or would get the secret over a network without TLS.
    pub(crate) fn settings(&self) -> anyhow::Result<ProofSettings> {
        match self.web_proof {
            ProofName::None => Ok(ProofSettings::None),
            ProofName::Work => Ok(ProofSettings::Work(self.web_proof_difficulty)),
            ProofName::Turnstile => self.turnstile().map(ProofSettings::Turnstile),
        }
    }

    fn turnstile(&self) -> anyhow::Result<TurnstileSettings> {
        let url = self.web_turnstile_url.clone();
        let private =
            url.scheme() == "https" || (url.scheme() == "http" && url.host_str().is_some_and(is_loopback));
        ensure!(private, "WEB_TURNSTILE_URL has to begin with https://: Turnstile's secret goes there");
        let site_key = self.web_turnstile_site_key.clone().filter(|key| !key.is_empty());
        let secret = SecretSource::of(
            "WEB_TURNSTILE_SECRET",
            self.web_turnstile_secret.as_ref(),
            self.web_turnstile_secret_file.as_ref(),
        )?;
        Ok(TurnstileSettings {
            site_key: site_key.context("WEB_TURNSTILE_SITE_KEY is missing")?,
            secret: secret.context("WEB_TURNSTILE_SECRET is missing")?,
            url,
            timeout: self.web_turnstile_timeout,
        })
    }
}
