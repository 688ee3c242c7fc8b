//! The client against a server that follows the standard's rules for credentials, lifetimes and channels, by a clock of
//! the test's.

use std::collections::HashMap;

use proptest::prelude::*;
use rand::SeedableRng;

use super::*;

const RELAYED: &str = "203.0.113.1:50000";
const REALM: &[u8] = b"realm";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("read address")
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn client(password: &str, reliable: bool, now: Instant) -> Client {
    let options =
        Options { username: "user".to_owned(), password: password.to_owned(), reliable, ipv6: false };
    Client::new(options, StdRng::seed_from_u64(7), now)
}

/// Keeps an allocation while it is refreshed, and channels while they are bound again.
struct Server {
    key: [u8; 16],
    nonce: Vec<u8>,
    lifetime: Duration,
    expires_at: Option<Instant>,
    channels: HashMap<u16, (SocketAddr, Instant)>,
    refuses_peers: bool,
    /// Datagrams that were relayed to peers.
    relayed: Vec<(SocketAddr, Vec<u8>)>,
    refreshes: usize,
}

impl Server {
    fn new(lifetime: Duration) -> Self {
        let mut hash = Md5::new();
        hash.update(b"user:realm:secret");
        Self {
            key: hash.finalize().into(),
            nonce: b"first".to_vec(),
            lifetime,
            expires_at: None,
            channels: HashMap::new(),
            refuses_peers: false,
            relayed: Vec::new(),
            refreshes: 0,
        }
    }

    fn receive(&mut self, packet: &[u8], now: Instant) -> Option<Vec<u8>> {
        if let Some((channel, range)) = peers::unwrap(packet) {
            let (peer, _) = self.channels.get(&channel).filter(|(_, ends_at)| now < *ends_at)?;
            self.relayed.push((*peer, packet[range].to_vec()));
            return None;
        }
        let request = Message::parse(packet).expect("read request");
        if request.value(attribute::NONCE) != Some(&self.nonce) {
            let code = if request.value(attribute::NONCE).is_some() { STALE_NONCE } else { UNAUTHORIZED };
            return Some(self.refuse(&request, code));
        }
        if !request.is_authentic(&self.key) {
            return Some(self.refuse(&request, UNAUTHORIZED));
        }
        let mut writer = Writer::new(Class::Success, request.method, request.transaction);
        match request.method {
            method::ALLOCATE => {
                self.expires_at = Some(now + self.lifetime);
                writer.xor_address(attribute::XOR_RELAYED_ADDRESS, address(RELAYED));
            }
            method::REFRESH if request.number(attribute::LIFETIME) == Some(0) => self.expires_at = None,
            method::REFRESH => {
                if self.expires_at.is_none_or(|at| now >= at) {
                    return Some(self.refuse(&request, 437));
                }
                self.refreshes += 1;
                self.expires_at = Some(now + self.lifetime);
            }
            method::CHANNEL_BIND if self.refuses_peers => return Some(self.refuse(&request, 403)),
            method::CHANNEL_BIND => {
                let channel = (request.number(attribute::CHANNEL_NUMBER).expect("a channel") >> 16) as u16;
                let peer = request.xor_address(attribute::XOR_PEER_ADDRESS).expect("a peer");
                let taken = |(other, (address, _)): (&u16, &(SocketAddr, Instant))| {
                    (*other == channel) != (*address == peer)
                };
                assert!(!self.channels.iter().any(taken), "channel {channel} is another peer's");
                self.channels.insert(channel, (peer, now + seconds(300)));
            }
            method => panic!("unexpected method {method}"),
        }
        writer.attribute(attribute::LIFETIME, &(self.lifetime.as_secs() as u32).to_be_bytes());
        Some(writer.finish(Some(&self.key)))
    }

    fn refuse(&self, request: &Message<'_>, code: u16) -> Vec<u8> {
        let mut writer = Writer::new(Class::Error, request.method, request.transaction);
        let [class, number] = [code / 100, code % 100].map(|part| part as u8);
        writer.attribute(attribute::ERROR_CODE, &[0, 0, class, number, b'n', b'o']);
        writer.attribute(attribute::REALM, REALM).attribute(attribute::NONCE, &self.nonce);
        writer.finish(None)
    }
}

/// Carries packets between both until there are none.
fn exchange(client: &mut Client, server: &mut Server, now: Instant) {
    while let Some(packet) = client.take_outgoing() {
        if let Some(answer) = server.receive(&packet, now) {
            assert_eq!(client.receive(&answer, now), None);
        }
    }
}

/// Lets time pass, up to `until`.
fn run(client: &mut Client, server: &mut Server, mut now: Instant, until: Instant) {
    while let Some(next) = client.next_timeout().filter(|next| *next <= until) {
        assert!(next >= now, "the client is busy without an end");
        now = next;
        client.handle_timeout(now);
        exchange(client, server, now);
    }
}

fn allocated(password: &str, lifetime: Duration) -> (Client, Server, Instant) {
    let now = Instant::now();
    let (mut client, mut server) = (client(password, false, now), Server::new(lifetime));
    exchange(&mut client, &mut server, now);
    (client, server, now)
}

