//! LiveKit's API key and secret, which may be renewed while a program runs.

use std::path::PathBuf;

use anyhow::Context as _;
use secrecy::SecretString;

use crate::SecretSource;

/// LiveKit's API key and secret, as they are or in files that may be renewed while the program runs.
#[derive(Debug, Clone, clap::Args)]
pub struct LiveKitKeyArgs {
    /// LiveKit's API key
    #[arg(long, env, required_unless_present = "livekit_api_key_file")]
    livekit_api_key: Option<String>,
    /// File with LiveKit's API key, read anew for each token
    #[arg(long, env)]
    livekit_api_key_file: Option<PathBuf>,
    /// LiveKit's API secret; give it in the environment
    #[arg(long, env, hide_env_values = true, required_unless_present = "livekit_api_secret_file")]
    livekit_api_secret: Option<SecretString>,
    /// File with LiveKit's API secret, read anew for each token
    #[arg(long, env)]
    livekit_api_secret_file: Option<PathBuf>,
}

/// Where LiveKit's API key and secret are.
#[derive(Debug, Clone)]
pub struct LiveKitKey {
    key: SecretSource,
    secret: SecretSource,
}

impl LiveKitKeyArgs {
    /// # Errors
    /// The key or the secret is empty, or set twice.
    pub fn key(&self) -> anyhow::Result<LiveKitKey> {
        let key = self.livekit_api_key.as_deref().map(SecretString::from);
        let key = SecretSource::of("LIVEKIT_API_KEY", key.as_ref(), self.livekit_api_key_file.as_ref())?;
        let secret = SecretSource::of(
            "LIVEKIT_API_SECRET",
            self.livekit_api_secret.as_ref(),
            self.livekit_api_secret_file.as_ref(),
        )?;
        Ok(LiveKitKey::new(
            key.context("LIVEKIT_API_KEY is empty")?,
            secret.context("LIVEKIT_API_SECRET is empty")?,
        ))
    }
}

impl LiveKitKey {
    /// The pair of another project, or of a test.
    pub fn new(key: SecretSource, secret: SecretSource) -> Self {
        Self { key, secret }
    }

    /// Key and secret as they are now.
    ///
    /// # Errors
    /// A file cannot be read, or is empty.
    pub async fn read(&self) -> anyhow::Result<(SecretString, SecretString)> {
        let key = self.key.read().await.context("read LiveKit's API key")?;
        Ok((key, self.secret.read().await.context("read LiveKit's API secret")?))
    }
}
