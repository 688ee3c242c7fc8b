//! A room of their own for every visitor, and the token for it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use livekit_api::access_token::{AccessToken, AccessTokenError, VideoGrants};
use livekit_protocol::{RoomAgentDispatch, RoomConfiguration};
use schemas::{Email, timestamp};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::configuration::Settings;

/// For how long a token opens its room; a call that has begun goes on.
const TIME_TO_LIVE: Duration = Duration::from_mins(15);

/// One visitor's place in one room.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub room_name: String,
    pub identity: String,
    /// JSON text `{"user_email": …, "session_start": …}`: what the agent reads.
    metadata: String,
}

impl Place {
    /// A new room. Without an e-mail address `user_email` is the empty string.
    pub(crate) fn new(settings: &Settings, email: Option<&Email>, now: DateTime<Utc>, random: &str) -> Self {
        let milliseconds = now.timestamp_millis();
        let metadata = json!({
            "user_email": email.map(Email::original).unwrap_or_default(),
            "session_start": timestamp::format(&now),
        });
        Self {
            room_name: format!("{}_{milliseconds}_{random}", settings.room_prefix),
            identity: format!("trialist_{milliseconds}_{random}"),
            metadata: metadata.to_string(),
        }
    }

    /// The token: who joins creates the room, and with it comes the agent.
    ///
    /// The right to change one's own metadata is left out: it is the server's word to the agent.
    pub(crate) fn token(&self, settings: &Settings) -> Result<String, AccessTokenError> {
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
        AccessToken::with_api_key(&settings.api_key, settings.api_secret.expose_secret())
            .with_identity(&self.identity)
            .with_name(&settings.participant_name)
            .with_metadata(&self.metadata)
            .with_ttl(TIME_TO_LIVE)
            .with_grants(grants)
            .with_room_config(RoomConfiguration { agents: vec![agent], ..RoomConfiguration::default() })
            .to_jwt()
    }
}
