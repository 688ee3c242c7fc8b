//! Losing the signalling, and UDP.

use std::time::Duration;

use livekit::SimulateScenario;
use livekit::prelude::*;
use livekit::webrtc::audio_stream::native::NativeAudioStream;

use crate::participant::Participant;
use crate::server::Server;
use crate::tone::{Tone, hear_clean, record};

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_session_keeps_its_audio() {
    let server = Server::start().await;
    let mut listener = Participant::join(&server, "call", "listener").await;
    let mut speaker = Participant::join(&server, "call", "speaker").await;
    let _tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;
    let mut stream = NativeAudioStream::new(listener.subscribed_audio().await, 16_000, 1);
    record(&mut stream, Duration::from_millis(500)).await;

    // The signalling link drops: both sides resume, with an ICE restart.
    for participant in [&mut speaker, &mut listener] {
        participant.room.simulate_scenario(SimulateScenario::SignalReconnect).await.expect("drop signalling");
        participant.wait_until_reconnected().await;
    }
    record(&mut stream, Duration::from_secs(1)).await;
    hear_clean(&mut stream, 440.0, 25.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_loses_udp_goes_on_over_tcp() {
    let server = Server::start().await;
    let mut listener = Participant::join(&server, "call", "listener").await;
    let mut speaker = Participant::join(&server, "call", "speaker").await;
    // The server offers nothing but TCP from now on.
    for participant in [&mut speaker, &mut listener] {
        participant.room.simulate_scenario(SimulateScenario::ForceTcp).await.expect("force TCP");
        participant.wait_until_reconnected().await;
    }
    let _tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;
    listener.wait_for_tone(440.0).await;

    let payload = vec![7; 10_000];
    for _ in 0..50 {
        let packet = DataPacket {
            payload: payload.clone(),
            topic: None,
            reliable: true,
            destination_identities: Vec::new(),
        };
        speaker.local().publish_data(packet).await.expect("publish data");
    }
    for _ in 0..50 {
        let received = listener
            .wait_for("data packet", |event| match event {
                RoomEvent::DataReceived { payload, .. } => Some(payload),
                _ => None,
            })
            .await;
        assert_eq!(*received, payload);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_reconnection_publishes_the_audio_again() {
    let server = Server::start().await;
    let mut listener = Participant::join(&server, "call", "listener").await;
    let mut speaker = Participant::join(&server, "call", "speaker").await;
    let _tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;
    listener.wait_for_tone(440.0).await;

    speaker.room.simulate_scenario(SimulateScenario::FullReconnect).await.expect("reconnect");
    speaker.wait_until_reconnected().await;
    assert_eq!(speaker.room.connection_state(), ConnectionState::Connected);
    listener.wait_for_tone(440.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_room_is_left_for_good_and_its_track_let_go() {
    let server = Server::start().await;
    let mut speaker = Participant::join(&server, "call", "speaker").await;
    let tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;
    assert!(tone.publication.track().is_some());

    server.delete_room("call").await;
    let reason = speaker
        .wait_for("end of the room", |event| match event {
            RoomEvent::Disconnected { reason } => Some(reason),
            RoomEvent::Reconnecting => panic!("a deleted room is reconnected to"),
            _ => None,
        })
        .await;
    assert_eq!(reason, livekit::DisconnectReason::RoomDeleted);
    assert_eq!(speaker.room.connection_state(), ConnectionState::Disconnected);
    let let_go = async {
        while tone.publication.track().is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), let_go).await.expect("the track is still published");
}
