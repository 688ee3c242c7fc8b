//! What the service knows while it runs.

use std::sync::Arc;

use anyhow::Context as _;
use axum::body::Bytes;
use tokio_util::sync::CancellationToken;

use crate::configuration::Settings;
use crate::livekit::LiveKit;
use crate::metrics::Metrics;
use crate::proof::Proof;
use crate::token_limit::TokenLimit;

/// What all requests share.
pub struct App {
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    pub(crate) limit: Arc<TokenLimit>,
    pub(crate) livekit: LiveKit,
    pub(crate) proof: Proof,
    /// The answer of `GET /api/page-configuration`.
    pub(crate) page_configuration: Bytes,
}

impl App {
    /// # Errors
    /// A client for HTTP cannot be made.
    pub fn new(settings: Settings, metrics: &Metrics) -> anyhow::Result<Arc<Self>> {
        let page_configuration = settings.page.json(settings.proof.for_page());
        Ok(Arc::new(Self {
            limit: Arc::new(TokenLimit::new(&settings, metrics)),
            livekit: LiveKit::new(&settings, metrics)?,
            proof: Proof::new(&settings.proof, &settings.livekit_key, metrics)?,
            page_configuration: page_configuration.context("write the page's configuration")?.into(),
            metrics: metrics.clone(),
            settings,
        }))
    }

    /// Asks LiveKit from time to time, until `shutdown`.
    pub async fn watch_livekit(&self, shutdown: CancellationToken) {
        self.livekit.watch(&self.limit.calls, shutdown).await;
    }
}
