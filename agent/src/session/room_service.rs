//! LiveKit's room service: who is in a room, and the end of a room that the agent has ended.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use livekit_api::access_token::VideoGrants;
use livekit_protocol::participant_info::Kind;
use livekit_protocol::{
    DeleteRoomRequest, ListParticipantsRequest, ListParticipantsResponse, ParticipantInfo,
};
use prost::Message;
use tokio::time::sleep;
use tracing::debug;

use crate::configuration::LiveKit;

/// What the agent said last is still on its way to the participant when it has been sent.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Longest that LiveKit may take to answer.
const LIMIT: Duration = Duration::from_secs(5);
/// How often it is asked who is in a room. Nobody twice in a row is nobody: a caller's own token makes the room a moment
/// before the caller is in it.
const LOOK_INTERVAL: Duration = Duration::from_millis(750);

/// What the agent asks of LiveKit about rooms.
#[derive(Clone)]
pub struct RoomService {
    http: reqwest::Client,
    livekit: LiveKit,
}

impl RoomService {
    /// # Errors
    /// A client for HTTP cannot be made.
    pub fn new(livekit: LiveKit) -> anyhow::Result<Self> {
        let http =
            reqwest::Client::builder().timeout(LIMIT).build().context("set up the HTTP client of rooms")?;
        Ok(Self { http, livekit })
    }

    /// Deletes the room, once the participant has heard the last words: front ends see that the call was ended, and wait for
    /// no other agent.
    ///
    /// # Errors
    /// LiveKit does not do it.
    pub(super) async fn delete(&self, room: &str) -> anyhow::Result<()> {
        sleep(LAST_WORDS).await;
        let grants = VideoGrants { room_create: true, ..VideoGrants::default() };
        let request = DeleteRoomRequest { room: room.to_owned() };
        self.ask("DeleteRoom", grants, &request).await.context("delete the room")?;
        Ok(())
    }

    /// Resolves when nobody is in the room, connected or connecting, but agents. While LiveKit does not say who is, it waits.
    pub(super) async fn nobody_left(&self, room: &str) {
        let mut times_empty = 0;
        while times_empty < 2 {
            match self.people(room).await {
                Ok(0) => times_empty += 1,
                Ok(_) => times_empty = 0,
                Err(error) => {
                    times_empty = 0;
                    debug!("it is not known who is in the room: {error:#}");
                }
            }
            sleep(LOOK_INTERVAL).await;
        }
    }

    async fn people(&self, room: &str) -> anyhow::Result<usize> {
        let grants = VideoGrants { room_admin: true, room: room.to_owned(), ..VideoGrants::default() };
        let request = ListParticipantsRequest { room: room.to_owned() };
        let answer =
            self.ask("ListParticipants", grants, &request).await.context("list who is in the room")?;
        let listed = ListParticipantsResponse::decode(answer).context("read who is in the room")?;
        let is_person = |participant: &&ParticipantInfo| {
            !matches!(participant.kind(), Kind::Agent | Kind::Egress | Kind::Ingress)
        };
        Ok(listed.participants.iter().filter(is_person).count())
    }

    async fn ask(
        &self,
        method: &str,
        grants: VideoGrants,
        request: &impl Message,
    ) -> anyhow::Result<bytes::Bytes> {
        let url = format!("{}/twirp/livekit.RoomService/{method}", self.livekit.url.http());
        let token = self.livekit.token(grants, LIMIT * 2).await?;
        let request = self.http.post(url).bearer_auth(token).body(request.encode_to_vec());
        let request = request.header("content-type", "application/protobuf");
        let answer = request.send().await.context("ask LiveKit")?;
        ensure!(answer.status().is_success(), "LiveKit refuses: {}", answer.status());
        answer.bytes().await.context("read LiveKit's answer")
    }
}
