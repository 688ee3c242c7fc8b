//! Who may call the gateway: tokens that are signed with the secret of a LiveKit project.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Refusal;

/// The pair of a LiveKit project.
pub struct KeyPair {
    /// Its name, as in `LIVEKIT_API_KEY`.
    pub key: String,
    /// What tokens are signed with, as in `LIVEKIT_API_SECRET`.
    pub secret: SecretString,
}

/// Whether a bearer token looks like one of the gateway's.
pub(crate) fn is_signed(token: &str) -> bool {
    token.split('.').count() == 3
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    #[serde(default)]
    nbf: u64,
    exp: u64,
    #[serde(default)]
    inference: Grants,
}

#[derive(Default, Deserialize)]
struct Grants {
    #[serde(default)]
    perform: bool,
}

impl KeyPair {
    /// Lets a token pass; answers for how long it goes on being taken. `lifetime` ends it sooner than it says itself.
    pub(crate) fn admit(
        &self,
        token: &str,
        now: SystemTime,
        lifetime: Option<Duration>,
    ) -> Result<Duration, Refusal> {
        let claims = self.verify(token).ok_or_else(|| Refusal::unauthorized("invalid token"))?;
        if claims.iss != self.key {
            return Err(Refusal::unauthorized("invalid API key"));
        }
        if !claims.inference.perform {
            return Err(Refusal::unauthorized("the token has no grant for inference"));
        }
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (begin, mut end) = (Duration::from_secs(claims.nbf), Duration::from_secs(claims.exp));
        if let Some(lifetime) = lifetime {
            end = end.min(begin + lifetime);
        }
        if now < begin {
            return Err(Refusal::unauthorized("the token is not valid yet"));
        }
        end.checked_sub(now)
            .filter(|left| !left.is_zero())
            .ok_or_else(|| Refusal::unauthorized("the token has expired"))
    }

    fn verify(&self, token: &str) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.expose_secret().as_bytes());
        hmac::verify(&key, signed.as_bytes(), &BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        (decode::<Header>(header)?.alg == "HS256").then(|| decode(claims))?
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn sign(header: &Value, claims: &Value, secret: &str) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn admit(change: impl FnOnce(&mut Value), secret: &str, lifetime: Option<u64>) -> Result<u64, String> {
        let pair = KeyPair { key: "key".to_owned(), secret: "secret".to_owned().into() };
        let mut claims = json!({
            "iss": "key", "sub": "agent", "nbf": NOW - 10, "exp": NOW + 590, "inference": { "perform": true },
        });
        change(&mut claims);
        let token = sign(&json!({ "alg": "HS256", "typ": "JWT" }), &claims, secret);
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        let left = pair.admit(&token, now, lifetime.map(Duration::from_secs));
        left.map(|left| left.as_secs()).map_err(|refusal| refusal.message)
    }

    #[test]
    fn a_token_passes_until_it_ends() {
        assert_eq!(admit(|_| {}, "secret", None), Ok(590));
        assert_eq!(admit(|_| {}, "secret", Some(30)), Ok(20));
        assert_eq!(admit(|_| {}, "secret", Some(10)).unwrap_err(), "the token has expired");
    }

    #[test]
    fn what_is_wrong_with_a_token_is_said() {
        for (change, secret, message) in [
            (json!({}), "another", "invalid token"),
            (json!({ "iss": "another" }), "secret", "invalid API key"),
            (json!({ "exp": NOW }), "secret", "the token has expired"),
            (json!({ "nbf": NOW + 1 }), "secret", "the token is not valid yet"),
            (json!({ "inference": {} }), "secret", "the token has no grant for inference"),
            (json!({ "inference": null }), "secret", "invalid token"),
        ] {
            let changed = |claims: &mut Value| {
                for (name, value) in change.as_object().into_iter().flatten() {
                    claims[name] = value.clone();
                }
            };
            assert_eq!(admit(changed, secret, None).unwrap_err(), message);
        }
    }

    #[test]
    fn no_other_algorithm_is_taken() {
        let pair = KeyPair { key: "key".to_owned(), secret: "secret".to_owned().into() };
        let claims = json!({ "iss": "key", "exp": NOW + 9, "inference": { "perform": true } });
        let token = sign(&json!({ "alg": "none" }), &claims, "secret");
        for token in [token.as_str(), "", "a.b", "a.b.c"] {
            assert!(pair.verify(token).is_none(), "{token}");
        }
    }
}
