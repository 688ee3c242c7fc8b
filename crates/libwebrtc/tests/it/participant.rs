//! A participant that waits for events.

use std::time::Duration;

use livekit::prelude::*;
use livekit::webrtc::audio_stream::native::NativeAudioStream;
use livekit::webrtc::prelude::RtcAudioTrack;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::server::Server;
use crate::tone::{RATE, record_if_alive};

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Participant {
    pub(crate) room: Room,
    event_rx: UnboundedReceiver<RoomEvent>,
}

impl Participant {
    pub(crate) async fn join(server: &Server, room: &str, identity: &str) -> Self {
        Self::join_with(server, room, identity, RoomOptions::default()).await
    }

    pub(crate) async fn join_with(server: &Server, room: &str, identity: &str, options: RoomOptions) -> Self {
        let token = server.token(room, identity, &format!("metadata of {identity}"));
        Self::join_as(server, &token, options).await
    }

    pub(crate) async fn join_as(server: &Server, token: &str, options: RoomOptions) -> Self {
        let (room, event_rx) = Room::connect(&server.url(), token, options).await.expect("join room");
        Self { room, event_rx }
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
            while let Some(event) = self.event_rx.recv().await {
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

    /// Opens the audio track that is subscribed to next.
    pub(crate) async fn hear(&mut self) -> NativeAudioStream {
        NativeAudioStream::new(self.subscribed_audio().await, RATE.cast_signed(), 1)
    }

    pub(crate) async fn wait_until_reconnected(&mut self) {
        self.wait_for("reconnection", |event| matches!(event, RoomEvent::Reconnected).then_some(())).await;
    }

    /// The text of the next data packet; of the last ones `may_be_lost`, that none comes any more is an answer.
    pub(crate) async fn next_packet(&mut self, may_be_lost: bool) -> Option<String> {
        let payload = self.wait_for("data packet", |event| match event {
            RoomEvent::DataReceived { payload, .. } => Some(payload),
            _ => None,
        });
        let payload = if may_be_lost {
            tokio::time::timeout(Duration::from_secs(2), payload).await.ok()?
        } else {
            payload.await
        };
        Some(String::from_utf8(payload.to_vec()).expect("read text"))
    }

    /// Hears the tone in one of the tracks that are subscribed to from now on: while sessions are replaced, there may
    /// be one of the session before.
    pub(crate) async fn wait_for_tone(&mut self, hertz: f64) {
        let heard = async {
            loop {
                let mut stream = NativeAudioStream::new(self.subscribed_audio().await, RATE.cast_signed(), 1);
                while let Some(heard) = record_if_alive(&mut stream, Duration::from_millis(500)).await {
                    if heard.signal_to_noise(hertz) > 25.0 {
                        return;
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.expect("the tone is not heard");
    }
}
