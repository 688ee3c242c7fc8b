//! Through TURN servers only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use livekit::prelude::*;
use livekit::webrtc::audio_stream::native::NativeAudioStream;
use livekit::webrtc::prelude::{IceTransportsType, RtcConfiguration};
use serde_json::{Value, json};

use crate::coturn::{Coturn, PASSWORD, USER};
use crate::participant::Participant;
use crate::peer::Peer;
use crate::server::Server;
use crate::tone::{Tone, hear_clean, record};
use test_servers::free_port;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A call of two that may use nothing but the relay: audio both ways, and data.
async fn call_through(coturn: &Coturn, host: &str, protocol: &str) {
    let server = Server::start_with(|configuration| {
        listen_on_loopback_only(configuration);
        configuration["rtc"]["turn_servers"] = json!([{
            "host": host, "port": coturn.port, "protocol": protocol, "username": USER, "credential": PASSWORD,
        }]);
    })
    .await;
    let mut first = Participant::join_with(&server, "call", "first", relay_only()).await;
    let mut second = Participant::join_with(&server, "call", "second", relay_only()).await;
    let _first_tone = Tone::publish(&first.local(), 440.0, 48_000).await;
    let _second_tone = Tone::publish(&second.local(), 660.0, 48_000).await;
    for (participant, hertz) in [(&mut first, 660.0), (&mut second, 440.0)] {
        let mut stream = NativeAudioStream::new(participant.subscribed_audio().await, 16_000, 1);
        record(&mut stream, Duration::from_millis(500)).await;
        hear_clean(&mut stream, hertz, 25.0).await;
    }
    let payload = vec![7; 10_000];
    for _ in 0..20 {
        let packet = DataPacket { payload: payload.clone(), reliable: true, ..DataPacket::default() };
        first.local().publish_data(packet).await.expect("publish data");
    }
    for _ in 0..20 {
        let received = second
            .wait_for("data packet", |event| match event {
                RoomEvent::DataReceived { payload, .. } => Some(payload),
                _ => None,
            })
            .await;
        assert_eq!(*received, payload);
    }
    // Both give their allocations back, and each took all of the data.
    first.room.close().await.expect("leave room");
    second.room.close().await.expect("leave room");
    let allocations = coturn.count("ALLOCATE processed, success");
    coturn.wait_for("delete: realm", allocations).await;
    let with_data = coturn.bytes_of_sessions().into_iter().filter(|bytes| *bytes > 200_000).count();
    assert_eq!((allocations, with_data), (2, 2), "{}", coturn.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_over_udp() {
    let coturn = Coturn::start(LOCALHOST, None, &[]).await;
    call_through(&coturn, "127.0.0.1", "udp").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_over_tcp() {
    let coturn = Coturn::start(LOCALHOST, None, &[]).await;
    call_through(&coturn, "127.0.0.1", "tcp").await;
}

#[test]
fn a_call_goes_over_tls() {
    let folder = tempfile::tempdir().expect("make temporary folder");
    make_certificate(folder.path());
    let certificate = folder.path().join("certificate.pem");
    crate::alone::run_with("relay::a_call_goes_over_tls_with_this_root", &[("SSL_CERT_FILE", &certificate)]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by a_call_goes_over_tls"]
async fn a_call_goes_over_tls_with_this_root() {
    rustls::crypto::ring::default_provider().install_default().expect("install cryptography");
    let certificate = std::env::var_os("SSL_CERT_FILE").expect("a certificate");
    let coturn = Coturn::start(LOCALHOST, Some(Path::new(&certificate)), &[]).await;
    call_through(&coturn, "localhost", "tls").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn livekits_own_relay_is_used() {
    let port = free_port();
    let server = Server::start_with(|configuration| {
        listen_on_loopback_only(configuration);
        configuration["turn"] = json!({
            "enabled": true,
            "udp_port": port,
            "bind_addresses": ["127.0.0.1"],
            "relay_range_start": 30_000,
            "relay_range_end": 40_000,
            "allow_restricted_peer_cidrs": ["127.0.0.0/8"],
        });
    })
    .await;
    let mut listener = Participant::join_with(&server, "call", "listener", relay_only()).await;
    let speaker = Participant::join_with(&server, "call", "speaker", relay_only()).await;
    let _tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;
    let mut stream = NativeAudioStream::new(listener.subscribed_audio().await, 16_000, 1);
    record(&mut stream, Duration::from_millis(500)).await;
    hear_clean(&mut stream, 440.0, 25.0).await;
}

/// Two connections without a LiveKit server between them.
#[tokio::test(flavor = "multi_thread")]
async fn peers_meet_through_relays_over_ipv6() {
    let coturn = Coturn::start(IpAddr::V6(Ipv6Addr::LOCALHOST), None, &[]).await;
    for (allocations, url) in [(2, "turn:{}"), (4, "turn:{}?transport=tcp")] {
        let mut configuration = RtcConfiguration::default();
        configuration.ice_transport_type = IceTransportsType::Relay;
        configuration.ice_servers = vec![coturn.ice_server(url, PASSWORD)];
        let (mut first, mut second) = (Peer::new(configuration.clone()), Peer::new(configuration));
        let channels = first.connect(&mut second).await;
        let message = vec![7; 50_000];
        assert_eq!(channels.echo(&message).await, message);
        let seen: Vec<&String> = first.seen.iter().chain(&second.seen).collect();
        assert!(seen.iter().all(|line| line.contains("::1 ") && line.contains("typ relay")), "{seen:?}");
        first.connection.close();
        second.connection.close();
        coturn.wait_for("delete: realm", allocations).await;
    }
}

/// Else the server takes other addresses for this one as well, and does not always answer at the one a relay reaches.
fn listen_on_loopback_only(configuration: &mut Value) {
    configuration["rtc"]["interfaces"] = json!({ "includes": ["lo"] });
}

fn relay_only() -> RoomOptions {
    let mut options = RoomOptions::default();
    options.rtc_config.ice_transport_type = IceTransportsType::Relay;
    options
}

/// Self-signed, with its key in `key.pem`.
fn make_certificate(folder: &Path) {
    let configuration = "[req]\ndistinguished_name = name\nx509_extensions = extensions\nprompt = no\n\
                         [name]\nCN = localhost\n[extensions]\nsubjectAltName = DNS:localhost\n";
    std::fs::write(folder.join("openssl.cnf"), configuration).expect("write configuration");
    let made = Command::new("openssl")
        .current_dir(folder)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-config", "openssl.cnf", "-days", "2", "-keyout", "key.pem", "-out", "certificate.pem"])
        .output()
        .expect("start openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
