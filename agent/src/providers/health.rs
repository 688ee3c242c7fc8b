//! Whether the providers work, as calls and trials experience it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::error::{Provider, ProviderError};

/// The three providers, in the order of a turn.
pub const PROVIDERS: [Provider; 3] =
    [Provider::SpeechToText, Provider::LanguageModel, Provider::TextToSpeech];

/// What is known of each provider; clones share it.
#[derive(Clone)]
pub struct Health(Arc<[Known; 3]>);

struct Known {
    standing: watch::Sender<Standing>,
    /// Requests of calls that have failed, by its kind's label.
    failures: Mutex<BTreeMap<&'static str, u64>>,
}

/// What is known of one provider.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// It was not asked yet.
    Untried,
    /// It answered last time as it should.
    Works,
    /// It failed last time.
    Fails {
        /// How, and what to do.
        error: ProviderError,
        /// Since it worked last, or was asked first.
        since: Instant,
    },
}

impl Default for Health {
    fn default() -> Self {
        let known = |_| Known { standing: watch::Sender::new(Standing::Untried), failures: Mutex::default() };
        Self(Arc::new(PROVIDERS.map(known)))
    }
}

impl Health {
    /// What is known of a provider.
    pub fn standing(&self, provider: Provider) -> Standing {
        self.of(provider).standing.borrow().clone()
    }

    /// Resolves when it is not known that a provider works.
    pub async fn in_doubt(&self, provider: Provider) {
        let mut standing = self.of(provider).standing.subscribe();
        // The sender lives as long as this does.
        drop(standing.wait_for(|standing| *standing != Standing::Works).await);
    }

    /// Nothing where all work; else what is wrong and what to do, a line for each that does not.
    pub fn complaints(&self) -> Option<String> {
        let lines: Vec<_> = PROVIDERS.iter().filter_map(|provider| self.complaint(*provider)).collect();
        (!lines.is_empty()).then(|| lines.concat())
    }

    fn complaint(&self, provider: Provider) -> Option<String> {
        match self.standing(provider) {
            Standing::Works => None,
            Standing::Untried => Some(format!("{provider}: it is being tried\n")),
            Standing::Fails { error, since } => {
                let seconds = since.elapsed().as_secs();
                Some(format!("{error} (for {seconds} s)\n"))
            }
        }
    }

    pub(super) fn works(&self, provider: Provider) {
        self.of(provider).standing.send_if_modified(|standing| {
            if matches!(standing, Standing::Fails { .. }) {
                info!("{provider} works again");
            }
            std::mem::replace(standing, Standing::Works) != Standing::Works
        });
    }

    pub(super) fn failed(&self, error: &ProviderError) {
        self.of(error.provider()).standing.send_if_modified(|standing| {
            let (since, is_news) = match standing {
                Standing::Fails { error: before, since } => (*since, before != error),
                Standing::Untried | Standing::Works => (Instant::now(), true),
            };
            // A call tells of its own failures; this is for whoever looks why the agent is not ready.
            if is_news {
                warn!("not ready: {error}");
            }
            *standing = Standing::Fails { error: error.clone(), since };
            true
        });
    }

    /// Counts a request of a call that a service has failed at.
    pub(super) fn count(&self, error: &ProviderError) {
        let mut failures = self.of(error.provider()).failures.lock().unwrap_or_else(PoisonError::into_inner);
        *failures.entry(error.kind().label()).or_default() += 1;
    }

    /// How many requests of calls have failed, by the kind's label.
    pub(crate) fn failures(&self, provider: Provider) -> BTreeMap<&'static str, u64> {
        self.of(provider).failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn of(&self, provider: Provider) -> &Known {
        &self.0[match provider {
            Provider::SpeechToText => 0,
            Provider::LanguageModel => 1,
            Provider::TextToSpeech => 2,
        }]
    }
}
