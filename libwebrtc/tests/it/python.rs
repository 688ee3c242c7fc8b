//! The Python SDK at the far end: Google's stack, not this one.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use livekit::prelude::*;
use livekit::webrtc::audio_stream::native::NativeAudioStream;

use crate::participant::Participant;
use crate::server::{Server, tools};
use crate::tone::{Tone, record, signal_to_noise};

struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        self.0.kill().expect("kill peer");
        self.0.wait().expect("wait for peer");
    }
}

/// Joins, publishes 660 Hz, and sends what it measures of our 440 Hz as a data packet.
fn start_peer(server: &Server, room: &str) -> Peer {
    let child = Command::new(tools().join("python/bin/python"))
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/peer.py"))
        .args([server.url(), server.token(room, "python", "")])
        .stdin(Stdio::null())
        .spawn()
        .expect("start the Python peer");
    Peer(child)
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_flows_both_ways_with_another_stack() {
    let server = Server::start().await;
    let mut participant = Participant::join(&server, "call", "rust").await;
    let _tone = Tone::publish(&participant.local(), 440.0, 24_000).await;
    let _peer = start_peer(&server, "call");

    let mut stream = NativeAudioStream::new(participant.subscribed_audio().await, 48_000, 1);
    record(&mut stream, Duration::from_secs(1)).await;
    let ratio = signal_to_noise(&record(&mut stream, Duration::from_secs(2)).await, 660.0, 48_000);
    assert!(ratio > 20.0, "we hear it at {ratio} dB");

    let heard = participant
        .wait_for("measurement", |event| match event {
            RoomEvent::DataReceived { payload, .. } => Some(payload),
            _ => None,
        })
        .await;
    let heard: f64 = str::from_utf8(&heard).expect("read text").parse().expect("read number");
    assert!(heard > 20.0, "it hears us at {heard} dB");
}
