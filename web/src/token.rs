//! A room of their own for every visitor, and the token for it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use livekit_api::access_token::{Claims, VideoGrants};
use livekit_protocol::{RoomAgentDispatch, RoomConfiguration};
use schemas::{Email, timestamp};
use secrecy::ExposeSecret;
use serde::Serialize;
use service::shared_secret_token;

use crate::configuration::Settings;

/// How far the server's clock may be behind ours. It may be ahead by the time to live, and a minute that it allows for.
const CLOCK_BEHIND: Duration = Duration::from_mins(5);
/// The caller, and somebody of ours who listens; agents are not counted.
const MOST_PARTICIPANTS: u32 = 2;
/// For which a room stays that nobody came to, in seconds.
const EMPTY_SECONDS: u32 = 30;

/// What lets one visitor into a room of their own.
#[derive(Debug, Clone)]
pub(crate) struct Invitation {
    pub room_name: String,
    pub identity: String,
    metadata: Metadata,
}

/// What the agent reads, as JSON text.
#[derive(Debug, Clone, Serialize)]
struct Metadata {
    /// In its one form; empty where the visitor left none.
    user_email: String,
    #[serde(with = "timestamp")]
    session_start: DateTime<Utc>,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("{0:#}")]
    Key(anyhow::Error),
    #[error("encode the metadata: {0}")]
    Metadata(#[from] serde_json::Error),
    #[error("sign the token: {0:#}")]
    Signature(anyhow::Error),
}

impl Invitation {
    /// A new room, named after the moment.
    pub(crate) fn new(settings: &Settings, email: Option<&Email>, now: DateTime<Utc>, random: &str) -> Self {
        let milliseconds = now.timestamp_millis();
        let user_email = email.map(Email::as_str).unwrap_or_default().to_owned();
        Self {
            room_name: format!("{}_{milliseconds}_{random}", settings.room_prefix),
            identity: format!("trialist_{milliseconds}_{random}"),
            metadata: Metadata { user_email, session_start: now },
        }
    }

    /// The token: who joins creates the room, and with it comes the agent, whose job has the metadata as well: it knows
    /// whose call this is before it sees the caller.
    ///
    /// The right to change one's own metadata is left out: it is the server's word to the agent.
    pub(crate) async fn token(&self, settings: &Settings) -> Result<String, TokenError> {
        let (key, secret) = settings.livekit_key.read().await.map_err(TokenError::Key)?;
        let metadata = serde_json::to_string(&self.metadata)?;
        let now = self.metadata.session_start;
        let claims = Claims {
            iss: key.expose_secret().to_owned(),
            nbf: seconds(now - CLOCK_BEHIND),
            exp: seconds(now + settings.token_ttl),
            sub: self.identity.clone(),
            name: settings.participant_name.clone(),
            metadata: metadata.clone(),
            video: VideoGrants {
                room_join: true,
                room: self.room_name.clone(),
                can_publish: Some(true),
                can_subscribe: Some(true),
                can_publish_data: Some(true),
                ..VideoGrants::default()
            },
            room_config: Some(RoomConfiguration {
                agents: vec![RoomAgentDispatch {
                    agent_name: settings.agent_name.clone(),
                    metadata,
                    ..RoomAgentDispatch::default()
                }],
                max_participants: MOST_PARTICIPANTS,
                empty_timeout: EMPTY_SECONDS,
                departure_timeout: settings.room_departure_timeout.as_secs().try_into().unwrap_or(u32::MAX),
                ..RoomConfiguration::default()
            }),
            ..Claims::default()
        };
        shared_secret_token(secret.expose_secret(), &claims).map_err(TokenError::Signature)
    }
}

/// Seconds since 1970, as tokens count.
pub(crate) fn seconds(time: DateTime<Utc>) -> usize {
    usize::try_from(time.timestamp()).unwrap_or_default()
}
