//! Whether the providers work, as calls and trials experience it.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::error::{Provider, ProviderError};

/// The three providers, in the order of a turn.
pub const PROVIDERS: [Provider; 3] =
    [Provider::SpeechToText, Provider::LanguageModel, Provider::TextToSpeech];

/// What is known of each provider; clones share it.
#[derive(Clone)]
pub struct Health(Arc<[watch::Sender<Standing>; 3]>);

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
        Self(Arc::new(PROVIDERS.map(|_| watch::Sender::new(Standing::Untried))))
    }
}

impl Health {
    /// What is known of a provider.
    pub fn standing(&self, provider: Provider) -> Standing {
        self.of(provider).borrow().clone()
    }

    /// Resolves when it is not known that a provider works.
    pub async fn in_doubt(&self, provider: Provider) {
        let mut standing = self.of(provider).subscribe();
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
        self.of(provider).send_if_modified(|standing| {
            if matches!(standing, Standing::Fails { .. }) {
                info!("{provider} works again");
            }
            std::mem::replace(standing, Standing::Works) != Standing::Works
        });
    }

    pub(super) fn failed(&self, error: &ProviderError) {
        self.of(error.provider()).send_if_modified(|standing| {
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

    fn of(&self, provider: Provider) -> &watch::Sender<Standing> {
        &self.0[match provider {
            Provider::SpeechToText => 0,
            Provider::LanguageModel => 1,
            Provider::TextToSpeech => 2,
        }]
    }
}
