//! What reads datagrams of anybody, and answers of servers, called with any bytes.

mod peer;

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use str0m::Candidate;
use str0m::net::{Protocol, Receive, Transmit};
use tokio::sync::mpsc;

use crate::fuzzing::Bytes;
use crate::negotiation::Outcome;
use crate::sdp::IceCredentials;

use super::servers::binding::Binding;
use super::servers::message::Message;
use super::servers::turn::{Client, Options};
use super::transport::{Network, Transport};

pub(crate) use peer::{channels, media};

/// Datagrams for a transport that waits for its peer.
pub(crate) fn datagrams(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let mut now = *START.get_or_init(Instant::now);
    let (command_tx, _command_rx) = mpsc::unbounded_channel();
    let credentials =
        |name: &str| IceCredentials { ufrag: name.to_owned(), password: "password of it".to_owned() };
    let mut transport = Transport::new(&credentials("here"), command_tx.downgrade(), now);
    let address = |text: &str| text.parse::<SocketAddr>().ok();
    let (Some(local), Some(remote)) = (address("10.0.0.1:5000"), address("10.0.0.2:5000")) else { return };
    let host = |address| Candidate::host(address, Protocol::Udp).ok();
    let (Some(ours), Some(theirs)) = (host(local), host(remote)) else { return };
    transport.add_local_candidate(ours);
    let outcome = Outcome {
        local_credentials: credentials("here"),
        remote_credentials: credentials("there"),
        remote_fingerprint: format!("sha-256 {}AB", "AB:".repeat(31)),
        remote_candidates: Vec::new(),
        ice_controlling: bytes.byte() % 2 == 0,
        dtls_active: bytes.byte() % 2 == 0,
        data: true,
        media: Vec::new(),
    };
    transport.negotiated(&outcome, now);
    transport.add_remote_candidate(theirs);
    while !bytes.is_empty() {
        let length = usize::from(bytes.short() % 1_500);
        let datagram = bytes.take(length);
        if let Ok(received) = Receive::new(Protocol::Udp, remote, local, datagram) {
            transport.receive(received, datagram.len(), now);
        }
        transport.advance(now, &mut Nowhere);
        now += Duration::from_millis(20);
    }
}

/// Packets of a TURN server to its client, and of a STUN server.
pub(crate) fn servers(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let mut now = *START.get_or_init(Instant::now);
    let options = Options {
        username: "someone".to_owned(),
        password: "secret".to_owned(),
        reliable: false,
        ipv6: true,
    };
    let mut client = Client::new(options, StdRng::seed_from_u64(0), now);
    let mut transaction = [0; 12];
    let mut binding = Binding::new(transaction, now);
    let Ok(peer) = "10.0.0.2:5000".parse() else { return };
    while !bytes.is_empty() {
        while let Some(request) = client.take_outgoing() {
            transaction.copy_from_slice(request.get(8..20).unwrap_or(&[0; 12]));
        }
        let length = usize::from(bytes.short() % 1_500);
        let mut packet = bytes.take(length).to_vec();
        // Half of them answer what was asked.
        if packet.first().is_some_and(|first| first % 2 == 1)
            && let Some(place) = packet.get_mut(8..20)
        {
            place.copy_from_slice(&transaction);
        }
        if let Some((_, range)) = client.receive(&packet, now) {
            assert!(range.end <= packet.len(), "the datagram of a peer ends behind the packet");
        }
        if let Some(message) = Message::parse(&packet) {
            binding.answered(&message, now);
        }
        client.send(peer, b"a datagram", now);
        now += Duration::from_millis(500);
        client.handle_timeout(now);
        while client.next_event().is_some() {}
    }
}

/// The same for all calls: what follows from bytes does not depend on the clock.
static START: OnceLock<Instant> = OnceLock::new();

struct Nowhere;

impl Network for Nowhere {
    fn send(&mut self, _transmit: &Transmit) {}

    fn has_room(&self) -> bool {
        true
    }
}
