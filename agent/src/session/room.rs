//! Joins and leaves a room, and makes observations of its events. What LiveKit's SDK calls things ends here.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use livekit::RoomDataStreamOptions;
use livekit::options::TrackPublishOptions;
use livekit::participant::ParticipantKind;
use livekit::prelude::{
    ConnectionState, LocalAudioTrack, LocalTrack, RemoteParticipant, Room, RoomError, RoomEvent, RoomOptions,
    TrackSource,
};
use livekit::webrtc::audio_source::native::NativeAudioSource;
use livekit::webrtc::audio_source::{AudioSourceOptions, RtcAudioSource};
use schemas::EndReason;
use secrecy::ExposeSecret as _;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;
use tracing::debug;

use super::ending::{Observation, OwnDeparture};
use crate::agent_state::{SERVERS_AGENT_NAME, end_reason};
use crate::conversation::{CHANNELS, LONGEST_PRE_CONNECT_AUDIO, SAMPLE_RATE};
use crate::worker::AssignedJob;

/// Longest that joining a room may take; LiveKit gives the participant's page 20 s to see an agent.
const JOIN_LIMIT: Duration = Duration::from_secs(15);
/// Longest that the agent waits until its last word is known to have arrived.
const TELL_LIMIT: Duration = Duration::from_millis(500);
/// Longest that leaving may take.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);
/// Audio that the agent's track holds before it has been sent, milliseconds.
const VOICE_QUEUE_MILLISECONDS: u32 = 200;

/// A joined room, with the agent's audio track in it.
pub(super) struct Joined {
    pub(super) room: Arc<Room>,
    pub(super) voice: NativeAudioSource,
    pub(super) voice_track_id: String,
}

/// Why a room was not joined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    #[error("the room was not joined within {:?}", JOIN_LIMIT)]
    NotInTime,
    #[error("join the room")]
    Refused(#[source] RoomError),
    #[error("the agent's audio track was not published within {:?}", JOIN_LIMIT)]
    TrackNotInTime,
    #[error("publish the agent's audio track")]
    TrackRefused(#[source] RoomError),
}

impl JoinError {
    pub(crate) const REASONS: [&'static str; 4] = ["timeout", "refused", "track_timeout", "track_refused"];

    /// As the metrics show it.
    pub(crate) fn reason(&self) -> &'static str {
        let [timeout, refused, track_timeout, track_refused] = Self::REASONS;
        match self {
            Self::NotInTime => timeout,
            Self::Refused(_) => refused,
            Self::TrackNotInTime => track_timeout,
            Self::TrackRefused(_) => track_refused,
        }
    }
}

/// Joins without subscribing to anything, and publishes the agent's audio track at once: LiveKit tells others of a
/// participant without a track up to 3 s later. `room_to_leave` has the room as soon as it has to be
/// left. None where an agent of the same name was in the room before.
pub(super) async fn join(
    job: &AssignedJob,
    agent_name: &str,
    room_to_leave: &OnceLock<Arc<Room>>,
) -> Result<Option<(Joined, UnboundedReceiver<RoomEvent>)>, JoinError> {
    let mut options = RoomOptions::default();
    options.auto_subscribe = false;
    options.connect_timeout = JOIN_LIMIT / 3;
    options.data_stream =
        RoomDataStreamOptions::default().with_max_payload_byte_length(LONGEST_PRE_CONNECT_AUDIO);
    let (room, events_rx) = timeout(JOIN_LIMIT, Room::connect(&job.url, job.token.expose_secret(), options))
        .await
        .map_err(|_| JoinError::NotInTime)?
        .map_err(JoinError::Refused)?;
    let room = room_to_leave.get_or_init(|| Arc::new(room));
    // LiveKit lets in one after the other, so of two agents one finds the other.
    if has_other_agent(room, agent_name) {
        return Ok(None);
    }
    let voice = NativeAudioSource::new(
        AudioSourceOptions::default(),
        SAMPLE_RATE,
        CHANNELS,
        VOICE_QUEUE_MILLISECONDS,
    );
    let track = LocalAudioTrack::create_audio_track("agent", RtcAudioSource::Native(voice.clone()));
    let options = TrackPublishOptions { source: TrackSource::Microphone, ..TrackPublishOptions::default() };
    let participant = room.local_participant();
    let publishing = participant.publish_track(LocalTrack::Audio(track), options);
    let publication = timeout(JOIN_LIMIT, publishing)
        .await
        .map_err(|_| JoinError::TrackNotInTime)?
        .map_err(JoinError::TrackRefused)?;
    let voice_track_id = publication.sid().to_string();
    Ok(Some((Joined { room: Arc::clone(room), voice, voice_track_id }, events_rx)))
}

/// Tells who is left in the room why the agent goes, unless the call goes on with another agent. Nobody waits for long: what
/// counts is that the call ends.
pub(super) async fn tell_why(room: &Room, agent_name: &str, reason: EndReason) {
    let is_last = !room.remote_participants().is_empty() && !has_other_agent(room, agent_name);
    if room.connection_state() != ConnectionState::Connected || !is_last {
        return;
    }
    let participant = room.local_participant();
    match timeout(TELL_LIMIT, participant.set_attributes(end_reason(reason))).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!("front ends may not know why the call ended: {error}"),
        Err(_) => debug!("front ends are not known to know why the call ended within {TELL_LIMIT:?}"),
    }
}

