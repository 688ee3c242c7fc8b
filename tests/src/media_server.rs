//! A livekit-server alone, for what needs no other server.

use anyhow::{Context, Result};
use livekit_api::access_token::{AccessToken, VideoGrants};
use tempfile::TempDir;
use test_servers::{LIVEKIT_PORTS, Program, free_port_with};

use crate::environment::Environment;
use crate::stack::{ready, service};

/// A running livekit-server on ports of its own; it ends when this is dropped.
#[derive(Debug)]
pub struct MediaServer {
    /// Its address and keys.
    pub environment: Environment,
    pub livekit: Program,
    /// Where it keeps its files; last, so that it is removed after the server has ended.
    pub folder: TempDir,
}

impl MediaServer {
    /// Starts it and waits until it answers.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        let mut environment = Environment::default();
        environment.set("LIVEKIT_URL", format!("ws://127.0.0.1:{}", free_port_with(&LIVEKIT_PORTS)));
        environment.set("LIVEKIT_API_KEY", "devkey");
        environment.set("LIVEKIT_API_SECRET", "a-secret-of-at-least-thirty-two-characters");
        let service = service::livekit(folder.path(), &environment)?;
        service.prepare(folder.path())?;
        let mut livekit = service.child(folder.path());
        livekit.start()?;
        ready(&service.ready, &livekit).await?;
        Ok(Self { environment, livekit, folder })
    }

    /// A token to join a room with.
    pub fn token(&self, room: &str, identity: &str) -> Result<String> {
        AccessToken::with_api_key(
            self.environment.get("LIVEKIT_API_KEY")?,
            self.environment.get("LIVEKIT_API_SECRET")?,
        )
        .with_identity(identity)
        .with_grants(VideoGrants { room_join: true, room: room.to_owned(), ..Default::default() })
        .to_jwt()
        .context("sign token")
    }
}
