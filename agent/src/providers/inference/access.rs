//! Tokens for LiveKit Inference, made of a project's key pair, anew for each request.

use std::time::Duration;

use anyhow::Context as _;
use livekit_api::access_token::{AccessToken, InferenceGrants};
use secrecy::{ExposeSecret as _, SecretString};
use service::LiveKitKey;

/// How long a token is good for: it is used at once.
const LIFETIME: Duration = Duration::from_secs(600);

/// A bearer token for one request or socket.
///
/// # Errors
/// The key pair cannot be read, or cannot sign.
pub(in crate::providers) async fn token(key: &LiveKitKey) -> anyhow::Result<SecretString> {
    let (key, secret) = key.read().await?;
    let token = AccessToken::with_api_key(key.expose_secret(), secret.expose_secret())
        .with_identity("agent")
        .with_inference_grants(InferenceGrants::default().with_perform())
        .with_ttl(LIFETIME)
        .to_jwt()
        .context("sign a token for LiveKit Inference")?;
    Ok(token.into())
}
