//! Connections of one service that is spoken to over WebSockets.

use reqwest::Url;
use tokio::time::{Instant, timeout_at};

use super::base_url::BaseUrl;
use super::credential::Credential;
use super::error::{Provider, ProviderError};
use super::json_socket::{JsonSocket, SocketCount};
use super::request::{Limits, is_refusal};
use super::transcription::dialect::{Dialect, Said, Spoken};

/// Where it is, and what it is told of us; clones share the key and the numbers of sockets.
#[derive(Clone)]
pub(super) struct Sockets {
    pub(super) provider: Provider,
    /// Keeps no connections: each becomes a socket.
    pub(super) http: reqwest::Client,
    pub(super) base: BaseUrl,
    pub(super) credential: Credential,
    pub(super) limits: Limits,
    pub(super) count: SocketCount,
}

impl Sockets {
    /// Opens a socket at a path behind the base address. A refused key may have been replaced in its file.
    pub(super) async fn connect(
        &self,
        path: &str,
        query: &[(&'static str, String)],
    ) -> Result<JsonSocket, ProviderError> {
        let mut url = self.base.join(path);
        url.query_pairs_mut().extend_pairs(query);
        let connected = self.connect_once(&url).await;
        let refused = matches!(&connected, Err(error) if error.status().is_some_and(is_refusal));
        match &self.credential {
            Credential::Key(key) if refused && key.read_again().await => self.connect_once(&url).await,
            _ => connected,
        }
    }

    async fn connect_once(&self, url: &Url) -> Result<JsonSocket, ProviderError> {
        let bearer = self.credential.bearer().await;
        let bearer = bearer.map_err(|error| ProviderError::malformed(self.provider, format!("{error:#}")))?;
        let (bearer, limit) = (bearer.as_ref(), self.limits.answer);
        JsonSocket::connect(self.provider, &self.http, url, bearer, limit, &self.count).await
    }

    /// Begins to listen, and stops again: the key, the model and the quota are those of a call.
    pub(super) async fn try_once(&self, dialect: &dyn Dialect) -> Result<(), ProviderError> {
        let (mut dialect, spoken) = (dialect.fresh(), Spoken::default());
        let deadline = Instant::now() + self.limits.answer;
        let mut socket = self.connect(dialect.path(), &dialect.query(&spoken)).await?;
        if let Some(open) = dialect.open(&spoken) {
            socket.send(&open).await?;
        }
        let ready = loop {
            let read = match timeout_at(deadline, socket.next()).await {
                Ok(text) => text.and_then(|text| dialect.read(&text)),
                Err(_) => Err(ProviderError::timeout(self.provider, self.limits.answer)),
            };
            match read {
                Ok(said) if said.contains(&Said::Ready) => break Ok(()),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        if let Some(close) = dialect.close().filter(|_| ready.is_ok()) {
            // Who does not hear it is gone.
            drop(socket.send(&close).await);
        }
        socket.close().await;
        ready
    }
}
