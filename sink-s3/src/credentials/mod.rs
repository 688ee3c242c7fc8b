//! Credentials of the standard chain, kept until shortly before they expire, and asked for anew when the store refuses
//! them: files, roles and tokens are renewed while a program runs.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as Keys;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use service::Backoff;
use tokio::time::Instant;
use tracing::warn;

/// How long before their end credentials are asked for anew.
const BEFORE_EXPIRY: Duration = Duration::from_secs(300);
/// Between two looks for others in the place of refused ones.
const LOOK_AGAIN: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30)).with_least(1.0);

/// Codes of a store that does not accept who is asking; another key may be accepted.
const REFUSED: [&str; 10] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidToken",
    "NotSignedUp",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
];

/// Whether an error code means that the credentials are not accepted.
pub(crate) fn are_refused(code: &str) -> bool {
    REFUSED.contains(&code)
}

/// Makes the chain anew, because its parts keep what they once read; none where no chain can be made.
type MakeChain =
    dyn Fn() -> Pin<Box<dyn Future<Output = Option<SharedCredentialsProvider>> + Send>> + Send + Sync;

/// Clones share what was read.
#[derive(Clone)]
pub(crate) struct Credentials(Arc<Shared>);

struct Shared {
    make_chain: Box<MakeChain>,
    state: Mutex<State>,
    /// One at a time asks the chain; the others wait for what it gets.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    chain: Option<SharedCredentialsProvider>,
    kept: Option<Keys>,
    /// What the store refused last, how often in a row, and when others may be looked for again.
    refused: Option<(Keys, u32, Instant)>,
}

impl Credentials {
    pub(crate) fn new<F>(make_chain: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Option<SharedCredentialsProvider>> + Send + 'static,
    {
        let make_chain: Box<MakeChain> = Box::new(move || Box::pin(make_chain()));
        Self(Arc::new(Shared { make_chain, state: Mutex::default(), asking: tokio::sync::Mutex::default() }))
    }

    /// # Errors
    /// The chain has none, or none any more.
    pub(crate) async fn keys(&self) -> Result<Keys, CredentialsError> {
        if let Some(kept) = self.kept(BEFORE_EXPIRY) {
            return Ok(kept);
        }
        let _asking = self.0.asking.lock().await;
        if let Some(kept) = self.kept(BEFORE_EXPIRY) {
            return Ok(kept);
        }
        let chain = self.state().chain.clone();
        let chain = match chain {
            Some(chain) => chain,
            None => {
                let chain = (self.0.make_chain)().await;
                chain.ok_or_else(|| CredentialsError::not_loaded("there is no chain of credentials"))?
            }
        };
        match chain.provide_credentials().await {
            Ok(keys) => {
                let mut state = self.state();
                if state.refused.as_ref().is_some_and(|(refused, ..)| *refused != keys) {
                    state.refused = None;
                }
                (state.chain, state.kept) = (Some(chain), Some(keys.clone()));
                Ok(keys)
            }
            Err(error) => {
                self.state().chain = None;
                // The old ones are good to their very end.
                self.kept(Duration::ZERO).ok_or(error)
            }
        }
    }

    /// The store does not accept these. Others are looked for in their place, at once at first, and the longer these stay
    /// the only ones, the less often.
    pub(crate) fn refused(&self, keys: &Keys) {
        let mut state = self.state();
        if state.kept.as_ref() != Some(keys) {
            return;
        }
        let now = Instant::now();
        let times = match &state.refused {
            Some((refused, _, again)) if refused == keys && now < *again => return,
            Some((refused, times, _)) if refused == keys => times + 1,
            _ => 1,
        };
        let pause = LOOK_AGAIN.pause(times);
        if times == 1 {
            warn!("the store refuses the credentials: they are read again");
        }
        state.refused = Some((keys.clone(), times, now + pause));
        (state.chain, state.kept) = (None, None);
    }

    /// Does what [`Self::refused`] does for the credentials that are in use.
    pub(crate) fn refused_now(&self) {
        let kept = self.state().kept.clone();
        if let Some(keys) = kept {
            self.refused(&keys);
        }
    }

    fn kept(&self, margin: Duration) -> Option<Keys> {
        let kept = self.state().kept.clone()?;
        let good = kept.expiry().is_none_or(|expiry| SystemTime::now() + margin < expiry);
        good.then_some(kept)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The SDK asks for them at every request, and is told to keep none.
impl ProvideCredentials for Credentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.keys())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials")
    }
}

#[cfg(test)]
mod tests;
