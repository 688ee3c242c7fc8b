//! A room of their own for every visitor, and the token for it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use livekit_api::access_token::{AccessToken, AccessTokenError, VideoGrants};
use livekit_protocol::{RoomAgentDispatch, RoomConfiguration};
use schemas::{Email, timestamp};
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::configuration::Settings;

/// For how long a token opens its room; a call that has begun goes on.
const TIME_TO_LIVE: Duration = Duration::from_mins(15);

/// One visitor's place in one room.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub room_name: String,
    pub identity: String,
    metadata: Metadata,
}

/// What the agent reads, as JSON text.
#[derive(Debug, Clone, Serialize)]
struct Metadata {
    /// As typed; empty where the visitor left none.
    user_email: String,
    #[serde(with = "timestamp")]
    session_start: DateTime<Utc>,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("encode the metadata: {0}")]
    Metadata(#[from] serde_json::Error),
    #[error("sign the token: {0}")]
    Signature(#[from] AccessTokenError),
}

impl Place {
    /// A new room, named after the moment.
    pub(crate) fn new(settings: &Settings, email: Option<&Email>, now: DateTime<Utc>, random: &str) -> Self {
        let milliseconds = now.timestamp_millis();
        let user_email = email.map(Email::original).unwrap_or_default().to_owned();
        Self {
            room_name: format!("{}_{milliseconds}_{random}", settings.room_prefix),
            identity: format!("trialist_{milliseconds}_{random}"),
            metadata: Metadata { user_email, session_start: now },
        }
    }

    /// The token: who joins creates the room, and with it comes the agent.
    ///
    /// The right to change one's own metadata is left out: it is the server's word to the agent.
    pub(crate) fn token(&self, settings: &Settings) -> Result<String, TokenError> {
        let grants = VideoGrants {
            room_join: true,
            room: self.room_name.clone(),
            can_publish: Some(true),
            can_subscribe: Some(true),
            can_publish_data: Some(true),
            ..VideoGrants::default()
        };
        let agent =
            RoomAgentDispatch { agent_name: settings.agent_name.clone(), ..RoomAgentDispatch::default() };
        let token = AccessToken::with_api_key(&settings.api_key, settings.api_secret.expose_secret())
            .with_identity(&self.identity)
            .with_name(&settings.participant_name)
            .with_metadata(&serde_json::to_string(&self.metadata)?)
            .with_ttl(TIME_TO_LIVE)
            .with_grants(grants)
            .with_room_config(RoomConfiguration { agents: vec![agent], ..RoomConfiguration::default() })
            .to_jwt()?;
        Ok(token)
    }
}
