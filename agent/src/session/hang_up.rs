use std::time::Duration;

use anyhow::{Context as _, ensure};
use livekit_api::access_token::VideoGrants;
use serde_json::json;

use crate::configuration::LiveKit;

/// What the agent said last is still on its way to the participant's ear when it has been sent.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Longest that LiveKit may take to delete a room.
const LIMIT: Duration = Duration::from_secs(5);

/// Hangs up for everybody in a room.
#[derive(Clone)]
pub struct HangUp {
    http: reqwest::Client,
    livekit: LiveKit,
}

impl HangUp {
    /// # Errors
    /// A client for HTTP cannot be made.
    pub fn new(livekit: LiveKit) -> anyhow::Result<Self> {
        let http =
            reqwest::Client::builder().timeout(LIMIT).build().context("set up the HTTP client of rooms")?;
        Ok(Self { http, livekit })
    }

    /// Deletes the room, once the last words have been heard: front ends see that the call was ended, and wait for no other agent.
    ///
    /// # Errors
    /// LiveKit does not do it.
    pub(super) async fn delete(&self, room: &str) -> anyhow::Result<()> {
        tokio::time::sleep(LAST_WORDS).await;
        let url = format!("{}/twirp/livekit.RoomService/DeleteRoom", self.livekit.url.http());
        let grants = VideoGrants { room_create: true, ..VideoGrants::default() };
        let token = self.livekit.token(grants, LIMIT * 2).await?;
        let request = self.http.post(url).bearer_auth(token).json(&json!({ "room": room }));
        let status = request.send().await.context("ask LiveKit to delete the room")?.status();
        ensure!(status.is_success(), "LiveKit does not delete the room: {status}");
        Ok(())
    }
}
