//! Several services of one kind, in the order in which they are wanted: where one fails, the next takes over.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;
use tracing::warn;

use super::error::{Provider, ProviderError};
use super::health::Health;
use super::usage::{Account, ServiceName, Used};

/// How long one that failed is asked after the others.
const REST: Duration = Duration::from_secs(30);

/// The services of one kind; clones share what is known of them.
pub(super) struct Services<S> {
    provider: Provider,
    all: Arc<[Candidate<S>]>,
    health: Health,
}

/// One of them.
pub(super) struct Candidate<S> {
    pub(super) name: ServiceName,
    pub(super) service: S,
    rests_until: Mutex<Option<Instant>>,
}

impl<S> Clone for Services<S> {
    fn clone(&self) -> Self {
        Self { provider: self.provider, all: Arc::clone(&self.all), health: self.health.clone() }
    }
}

impl<S> Services<S> {
    pub(super) fn new(provider: Provider, services: Vec<(ServiceName, S)>, health: Health) -> Self {
        let candidate = |(name, service)| Candidate { name, service, rests_until: Mutex::default() };
        Self { provider, all: services.into_iter().map(candidate).collect(), health }
    }

    /// What the first one answers that does.
    ///
    /// # Errors
    /// None does; the last one's.
    pub(super) async fn ask<'a, T>(
        &'a self,
        account: Option<&'a dyn Account>,
        ask: impl Fn(&'a S) -> BoxFuture<'a, Result<T, ProviderError>>,
    ) -> Result<(&'a Candidate<S>, T), ProviderError> {
        let mut failure = None;
        for candidate in self.in_order() {
            if let Some(account) = account {
                account.used(&candidate.name, Used::Request);
            }
            match ask(&candidate.service).await {
                Ok(answer) => {
                    self.works(candidate);
                    return Ok((candidate, answer));
                }
                Err(error) => {
                    self.failed(candidate, &error, account);
                    failure = Some(error);
                }
            }
        }
        Err(self.all_failed(failure))
    }

    /// In the order in which they are to be asked now.
    pub(super) fn in_order(&self) -> Vec<&Candidate<S>> {
        let mut candidates: Vec<_> = self.all.iter().collect();
        candidates.sort_by_key(|candidate| candidate.rests());
        candidates
    }

    /// How many there are.
    pub(super) fn number(&self) -> usize {
        self.all.len()
    }

    /// What the one is called that is wanted first.
    pub(super) fn first_name(&self) -> ServiceName {
        let none = || ServiceName { provider: self.provider, service: "".into(), model: "".into() };
        self.first().map_or_else(none, |candidate| candidate.name.clone())
    }

    /// The one that is wanted first.
    pub(super) fn first(&self) -> Option<&Candidate<S>> {
        self.all.first()
    }

    /// One has answered.
    pub(super) fn works(&self, candidate: &Candidate<S>) {
        *candidate.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.health.works(self.provider);
    }

    /// One has failed in the middle of its answer.
    pub(super) fn broke(&self, name: &ServiceName, error: &ProviderError, account: &dyn Account) {
        account.used(name, Used::Failure);
        self.health.count(error);
        self.health.failed(error);
        for broken in self.all.iter().filter(|candidate| candidate.name == *name) {
            self.rest(broken, error);
        }
    }

    /// One has failed, after its tries.
    pub(super) fn failed(
        &self,
        candidate: &Candidate<S>,
        error: &ProviderError,
        account: Option<&dyn Account>,
    ) {
        if let Some(account) = account {
            account.used(&candidate.name, Used::Failure);
            self.health.count(error);
        }
        self.rest(candidate, error);
    }

    /// One is asked after the others for a while.
    fn rest(&self, candidate: &Candidate<S>, error: &ProviderError) {
        if self.all.len() > 1 {
            let ServiceName { service, model, .. } = &candidate.name;
            warn!(%service, %model, "another service is asked: {error}");
            *candidate.rests_until.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Instant::now() + REST);
        }
    }

    /// None of them has answered; `error` is the last one's.
    pub(super) fn all_failed(&self, error: Option<ProviderError>) -> ProviderError {
        let error = error.unwrap_or_else(|| ProviderError::unreached(self.provider));
        self.health.failed(&error);
        error
    }
}

impl<S> Candidate<S> {
    fn rests(&self) -> bool {
        let until = *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, pause};

    use super::*;

    fn services(names: &[&str]) -> Services<()> {
        let provider = Provider::LanguageModel;
        let name = |name: &&str| ServiceName { provider, service: (*name).into(), model: "m".into() };
        let services = names.iter().map(|service| (name(service), ())).collect();
        Services::new(provider, services, Health::default())
    }

    fn order(services: &Services<()>) -> Vec<&str> {
        services.in_order().iter().map(|candidate| &*candidate.name.service).collect()
    }

    #[tokio::test]
    async fn one_that_fails_is_asked_last_for_a_while() {
        pause();
        let services = services(&["a", "b", "c"]);
        let error = ProviderError::cut(Provider::LanguageModel);
        services.failed(services.in_order()[0], &error, None);
        assert_eq!(order(&services), ["b", "c", "a"]);
        services.failed(services.in_order()[0], &error, None);
        assert_eq!(order(&services), ["c", "a", "b"]);
        advance(REST).await;
        assert_eq!(order(&services), ["a", "b", "c"]);
        services.failed(services.in_order()[0], &error, None);
        services.works(services.first().expect("there is one"));
        assert_eq!(order(&services), ["a", "b", "c"]);
    }

    #[test]
    fn what_calls_ask_and_do_not_get_is_counted_by_why() {
        struct Nobody;
        impl Account for Nobody {
            fn may_hear(&self, _: &ServiceName, _: f64) -> bool {
                true
            }
            fn used(&self, _: &ServiceName, _: Used) {}
        }
        let services = services(&["a"]);
        let (provider, candidate) = (Provider::LanguageModel, services.in_order()[0]);
        services.failed(candidate, &ProviderError::cut(provider), None);
        services.failed(candidate, &ProviderError::cut(provider), Some(&Nobody));
        services.broke(&candidate.name, &ProviderError::lost(provider), &Nobody);
        let counted: Vec<_> = services.health.failures(provider).into_iter().collect();
        assert_eq!(counted, [("connection_lost", 1), ("cut", 1)]);
        assert!(services.health.failures(Provider::TextToSpeech).is_empty());
    }
}