/// Leaves, where the room is not closed already.
pub(super) async fn leave(room: &Room) {
    match timeout(LEAVE_LIMIT, room.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!("the room was left already: {error}"),
        Err(_) => debug!("leaving the room took too long"),
    }
}

fn has_other_agent(room: &Room, agent_name: &str) -> bool {
    room.remote_participants().values().any(|participant| {
        participant.kind() == ParticipantKind::Agent
            && participant.attributes().get(SERVERS_AGENT_NAME).is_some_and(|name| name == agent_name)
    })
}

/// The part of an event that can begin or end a session.
pub(super) fn observations(event: &RoomEvent) -> Vec<Observation> {
    match event {
        RoomEvent::Connected { participants_with_tracks } => {
            let mut present: Vec<_> =
                participants_with_tracks.iter().map(|(participant, _)| participant).collect();
            present.sort_by_key(|participant| participant.joined_at());
            present.into_iter().filter_map(present_person).collect()
        }
        RoomEvent::ParticipantConnected(participant) => present_person(participant).into_iter().collect(),
        RoomEvent::ParticipantDisconnected(participant) => vec![Observation::Gone {
            identity: participant.identity().to_string(),
            departure: participant.disconnect_reason().into(),
        }],
        RoomEvent::Reconnecting => vec![Observation::Interrupted],
        RoomEvent::Reconnected => vec![Observation::Restored],
        RoomEvent::Disconnected { reason } => vec![Observation::Out(own_departure(*reason))],
        _ => Vec::new(),
    }
}

/// Agents talk with people, on whatever line; not with each other, nor with recorders and streams.
fn present_person(participant: &RemoteParticipant) -> Option<Observation> {
    match participant.kind() {
        ParticipantKind::Agent | ParticipantKind::Egress | ParticipantKind::Ingress => None,
        ParticipantKind::Standard
        | ParticipantKind::Sip
        | ParticipantKind::Connector
        | ParticipantKind::Bridge => {
            Some(Observation::Present { identity: participant.identity().to_string() })
        }
    }
}

fn own_departure(reason: livekit::DisconnectReason) -> OwnDeparture {
    match reason {
        livekit::DisconnectReason::RoomDeleted | livekit::DisconnectReason::RoomClosed => {
            OwnDeparture::RoomClosed
        }
        livekit::DisconnectReason::ParticipantRemoved | livekit::DisconnectReason::DuplicateIdentity => {
            OwnDeparture::Removed
        }
        _ => OwnDeparture::ConnectionLost,
    }
}
