//! A participant that waits for events.

use std::time::Duration;

use livekit::prelude::*;
use livekit::webrtc::prelude::RtcAudioTrack;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::server::Server;

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Participant {
    pub(crate) room: Room,
    events: UnboundedReceiver<RoomEvent>,
}

impl Participant {
    pub(crate) async fn join(server: &Server, room: &str, identity: &str) -> Self {
        Self::join_with(server, room, identity, RoomOptions::default()).await
    }

    pub(crate) async fn join_with(server: &Server, room: &str, identity: &str, options: RoomOptions) -> Self {
        let token = server.token(room, identity, &format!("metadata of {identity}"));
        let (room, events) = Room::connect(&server.url(), &token, options).await.expect("join room");
        Self { room, events }
    }

    pub(crate) fn local(&self) -> LocalParticipant {
        self.room.local_participant()
    }

    /// The next event that `choose` wants.
    pub(crate) async fn wait_for<T>(
        &mut self,
        what: &str,
        mut choose: impl FnMut(RoomEvent) -> Option<T>,
    ) -> T {
        let wanted = async {
            while let Some(event) = self.events.recv().await {
                if let Some(wanted) = choose(event) {
                    return wanted;
                }
            }
            panic!("the room ended before {what}");
        };
        tokio::time::timeout(PATIENCE, wanted).await.unwrap_or_else(|_| panic!("no {what}"))
    }

    /// Waits until `identity` can be sent data.
    pub(crate) async fn wait_until_active(&mut self, identity: &str) {
        self.wait_for("active participant", |event| match event {
            RoomEvent::ParticipantActive(participant) if participant.identity().as_str() == identity => {
                Some(())
            }
            _ => None,
        })
        .await;
    }

    pub(crate) async fn subscribed_audio(&mut self) -> RtcAudioTrack {
        self.wait_for("subscribed audio track", |event| match event {
            RoomEvent::TrackSubscribed { track: RemoteTrack::Audio(track), .. } => Some(track.rtc_track()),
            _ => None,
        })
        .await
    }
}
