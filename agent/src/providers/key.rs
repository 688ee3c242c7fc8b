//! The key of a provider. One that comes from a file can be renewed there while the program runs.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::ensure;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use service::SecretSource;
use tracing::{info, warn};

/// A provider's key, as it was read last; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Key(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    source: SecretSource,
    now: Mutex<SecretString>,
}

impl Key {
    /// Reads the key for the first time.
    ///
    /// # Errors
    /// The file cannot be read or holds no key, or the key has characters that no key has.
    pub(super) async fn read(source: SecretSource) -> anyhow::Result<Self> {
        let now = Mutex::new(read(&source).await?);
        Ok(Self(Arc::new(Shared { source, now })))
    }

    pub(super) fn now(&self) -> SecretString {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads its file again; whether there is another key now. Where that fails, the old one stays.
    pub(super) async fn read_again(&self) -> bool {
        let new = match read(&self.0.source).await {
            Ok(new) => new,
            Err(error) => {
                warn!("the provider's key is not read again: {error:#}");
                return false;
            }
        };
        let mut now = self.0.now.lock().unwrap_or_else(PoisonError::into_inner);
        let is_another = now.expose_secret() != new.expose_secret();
        if is_another && let SecretSource::File(file) = &self.0.source {
            info!("there is another key in {}", file.display());
            *now = new;
        }
        is_another
    }
}

async fn read(source: &SecretSource) -> anyhow::Result<SecretString> {
    let secret = source.read().await?;
    let secret = match source {
        SecretSource::Value(_) => secret,
        // An editor leaves space around what it writes.
        SecretSource::File(_) => secret.expose_secret().trim().into(),
    };
    ensure!(!secret.expose_secret().is_empty(), "the key is empty: write it into its file");
    let fits = HeaderValue::from_str(secret.expose_secret()).is_ok();
    ensure!(fits, "the key has characters that no key has: set it again, without line breaks");
    Ok(secret)
}
