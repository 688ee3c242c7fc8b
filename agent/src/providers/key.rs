use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use tracing::{info, warn};

/// A provider's key; clones share it. One that comes from a file can be replaced there.
#[derive(Debug, Clone)]
pub(super) struct Key(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    now: Mutex<SecretString>,
    file: Option<PathBuf>,
}

impl Key {
    /// # Errors
    /// It has characters that no key has.
    pub(super) fn given(secret: SecretString) -> anyhow::Result<Self> {
        check(&secret)?;
        Ok(Self(Arc::new(Shared { now: Mutex::new(secret), file: None })))
    }

    /// # Errors
    /// The file cannot be read, or holds no key.
    pub(super) fn of_file(file: PathBuf) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("read the key in {}", file.display()))?;
        let secret = secret(&text).with_context(|| format!("use the key in {}", file.display()))?;
        Ok(Self(Arc::new(Shared { now: Mutex::new(secret), file: Some(file) })))
    }

    pub(super) fn now(&self) -> SecretString {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file again; whether it has another key now. Where it cannot be read, the old one stays.
    pub(super) async fn read_again(&self) -> bool {
        let Some(file) = &self.0.file else { return false };
        let read = tokio::fs::read_to_string(file).await.context("read it").and_then(|text| secret(&text));
        let new = match read {
            Ok(new) => new,
            Err(error) => {
                warn!("the key in {} is not read again: {error:#}", file.display());
                return false;
            }
        };
        let mut now = self.0.now.lock().unwrap_or_else(PoisonError::into_inner);
        let is_another = now.expose_secret() != new.expose_secret();
        if is_another {
            info!("there is another key in {}", file.display());
            *now = new;
        }
        is_another
    }
}

fn secret(text: &str) -> anyhow::Result<SecretString> {
    let secret = SecretString::from(text.trim());
    ensure!(!secret.expose_secret().is_empty(), "it is empty: write the key into it");
    check(&secret)?;
    Ok(secret)
}

fn check(secret: &SecretString) -> anyhow::Result<()> {
    let fits = HeaderValue::from_str(secret.expose_secret()).is_ok();
    ensure!(fits, "the key has characters that no key has: set it again, without line breaks");
    Ok(())
}
