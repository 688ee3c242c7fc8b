//! Credentials of the standard chain, kept until shortly before they expire.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::identity::Identity;

/// How long before their end credentials are asked for anew.
const BEFORE_EXPIRY: Duration = Duration::from_secs(300);

pub(crate) struct Credentials {
    provider: SharedCredentialsProvider,
    kept: Mutex<Option<Identity>>,
    /// One at a time asks the provider; the others wait for what it gets.
    asking: tokio::sync::Mutex<()>,
}

impl Credentials {
    pub(crate) fn new(provider: SharedCredentialsProvider) -> Self {
        Self { provider, kept: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// # Errors
    /// The chain has none, or none any more.
    pub(crate) async fn identity(&self) -> Result<Identity, CredentialsError> {
        if let Some(kept) = self.kept(BEFORE_EXPIRY) {
            return Ok(kept);
        }
        let _asking = self.asking.lock().await;
        if let Some(kept) = self.kept(BEFORE_EXPIRY) {
            return Ok(kept);
        }
        match self.provider.provide_credentials().await {
            Ok(credentials) => {
                let identity = Identity::from(credentials);
                *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity.clone());
                Ok(identity)
            }
            // The old ones are good to their very end.
            Err(error) => self.kept(Duration::ZERO).ok_or(error),
        }
    }

    /// The store does not accept them any more.
    pub(crate) fn forget(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn kept(&self, margin: Duration) -> Option<Identity> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let good = kept.expiration().is_none_or(|expiry| SystemTime::now() + margin < expiry);
        good.then_some(kept)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use aws_credential_types::Credentials as Keys;
    use aws_credential_types::provider::{ProvideCredentials, future};

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Chain {
        asked: Arc<AtomicU32>,
        lifetime: Option<Duration>,
        fails_after: u32,
    }

    impl ProvideCredentials for Chain {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
            if self.fails_after > 0 && asked > self.fails_after {
                return future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("gone")));
            }
            let expiry = self.lifetime.map(|lifetime| SystemTime::now() + lifetime);
            future::ProvideCredentials::ready(Ok(Keys::new("key", "secret", None, expiry, "test")))
        }
    }

    async fn asked(chain: &Chain, times: usize) -> u32 {
        let credentials = Credentials::new(SharedCredentialsProvider::new(chain.clone()));
        for _ in 0..times {
            credentials.identity().await.unwrap();
        }
        chain.asked.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn the_chain_is_asked_once_and_again_before_they_expire() {
        assert_eq!(asked(&Chain::default(), 10).await, 1);
        let hour = Chain { lifetime: Some(Duration::from_secs(3_600)), ..Chain::default() };
        assert_eq!(asked(&hour, 10).await, 1);
        let short = Chain { lifetime: Some(Duration::from_secs(200)), ..Chain::default() };
        assert_eq!(asked(&short, 3).await, 3);
    }

    #[tokio::test]
    async fn old_ones_are_used_while_they_last_and_the_chain_fails() {
        let chain = Chain { lifetime: Some(Duration::from_secs(200)), fails_after: 1, ..Chain::default() };
        assert_eq!(asked(&chain, 3).await, 3);
    }

    #[tokio::test]
    async fn refused_ones_are_asked_for_anew() {
        let chain = Chain::default();
        let credentials = Credentials::new(SharedCredentialsProvider::new(chain.clone()));
        credentials.identity().await.unwrap();
        credentials.forget();
        credentials.identity().await.unwrap();
        assert_eq!(chain.asked.load(Ordering::Relaxed), 2);
    }
}
