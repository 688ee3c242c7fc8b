//! Proofs that who asks for a call is no robot, where they are asked for: an own proof of work, or Cloudflare's Turnstile.
//!
//! A proof comes in the header `X-Proof`: `work CHALLENGE.NONCE`, or `turnstile TOKEN`.

mod arguments;
mod turnstile;
mod used;
mod work;

use axum::http::HeaderMap;
use chrono::Utc;
use serde::Serialize;
use service::LiveKitKey;
use tracing::error;

pub(crate) use arguments::ProofArgs;
pub(crate) use turnstile::TurnstileSettings;

use crate::metrics::Metrics;
use crate::problem::{Kind, Problem};
use crate::rate_limit::site;
use crate::token_limit::Client;
use turnstile::Turnstile;
use work::Work;

/// The header with the proof.
pub(crate) const HEADER: &str = "x-proof";

/// Which proof is asked for.
#[derive(Debug, Clone)]
pub enum ProofSettings {
    /// None.
    None,
    /// So many zero bits of work.
    Work(u8),
    /// One of Turnstile's tokens.
    Turnstile(TurnstileSettings),
}

/// What the page is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum ProofForPage {
    /// A challenge of `GET /api/proof` has to be met.
    Work,
    /// The widget with this key gives a token.
    Turnstile { site_key: String },
}

/// Takes proofs.
pub(crate) struct Proof {
    kind: ProofKind,
    metrics: Metrics,
}

enum ProofKind {
    None,
    Work(Work),
    Turnstile(Box<Turnstile>),
}

/// Why a proof is not taken.
enum Refusal {
    /// There is none, or one of another kind.
    Missing,
    /// It is false, used, or too old.
    Refused,
    /// There are too many at a time to remember.
    Full,
    /// Whoever could tell does not answer, or does not take our secret.
    Unavailable(anyhow::Error),
}

impl ProofSettings {
    pub(crate) fn for_page(&self) -> Option<ProofForPage> {
        match self {
            Self::None => None,
            Self::Work(_) => Some(ProofForPage::Work),
            Self::Turnstile(turnstile) => {
                Some(ProofForPage::Turnstile { site_key: turnstile.site_key.clone() })
            }
        }
    }
}

impl Proof {
    /// # Errors
    /// A client for HTTP cannot be made.
    pub(crate) fn new(settings: &ProofSettings, key: &LiveKitKey, metrics: &Metrics) -> anyhow::Result<Self> {
        let kind = match settings {
            ProofSettings::None => ProofKind::None,
            ProofSettings::Work(difficulty) => ProofKind::Work(Work::new(*difficulty, key.clone())),
            ProofSettings::Turnstile(settings) => {
                ProofKind::Turnstile(Box::new(Turnstile::new(settings.clone())?))
            }
        };
        Ok(Self { kind, metrics: metrics.clone() })
    }

    /// Takes the proof of a request, once; where none is asked for there may be any or none.
    pub(crate) async fn take(&self, Client(client): Client, headers: &HeaderMap) -> Result<(), Problem> {
        let taken = match &self.kind {
            ProofKind::None => return Ok(()),
            ProofKind::Work(work) => match of_kind(headers, "work") {
                Some(answer) => work.take(answer, site(client), Utc::now()).await,
                None => Err(Refusal::Missing),
            },
            ProofKind::Turnstile(turnstile) => match of_kind(headers, "turnstile") {
                Some(token) => turnstile.take(token).await,
                None => Err(Refusal::Missing),
            },
        };
        self.metrics.proof(match &taken {
            Ok(()) => "taken",
            Err(Refusal::Missing) => "missing",
            Err(Refusal::Refused) => "refused",
            Err(Refusal::Full | Refusal::Unavailable(_)) => "unavailable",
        });
        taken.map_err(problem)
    }

    /// A challenge for the proof of work of this client.
    pub(crate) async fn challenge(&self, Client(client): Client) -> Result<work::Challenge, Problem> {
        match &self.kind {
            ProofKind::Work(work) => work.challenge(site(client), Utc::now()).await.map_err(|error| {
                error!("make a challenge: {error:#}");
                Problem::new(Kind::Internal, "The server cannot make a challenge. Please try again later.")
            }),
            ProofKind::None | ProofKind::Turnstile(_) => {
                Err(Problem::new(Kind::NotFound, "No proof of work is asked for here."))
            }
        }
    }
}

/// The one proof of a request, where it is of this kind.
fn of_kind<'a>(headers: &'a HeaderMap, kind: &str) -> Option<&'a str> {
    let mut values = headers.get_all(HEADER).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (found, proof) = value.to_str().ok()?.split_once(' ')?;
    (found == kind).then_some(proof)
}

fn problem(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Missing => Problem::new(
            Kind::ProofRequired,
            "A proof that you are no robot is missing. Reload the page and try again.",
        ),
        Refusal::Refused => Problem::new(
            Kind::ProofRefused,
            "The proof that you are no robot was not taken. Please try again.",
        ),
        Refusal::Full => Problem::new(
            Kind::ProofUnavailable,
            "Too many calls are being started right now. Please try again in a moment.",
        )
        .retry_after(work::LIFE),
        Refusal::Unavailable(error) => {
            error!("check a proof: {error:#}");
            Problem::new(
                Kind::ProofUnavailable,
                "It cannot be checked at the moment whether you are a robot. Please try again in a moment.",
            )
            .retry_after(turnstile::RETRY_AFTER)
        }
    }
}
