//! JWT bearer: a signed assertion, its claims one by one.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

use super::Refusal;
use crate::salesforce::Config;

/// How far in the future an assertion may expire, seconds; one more, as clients round.
const LONGEST_ASSERTION: i64 = 181;
const INVALID: Refusal = ("invalid_grant", "invalid assertion");

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
pub(crate) fn check(config: &Config, key: &DecodingKey, assertion: &str, now: i64) -> Result<(), Refusal> {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let claims = decode::<Claims>(assertion, key, &validation).map_err(|_| INVALID)?.claims;
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
