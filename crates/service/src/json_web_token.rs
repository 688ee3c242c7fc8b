//! JSON Web Tokens (RFC 7515): claims and a signature of them.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::Serialize;
use serde_json::json;

/// A token with a signature of `algorithm`, such as RS256, which `sign` makes of the bytes that it gets.
///
/// # Errors
/// Where `sign` fails, or the claims are no JSON.
pub fn json_web_token(
    algorithm: &str,
    claims: &impl Serialize,
    sign: impl FnOnce(&[u8]) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<String> {
    let header = json!({ "alg": algorithm, "typ": "JWT" }).to_string();
    let claims = serde_json::to_vec(claims).context("write the claims")?;
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = sign(signed.as_bytes())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// A token signed with a shared secret (HS256), as LiveKit wants it.
///
/// # Errors
/// Where the claims are no JSON.
pub fn shared_secret_token(secret: &str, claims: &impl Serialize) -> anyhow::Result<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    json_web_token("HS256", claims, |signed| Ok(hmac::sign(&key, signed).as_ref().to_vec()))
}
