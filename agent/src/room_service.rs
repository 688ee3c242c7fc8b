//! What the agent asks of LiveKit about rooms: which there are, who is in them, which agents are dispatched to them; and their
//! end.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use livekit_api::access_token::VideoGrants;
use livekit_protocol::participant_info::Kind;
use livekit_protocol::{
    AgentDispatch, CreateAgentDispatchRequest, DeleteAgentDispatchRequest, DeleteRoomRequest,
    DeleteRoomResponse, ListAgentDispatchRequest, ListAgentDispatchResponse, ListParticipantsRequest,
    ListParticipantsResponse, ListRoomsRequest, ListRoomsResponse, ParticipantInfo, Room,
};
use prost::Message;
use reqwest::StatusCode;
use reqwest::redirect::Policy;
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::configuration::LiveKit;

/// What the agent said last is still on its way to the participant when it has been sent.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Longest that LiveKit may take to answer.
const LIMIT: Duration = Duration::from_secs(5);
/// How often it is asked who is in a room. Nobody twice in a row is nobody: a caller's own token makes the room a moment
/// before the caller is in it.
const LOOK_INTERVAL: Duration = Duration::from_millis(750);
/// Longest answer that is read, in bytes: some 100,000 rooms.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

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
        // A redirect would take a token to a place that no setting names.
        let http = reqwest::Client::builder().redirect(Policy::none()).timeout(LIMIT).build();
        Ok(Self { http: http.context("set up the HTTP client of rooms")?, livekit })
    }

    /// Ends a call for the participant, too, once the last words were heard: front ends see that the call was ended, and
    /// nobody sends another agent.
    ///
    /// # Errors
    /// LiveKit does not delete the room.
    pub(crate) async fn end(&self, room: &str, dispatch_id: &str) -> anyhow::Result<()> {
        self.withdraw(room, dispatch_id).await;
        sleep(LAST_WORDS).await;
        let grants = VideoGrants { room_create: true, ..VideoGrants::default() };
        let request = DeleteRoomRequest { room: room.to_owned() };
        let deleted: Option<DeleteRoomResponse> =
            self.ask("RoomService/DeleteRoom", grants, &request).await.context("delete the room")?;
        deleted.context("delete the room: LiveKit does not know it").map(drop)
    }

    /// Nobody is to send an agent to this room again for this dispatch. What is not withdrawn costs little: an agent that
    /// comes into a call which was to be over.
    pub(crate) async fn withdraw(&self, room: &str, dispatch_id: &str) {
        if let Err(error) = self.delete_dispatch(room, dispatch_id).await {
            warn!("another agent may be sent into a room that needs none: {error:#}");
        }
    }

    /// Resolves when nobody is in the room, connected or connecting, but agents. While LiveKit does not say who is, it waits.
    pub(crate) async fn nobody_left(&self, room: &str) {
        let mut times_empty = 0;
        while times_empty < 2 {
            match self.participants(room).await {
                Ok(participants) if !participants.iter().any(is_person) => times_empty += 1,
                Ok(_) => times_empty = 0,
                Err(error) => {
                    times_empty = 0;
                    debug!("it is not known who is in the room: {error:#}");
                }
            }
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// All rooms, those of others included. LiveKit updates its counts of participants every 5 s.
    pub(crate) async fn rooms(&self) -> anyhow::Result<Vec<Room>> {
        let grants = VideoGrants { room_list: true, ..VideoGrants::default() };
        let listed: Option<ListRoomsResponse> = self
            .ask("RoomService/ListRooms", grants, &ListRoomsRequest::default())
            .await
            .context("list rooms")?;
        Ok(listed.context("list rooms: LiveKit cannot")?.rooms)
    }

    /// Whoever is in the room, on the way into it, or just leaving.
    pub(crate) async fn participants(&self, room: &str) -> anyhow::Result<Vec<ParticipantInfo>> {
        let request = ListParticipantsRequest { room: room.to_owned() };
        let listed: Option<ListParticipantsResponse> = self
            .ask("RoomService/ListParticipants", admin_of(room), &request)
            .await
            .context("list who is in the room")?;
        Ok(listed.unwrap_or_default().participants)
    }

    /// The agents, of any name, that were ordered for the room. None of a room that is gone.
    pub(crate) async fn dispatches(&self, room: &str) -> anyhow::Result<Vec<AgentDispatch>> {
        let request = ListAgentDispatchRequest { room: room.to_owned(), dispatch_id: String::new() };
        let listed: Option<ListAgentDispatchResponse> = self
            .ask("AgentDispatchService/ListDispatch", admin_of(room), &request)
            .await
            .context("list the dispatches of the room")?;
        Ok(listed.unwrap_or_default().agent_dispatches)
    }

    /// Whether the dispatch was there: of all who delete it, LiveKit tells one so. A job of it that goes on is ended.
    pub(crate) async fn delete_dispatch(&self, room: &str, dispatch_id: &str) -> anyhow::Result<bool> {
        let request =
            DeleteAgentDispatchRequest { room: room.to_owned(), dispatch_id: dispatch_id.to_owned() };
        let deleted: Option<AgentDispatch> = self
            .ask("AgentDispatchService/DeleteDispatch", admin_of(room), &request)
            .await
            .context("delete a dispatch")?;
        Ok(deleted.is_some())
    }

    /// Orders an agent for a room, which is made where it is gone.
    pub(crate) async fn create_dispatch(&self, order: &CreateAgentDispatchRequest) -> anyhow::Result<()> {
        let created: Option<AgentDispatch> = self
            .ask("AgentDispatchService/CreateDispatch", admin_of(&order.room), order)
            .await
            .context("create a dispatch")?;
        created.context("create a dispatch: LiveKit does not know the room").map(drop)
    }

    /// The answer; none where LiveKit knows nothing of what the request is about.
    async fn ask<A: Message + Default>(
        &self,
        method: &str,
        grants: VideoGrants,
        request: &impl Message,
    ) -> anyhow::Result<Option<A>> {
        let url = format!("{}/twirp/livekit.{method}", self.livekit.url.http());
        let token = self.livekit.token(grants, LIMIT * 2).await?;
        let request = self.http.post(url).bearer_auth(token).body(request.encode_to_vec());
        let request = request.header("content-type", "application/protobuf");
        let mut answer = request.send().await.context("ask LiveKit")?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        ensure!(answer.status().is_success(), "LiveKit refuses: {}", answer.status());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.context("read LiveKit's answer")? {
            body.extend_from_slice(&chunk);
            ensure!(body.len() <= LONGEST_ANSWER, "LiveKit's answer is longer than {LONGEST_ANSWER} bytes");
        }
        A::decode(body.as_slice()).context("decode LiveKit's answer").map(Some)
    }
}

/// Agents talk with people, on whatever line; not with each other, nor with recorders and streams.
pub(crate) fn is_person(participant: &ParticipantInfo) -> bool {
    !matches!(participant.kind(), Kind::Agent | Kind::Egress | Kind::Ingress)
}

fn admin_of(room: &str) -> VideoGrants {
    VideoGrants { room_admin: true, room: room.to_owned(), ..VideoGrants::default() }
}
