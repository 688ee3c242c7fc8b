//! Which candidates are found, and what is said of servers that give none.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use livekit::webrtc::prelude::*;

use crate::coturn::{Coturn, PASSWORD};
use crate::peer::Peer;
use test_servers::free_port;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn configuration(policy: IceTransportsType, ice_servers: Vec<IceServer>) -> RtcConfiguration {
    let mut configuration = RtcConfiguration::default();
    configuration.ice_transport_type = policy;
    configuration.ice_servers = ice_servers;
    configuration
}

fn server(url: &str) -> IceServer {
    IceServer {
        urls: vec![url.to_owned()],
        username: "someone".to_owned(),
        password: "secret-word".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_named_later_is_asked_and_a_stricter_policy_withdraws_candidates() {
    let coturn = Coturn::start(LOCALHOST, None, &[]).await;
    let mut peer = Peer::new(RtcConfiguration::default());
    peer.offer().await;
    peer.candidate("typ host").await;
    assert!(peer.offered_lines().await.iter().any(|line| line.contains("typ host")));

    let servers = vec![coturn.ice_server("turn:{}?transport=tcp", PASSWORD)];
    let relay_only = configuration(IceTransportsType::Relay, servers);
    peer.connection.set_configuration(relay_only).expect("set configuration");
    peer.candidate("typ relay").await;
    let lines = peer.offered_lines().await;
    assert!(lines.len() == 1 && lines[0].contains("typ relay"), "{lines:?}");
    peer.connection.close();
    coturn.wait_for("delete: realm", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_with_new_credentials_takes_the_place_of_the_old_one() {
    let coturn = Coturn::start(LOCALHOST, None, &["--user", "other:secret"]).await;
    let first = coturn.ice_server("turn:{}", PASSWORD);
    let second = IceServer { username: "other".to_owned(), password: "secret".to_owned(), ..first.clone() };
    let mut peer = Peer::new(configuration(IceTransportsType::Relay, vec![first]));
    peer.offer().await;
    let old = peer.candidate("typ relay").await;
    let next = configuration(IceTransportsType::Relay, vec![second]);
    peer.connection.set_configuration(next).expect("set configuration");
    let new = peer.candidate("typ relay").await;
    assert_ne!(old, new);
    let lines = peer.offered_lines().await;
    assert!(lines.len() == 1 && lines[0].contains(&new), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_cannot_be_used_are_reported_with_their_reasons() {
    let coturn = Coturn::start(LOCALHOST, None, &[]).await;
    let closed = SocketAddr::new(LOCALHOST, free_port());
    let wrong_password = coturn.ice_server("turn:{}", "wrong");
    let mut peer = Peer::new(configuration(
        IceTransportsType::Relay,
        vec![
            wrong_password.clone(),
            server(&format!("turn:{closed}?transport=tcp")),
            server("turn:name.invalid"),
            server("turns:127.0.0.1?transport=udp"),
        ],
    ));
    peer.offer().await;
    let mut errors = Vec::new();
    for _ in 0..4 {
        let error = peer.error().await;
        assert!(!format!("{error:?}").contains("secret-word"), "{error:?}");
        errors.push((error.url, error.error_code, error.error_text));
    }
    let error_of = |url: &str| {
        let found = errors.iter().find(|(known, ..)| known.contains(url));
        let (_, code, text) = found.unwrap_or_else(|| panic!("no error of {url}: {errors:?}"));
        (*code, text.as_str())
    };
    assert_eq!(error_of(&wrong_password.urls[0]), (401, "Unauthorized"));
    let (code, text) = error_of(&closed.to_string());
    assert!(code == 701 && text.contains("refused"), "{code} {text}");
    assert_eq!(error_of("invalid"), (701, "its name has no address that can be reached"));
    assert_eq!(error_of("turns:"), (701, "DTLS is not supported: turns needs transport=tcp"));
}

/// Answers STUN requests with an address of its own choice, as if a router were between.
async fn translate(socket: tokio::net::UdpSocket) {
    let mut request = [0; 512];
    while let Ok((length, source)) = socket.recv_from(&mut request).await {
        assert_eq!(request[..4], [0, 1, 0, 0], "not a plain binding request of {length} bytes");
        let mut answer = vec![1, 1, 0, 12];
        answer.extend(&request[4..20]);
        let [high, low] = (source.port() ^ 0x2112).to_be_bytes();
        let masked = [203 ^ 0x21, 0x12, 113 ^ 0xa4, 5 ^ 0x42];
        answer.extend([0, 0x20, 0, 8, 0, 1, high, low]);
        answer.extend(masked);
        socket.send_to(&answer, source).await.expect("answer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_behind_a_router_is_found_and_may_be_the_only_one_told() {
    let socket = tokio::net::UdpSocket::bind((LOCALHOST, 0)).await.expect("bind");
    let url = format!("stun:{}", socket.local_addr().expect("read address"));
    let router = tokio::spawn(translate(socket));
    for policy in [IceTransportsType::All, IceTransportsType::NoHost] {
        let mut peer = Peer::new(configuration(policy, vec![server(&url)]));
        peer.offer().await;
        peer.candidate("203.0.113.5 ").await;
        assert!(peer.seen.last().is_some_and(|line| line.contains("typ srflx")), "{:?}", peer.seen);
        let lines = peer.offered_lines().await;
        let hosts = lines.iter().filter(|line| line.contains("typ host")).count();
        assert_eq!(hosts > 0, policy == IceTransportsType::All, "{lines:?}");
        assert!(lines.iter().any(|line| line.contains("typ srflx")), "{lines:?}");
    }
    router.abort();
}
