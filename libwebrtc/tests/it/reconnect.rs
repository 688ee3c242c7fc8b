//! Losing the server, and only the signalling.

use std::time::Duration;

use livekit::SimulateScenario;
use livekit::prelude::*;
use livekit::webrtc::audio_stream::native::NativeAudioStream;

use crate::participant::Participant;
use crate::server::Server;
use crate::tone::{Tone, record, record_if_alive, signal_to_noise};

async fn wait_until_reconnected(participant: &mut Participant) {
    participant.wait_for("reconnection", |event| matches!(event, RoomEvent::Reconnected).then_some(())).await;
}

/// Hears the tone in one of the tracks that are subscribed to from now on: while sessions are replaced, there may be one
/// of the session before.
async fn assert_tone_is_heard(listener: &mut Participant, hertz: f64) {
    let heard = tokio::time::timeout(Duration::from_secs(30), wait_for_tone(listener, hertz)).await;
    heard.expect("the tone is not heard");
}

async fn wait_for_tone(listener: &mut Participant, hertz: f64) {
    loop {
        let mut stream = NativeAudioStream::new(listener.subscribed_audio().await, 16_000, 1);
        while let Some(samples) = record_if_alive(&mut stream, Duration::from_millis(500)).await {
            if signal_to_noise(&samples, hertz, 16_000) > 25.0 {
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_is_found_again_and_audio_flows() {
    let mut server = Server::start().await;
    let mut listener = Participant::join(&server, "call", "listener").await;
    let mut speaker = Participant::join(&server, "call", "speaker").await;
    let _tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;
    assert_tone_is_heard(&mut listener, 440.0).await;

    server.restart(Duration::from_secs(1)).await;
    wait_until_reconnected(&mut speaker).await;
    assert_tone_is_heard(&mut listener, 440.0).await;
}

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
        wait_until_reconnected(participant).await;
    }
    record(&mut stream, Duration::from_secs(1)).await;
    let ratio = signal_to_noise(&record(&mut stream, Duration::from_secs(2)).await, 440.0, 16_000);
    assert!(ratio > 25.0, "{ratio} dB");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_udp_audio_and_data_go_over_tcp() {
    let server = Server::start().await;
    let mut listener = Participant::join(&server, "call", "listener").await;
    let mut speaker = Participant::join(&server, "call", "speaker").await;
    // The server offers nothing but TCP from now on.
    for participant in [&mut speaker, &mut listener] {
        participant.room.simulate_scenario(SimulateScenario::ForceTcp).await.expect("force TCP");
        wait_until_reconnected(participant).await;
    }
    let _tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;
    assert_tone_is_heard(&mut listener, 440.0).await;

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
