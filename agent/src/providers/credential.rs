//! What a request proves its right with.

use std::sync::Arc;

use secrecy::SecretString;
use service::LiveKitKey;

use super::inference::access::token;
use super::key::Key;

/// How a request to a service is authorised; clones share it.
#[derive(Clone)]
pub(super) enum Credential {
    /// A server of one's own may want none.
    None,
    Key(Key),
    /// A token for each request, signed with the keys of a LiveKit project.
    Signed(Arc<LiveKitKey>),
}

impl Credential {
    /// The token of one request.
    ///
    /// # Errors
    /// The key pair cannot be read, or cannot sign.
    pub(super) async fn bearer(&self) -> anyhow::Result<Option<SecretString>> {
        match self {
            Self::None => Ok(None),
            Self::Key(key) => Ok(Some(key.now())),
            Self::Signed(key) => token(key).await.map(Some),
        }
    }
}

impl From<Option<Key>> for Credential {
    fn from(key: Option<Key>) -> Self {
        key.map_or(Self::None, Self::Key)
    }
}
