//! When a chain of credentials is asked, and when it is made anew.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

#[derive(Debug, Clone, Default)]
struct Chain {
    made: Arc<AtomicU32>,
    asked: Arc<AtomicU32>,
    lifetime: Option<Duration>,
    fails_after: u32,
    /// Each chain that is made has its own key; else all have the same.
    renewed: bool,
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
        let made = if self.renewed { self.made.load(Ordering::Relaxed) } else { 0 };
        let keys = Keys::new(format!("key-{made}"), "secret", None, expiry, "test");
        future::ProvideCredentials::ready(Ok(keys))
    }
}

impl Chain {
    fn credentials(&self) -> Credentials {
        let chain = self.clone();
        Credentials::new(move || {
            chain.made.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Some(SharedCredentialsProvider::new(chain.clone())))
        })
    }

    fn counts(&self) -> (u32, u32) {
        (self.made.load(Ordering::Relaxed), self.asked.load(Ordering::Relaxed))
    }
}

async fn asked(chain: &Chain, times: usize) -> u32 {
    let credentials = chain.credentials();
    for _ in 0..times {
        credentials.keys().await.unwrap();
    }
    chain.counts().1
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
async fn a_chain_that_failed_is_made_anew() {
    let chain = Chain { fails_after: 1, ..Chain::default() };
    let credentials = chain.credentials();
    let keys = credentials.keys().await.unwrap();
    credentials.refused(&keys);
    for made in 2..5 {
        assert!(credentials.keys().await.is_err());
        assert_eq!(chain.counts().0, made);
    }
}

#[tokio::test(start_paused = true)]
async fn refused_ones_are_looked_for_in_a_new_chain() {
    let chain = Chain { renewed: true, ..Chain::default() };
    let credentials = chain.credentials();
    let first = credentials.keys().await.unwrap();
    // Many writes are refused with the same ones.
    for _ in 0..64 {
        credentials.refused(&first);
    }
    let second = credentials.keys().await.unwrap();
    assert!(first != second);
    credentials.refused(&first);
    assert_eq!(credentials.keys().await.unwrap(), second, "the refused ones are not in use any more");
    assert_eq!(chain.counts(), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn the_same_ones_again_are_looked_for_less_and_less_often() {
    let chain = Chain::default();
    let credentials = chain.credentials();
    for _ in 0..600 {
        let keys = credentials.keys().await.unwrap();
        credentials.refused(&keys);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let (made, _) = chain.counts();
    assert!((20..40).contains(&made), "{made}");
}