#[test]
fn datagrams_are_relayed_both_ways_and_the_first_ones_wait_for_the_channel() {
    let (mut client, mut server, now) = allocated("secret", seconds(600));
    assert_eq!(client.next_event(), Some(Event::Allocated(address(RELAYED))));
    let (one, other) = (address("198.51.100.1:1"), address("[2001:db8::1]:2"));
    assert_eq!(client.send(one, b"first", now), None);
    assert_eq!(client.send(one, b"second", now), None);
    assert_eq!(client.send(other, b"third", now), None);
    exchange(&mut client, &mut server, now);
    let wrapped = client.send(other, b"fourth", now).expect("a bound channel");
    assert_eq!(server.receive(&wrapped, now), None);
    let expected: [(SocketAddr, &[u8]); 4] =
        [(one, b"first"), (one, b"second"), (other, b"third"), (other, b"fourth")];
    assert_eq!(server.relayed, expected.map(|(peer, datagram)| (peer, datagram.to_vec())));

    // In a channel, and from a port that has none.
    let (peer, range) = client.receive(&wrapped, now).expect("a datagram");
    assert_eq!((peer, &wrapped[range]), (other, &b"fourth"[..]));
    let stranger = address("198.51.100.1:9");
    let mut writer = Writer::new(Class::Indication, method::DATA, [5; 12]);
    writer.xor_address(attribute::XOR_PEER_ADDRESS, stranger).attribute(attribute::DATA, b"hello");
    let packet = writer.finish(None);
    let (peer, range) = client.receive(&packet, now).expect("a datagram");
    assert_eq!((peer, &packet[range]), (stranger, &b"hello"[..]));
}

#[test]
fn over_an_hour_allocation_and_channels_are_renewed_through_stale_nonces() {
    for lifetime in [10, 600] {
        let (mut client, mut server, mut now) = allocated("secret", seconds(lifetime));
        let peer = address("198.51.100.1:1");
        client.send(peer, b"first", now);
        exchange(&mut client, &mut server, now);
        let idle = address("198.51.100.1:2");
        client.send(idle, b"once", now);
        exchange(&mut client, &mut server, now);
        for minute in 0..60u8 {
            server.nonce = vec![minute; 8];
            run(&mut client, &mut server, now, now + seconds(60));
            now += seconds(60);
            let wrapped = client.send(peer, &[minute], now).expect("a bound channel");
            server.receive(&wrapped, now);
            assert_eq!(server.relayed.last(), Some(&(peer, vec![minute])), "minute {minute}");
        }
        let expected = 3_600 / (lifetime - 60.min(lifetime / 2));
        assert!((expected - 1..=expected + 1).contains(&(server.refreshes as u64)), "{}", server.refreshes);
        let idle_ends_at = server.channels.values().find(|(peer, _)| *peer == idle).expect("a channel").1;
        assert!(idle_ends_at < now, "a channel nobody uses is renewed");
        // Used again, on the same channel.
        client.send(idle, b"again", now);
        exchange(&mut client, &mut server, now);
        assert_eq!(server.relayed.last(), Some(&(idle, b"again".to_vec())));

        client.next_event();
        assert_eq!(client.next_event(), None);
        let farewell = client.close().expect("give the allocation back");
        server.receive(&farewell, now);
        assert_eq!(server.expires_at, None);
        assert!(client.close().is_none());
    }
}

#[test]
fn a_wrong_password_says_so() {
    let (mut client, _, _) = allocated("wrong", seconds(600));
    let refused = Event::Failed { code: UNAUTHORIZED, reason: "no".to_owned() };
    assert_eq!(client.next_event(), Some(refused));
    assert_eq!(client.next_timeout(), None);
}

#[test]
fn a_silent_server_fails_and_a_lost_allocation_too() {
    let start = Instant::now();
    let mut silent = client("secret", true, start);
    while let Some(next) = silent.next_timeout() {
        silent.handle_timeout(next);
    }
    assert!(matches!(silent.next_event(), Some(Event::Failed { code: UNREACHABLE, .. })));

    let (mut client, mut server, now) = allocated("secret", seconds(600));
    client.next_event();
    server.expires_at = None;
    run(&mut client, &mut server, now, now + seconds(3_600));
    assert!(matches!(client.next_event(), Some(Event::Failed { code: 437, .. })));
    assert_eq!(client.send(address("198.51.100.1:1"), b"late", now), None);
    assert!(client.take_outgoing().is_none());
}

#[test]
fn a_refused_peer_is_asked_for_again_later_and_harms_no_other() {
    let (mut client, mut server, now) = allocated("secret", seconds(600));
    let peer = address("198.51.100.1:1");
    server.refuses_peers = true;
    client.send(peer, b"no", now);
    exchange(&mut client, &mut server, now);
    server.refuses_peers = false;
    assert_eq!(client.send(peer, b"too soon", now + seconds(29)), None);
    assert!(client.take_outgoing().is_none());
    client.send(peer, b"now", now + seconds(31));
    exchange(&mut client, &mut server, now + seconds(31));
    assert_eq!(server.relayed, [(peer, b"now".to_vec())]);
}

proptest! {
    #[test]
    fn a_server_can_send_anything(
        packets in prop::collection::vec(
            (0u16..0x20, 0u16..0x12, prop::collection::vec((0u16..0x24, prop::collection::vec(any::<u8>(), 0..24)), 0..4), any::<bool>()),
            0..20,
        ),
        noise in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let now = Instant::now();
        let mut client = client("secret", false, now);
        client.receive(&noise, now);
        for (method, class, attributes, answers) in packets {
            let class = [Class::Success, Class::Error, Class::Indication][usize::from(class) % 3];
            let sent = client.requests.first().map(|request| request.transaction);
            let mut writer = Writer::new(class, method, sent.filter(|_| answers).unwrap_or_default());
            for (kind, value) in attributes {
                writer.attribute(kind, &value);
            }
            client.receive(&writer.finish(None), now);
            client.send(address("198.51.100.1:1"), b"datagram", now);
            client.handle_timeout(now);
        }
    }
}
