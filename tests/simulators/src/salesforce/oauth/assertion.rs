//! JWT bearer: a signed assertion, its claims one by one.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::Refusal;
use crate::salesforce::Config;

/// How far in the future an assertion may expire, seconds; one more, as clients round.
const LONGEST_ASSERTION: i64 = 181;
const INVALID: Refusal = ("invalid_grant", "invalid assertion");

/// What assertions are signed with, as PEM (`PUBLIC KEY`).
pub(crate) struct PublicKey(UnparsedPublicKey<Vec<u8>>);

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// `aud` must be one text: an array is refused.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: Seconds,
}

/// Clients that work with Salesforce give the time as a number or as its digits in a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(i64),
    Digits(String),
}

impl Seconds {
    fn value(&self) -> Option<i64> {
        match self {
            Self::Number(seconds) => Some(*seconds),
            Self::Digits(digits) => digits.parse().ok(),
        }
    }
}

/// Whether an assertion is good at a time, in seconds since 1970.
pub(crate) fn check(config: &Config, key: &PublicKey, assertion: &str, now: i64) -> Result<(), Refusal> {
    let claims = key.read(assertion).ok_or(INVALID)?;
    let remaining = claims.exp.value().ok_or(INVALID)?.saturating_sub(now);
    if claims.iss != config.client_id {
        Err(("invalid_client_id", "client identifier invalid"))
    } else if claims.aud.trim_end_matches('/') != config.audience.trim_end_matches('/') {
        Err(("invalid_grant", "audience is invalid"))
    } else if remaining <= 0 {
        Err(("invalid_grant", "expired authorization code"))
    } else if remaining > LONGEST_ASSERTION {
        Err(INVALID)
    } else if claims.sub != config.username {
        Err(("invalid_grant", "user hasn't approved this consumer"))
    } else {
        Ok(())
    }
}

impl PublicKey {
    pub(crate) fn from_pem(pem: &[u8]) -> anyhow::Result<Self> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem);
        let der = der.map_err(|_| anyhow::anyhow!("it has no public key"))?;
        let key = SubjectPublicKeyInfoRef::try_from(der.as_ref()).context("parse it")?;
        let key = key.subject_public_key.as_bytes().context("it is no RSA key")?;
        Ok(Self(UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.to_vec())))
    }

    /// The claims of an assertion that this key has signed.
    fn read(&self, assertion: &str) -> Option<Claims> {
        let (signed, signature) = assertion.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
        let signed = self.0.verify(signed.as_bytes(), &decode(signature)?).is_ok();
        if header.alg != "RS256" || !signed {
            return None;
        }
        serde_json::from_slice(&decode(claims)?).ok()
    }
}
