//! Settings of the proofs.

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use reqwest::Url;
use secrecy::SecretString;
use service::{SecretSource, is_loopback};

use super::{ProofSettings, TurnstileSettings};

const DIFFICULTIES: RangeInclusive<u8> = 8..=28;
/// Where none is given.
const DIFFICULTY: u8 = 16;

/// What a visitor has to prove.
#[derive(Debug, clap::Args)]
pub(crate) struct ProofArgs {
    /// What a request for a token has to prove against robots: `none`; `work`, which the visitor's browser does; `turnstile`,
    /// for which Cloudflare has to know the page
    #[arg(long, env, value_enum, default_value_t = ProofName::None)]
    web_proof: ProofName,
    /// How hard the proof of work is, 8 to 28 zero bits; each more doubles it. 16 unless given, which takes a browser up to a
    /// second or so
    #[arg(long, env, default_value = "", hide_default_value = true)]
    web_proof_difficulty: Difficulty,
    /// Turnstile's key for the page
    #[arg(long, env)]
    web_turnstile_site_key: Option<String>,
    /// Turnstile's secret; give it in the environment
    #[arg(long, env, hide_env_values = true)]
    web_turnstile_secret: Option<SecretString>,
    /// File with Turnstile's secret, read anew for each token
    #[arg(long, env)]
    web_turnstile_secret_file: Option<OsString>,
    /// Where Turnstile is asked
    #[arg(long, env, default_value = "https://challenges.cloudflare.com/turnstile/v0/siteverify")]
    web_turnstile_url: Url,
    /// Longest that Turnstile may take to answer
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "5s")]
    web_turnstile_timeout: Duration,
}

/// Zero bits, where they are given.
#[derive(Debug, Clone, Copy)]
struct Difficulty(Option<u8>);

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ProofName {
    None,
    Work,
    Turnstile,
}

impl ProofArgs {
    /// # Errors
    /// Something of Turnstile's is missing, or would get the secret over a network without TLS; or a setting is of a proof that
    /// is not asked for.
    pub(crate) fn settings(&self) -> anyhow::Result<ProofSettings> {
        ensure!(
            self.web_proof_difficulty.0.is_none() || matches!(self.web_proof, ProofName::Work),
            "WEB_PROOF_DIFFICULTY is of the proof of work, which is not asked for: set WEB_PROOF=work, or leave it out"
        );
        let of_turnstile = self.site_key().map(|_| "WEB_TURNSTILE_SITE_KEY");
        let of_turnstile = of_turnstile.or(self.secret()?.map(|_| "WEB_TURNSTILE_SECRET"));
        if let (ProofName::None | ProofName::Work, Some(name)) = (self.web_proof, of_turnstile) {
            bail!("{name} is set, but Turnstile is not asked for: set WEB_PROOF=turnstile, or leave it out");
        }
        match self.web_proof {
            ProofName::None => Ok(ProofSettings::None),
            ProofName::Work => Ok(ProofSettings::Work(self.web_proof_difficulty.0.unwrap_or(DIFFICULTY))),
            ProofName::Turnstile => self.turnstile().map(ProofSettings::Turnstile),
        }
    }

    fn turnstile(&self) -> anyhow::Result<TurnstileSettings> {
        let url = self.web_turnstile_url.clone();
        let private =
            url.scheme() == "https" || (url.scheme() == "http" && url.host_str().is_some_and(is_loopback));
        ensure!(private, "WEB_TURNSTILE_URL has to begin with https://: Turnstile's secret goes there");
        Ok(TurnstileSettings {
            site_key: self.site_key().context("WEB_TURNSTILE_SITE_KEY is missing")?,
            secret: self.secret()?.context("WEB_TURNSTILE_SECRET is missing")?,
            url,
            timeout: self.web_turnstile_timeout,
        })
    }

    fn site_key(&self) -> Option<String> {
        self.web_turnstile_site_key.clone().filter(|key| !key.is_empty())
    }

    fn secret(&self) -> anyhow::Result<Option<SecretSource>> {
        let file = self.web_turnstile_secret_file.as_ref().map(PathBuf::from);
        SecretSource::of("WEB_TURNSTILE_SECRET", self.web_turnstile_secret.as_ref(), file.as_ref())
    }
}

impl FromStr for Difficulty {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        let bits = text.parse().ok().filter(|bits| DIFFICULTIES.contains(bits));
        bits.map(|bits| Self(Some(bits))).ok_or("expected a number from 8 to 28")
    }
}
