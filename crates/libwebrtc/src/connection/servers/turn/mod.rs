//! A client of one TURN server (RFC 8656), without IO: packets of the server and time come in, packets for the server
//! and [`Event`]s go out.
//!
//! Every peer gets a channel at once, which also permits it: there are no requests for permissions besides, and no
//! Send indications. What is sent before the channel is bound waits for it.

mod peers;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use md5::{Digest, Md5};
use rand::Rng;
use rand::rngs::StdRng;

use super::binding::UNREACHABLE;
use super::message::{Class, Message, TransactionId, Writer, attribute, method};
use super::request::{Due, Repetition};
use peers::Peers;

const UDP: [u8; 4] = [17, 0, 0, 0];
const IPV6: [u8; 4] = [2, 0, 0, 0];
/// Seconds; what a server gives when it is not asked for another time.
const LIFETIME: u32 = 600;
/// An allocation is refreshed so long before its end, or at half its time when that is later.
const REFRESH_MARGIN: Duration = Duration::from_secs(60);
/// How often one request is made anew because its nonce was stale.
const MAX_ATTEMPTS: u8 = 3;
/// Bytes of a realm or a nonce, as the standard has it.
const MAX_TEXT: usize = 763;

const UNAUTHORIZED: u16 = 401;
const ADDRESS_FAMILY_NOT_SUPPORTED: u16 = 440;
const STALE_NONCE: u16 = 438;

#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) username: String,
    pub(crate) password: String,
    /// The server is spoken to over TCP or TLS.
    pub(crate) reliable: bool,
    /// The relayed address is to be of IPv6.
    pub(crate) ipv6: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The server relays what arrives at this address.
    Allocated(SocketAddr),
    /// The server gives no allocation, or it has ended.
    Failed { code: u16, reason: String },
}

pub(crate) struct Client {
    options: Options,
    random: StdRng,
    login: Option<Login>,
    state: State,
    requests: Vec<Request>,
    peers: Peers,
    outgoing: VecDeque<Vec<u8>>,
    events: VecDeque<Event>,
}

/// What the server wants a request to be signed with.
struct Login {
    realm: Vec<u8>,
    nonce: Vec<u8>,
    key: [u8; 16],
}

enum State {
    Allocating,
    Allocated { refresh_at: Instant, expires_at: Instant },
    Ended,
}

/// A request without an answer.
struct Request {
    transaction: TransactionId,
    purpose: Purpose,
    bytes: Vec<u8>,
    repetition: Repetition,
    attempts: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Allocate,
    Refresh,
    Bind(SocketAddr),
}

impl Client {
    /// Asks for an allocation.
    pub(crate) fn new(options: Options, random: StdRng, now: Instant) -> Self {
        let mut client = Self {
            peers: Peers::new(options.reliable),
            options,
            random,
            login: None,
            state: State::Allocating,
            requests: Vec::new(),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
        };
        client.request(Purpose::Allocate, 1, now);
        client
    }

    /// The next packet for the server.
    pub(crate) fn take_outgoing(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Wraps a datagram for a peer; it waits in here while the peer's channel is being bound.
    pub(crate) fn send(&mut self, peer: SocketAddr, datagram: &[u8], now: Instant) -> Option<Vec<u8>> {
        if !matches!(self.state, State::Allocated { .. }) {
            return None;
        }
        let wrapped = self.peers.send(peer, datagram, now);
        if self.peers.take_unbound(peer) {
            self.request(Purpose::Bind(peer), 1, now);
        }
        wrapped
    }

    /// Takes a packet of the server. Answers a peer's datagram: who sent it and where in the packet it is.
    pub(crate) fn receive(&mut self, packet: &[u8], now: Instant) -> Option<(SocketAddr, Range<usize>)> {
        if let Some((channel, range)) = peers::unwrap(packet) {
            return Some((self.peers.of_channel(channel)?, range));
        }
        let message = Message::parse(packet)?;
        if message.class == Class::Indication && message.method == method::DATA {
            let peer = message.xor_address(attribute::XOR_PEER_ADDRESS)?;
            return Some((peer, message.range(attribute::DATA)?));
        }
        let expected = |request: &Request| request.transaction == message.transaction;
        let index = self.requests.iter().position(expected)?;
        match message.class {
            Class::Success if self.is_authentic(&message) => {
                let request = self.requests.swap_remove(index);
                self.succeeded(request.purpose, &message, now);
            }
            Class::Error => {
                let request = self.requests.swap_remove(index);
                self.refused(&request, &message, now);
            }
            Class::Success | Class::Request | Class::Indication => {}
        }
        None
    }

    fn is_authentic(&self, message: &Message<'_>) -> bool {
        self.login.as_ref().is_none_or(|login| message.is_authentic(&login.key))
    }

    fn succeeded(&mut self, purpose: Purpose, message: &Message<'_>, now: Instant) {
        match purpose {
            Purpose::Allocate => match message.xor_address(attribute::XOR_RELAYED_ADDRESS) {
                Some(relayed) => {
                    self.refreshed(message, now);
                    self.events.push_back(Event::Allocated(relayed));
                }
                None => self.fail(UNREACHABLE, "the server's answer has no relayed address".to_owned()),
            },
            Purpose::Refresh => self.refreshed(message, now),
            Purpose::Bind(peer) => self.outgoing.extend(self.peers.bound(peer, now)),
        }
    }

    fn refreshed(&mut self, message: &Message<'_>, now: Instant) {
        let seconds = message.number(attribute::LIFETIME).unwrap_or(LIFETIME);
        let lifetime = Duration::from_secs(seconds.into());
        let wait = lifetime.saturating_sub(REFRESH_MARGIN).max(lifetime / 2);
        self.state = State::Allocated { refresh_at: now + wait, expires_at: now + lifetime };
    }

    fn refused(&mut self, request: &Request, message: &Message<'_>, now: Instant) {
        let (code, reason) = message.error().unwrap_or((UNREACHABLE, "a malformed answer".to_owned()));
        let may_retry = request.attempts < MAX_ATTEMPTS;
        if may_retry && matches!(code, UNAUTHORIZED | STALE_NONCE) && self.log_in(message) {
            return self.request(request.purpose, request.attempts + 1, now);
        }
        if may_retry && code == ADDRESS_FAMILY_NOT_SUPPORTED && std::mem::take(&mut self.options.ipv6) {
            return self.request(request.purpose, request.attempts + 1, now);
        }
        match request.purpose {
            Purpose::Bind(peer) => {
                tracing::debug!(code, reason, %peer, "the TURN server refuses a peer");
                self.peers.refused(peer, now);
            }
            Purpose::Allocate | Purpose::Refresh => self.fail(code, reason),
        }
    }

    /// Takes the server's challenge; answers whether another attempt has a chance.
    fn log_in(&mut self, message: &Message<'_>) -> bool {
        let text = |kind| message.value(kind).filter(|value| value.len() <= MAX_TEXT).map(<[u8]>::to_vec);
        let known = self.login.as_ref().map(|login| login.realm.clone());
        let (Some(realm), Some(nonce)) = (text(attribute::REALM).or(known), text(attribute::NONCE)) else {
            return false;
        };
        // What was signed already is refused with a fresh nonce, or the same: the credentials are wrong.
        let is_stale = message.error().is_some_and(|(code, _)| code == STALE_NONCE);
        if !is_stale && self.login.as_ref().is_some_and(|login| login.realm == realm) {
            return false;
        }
        let Options { username, password, .. } = &self.options;
        let mut hash = Md5::new();
        for part in [username.as_bytes(), b":", &realm, b":", password.as_bytes()] {
            hash.update(part);
        }
        self.login = Some(Login { realm, nonce, key: hash.finalize().into() });
        true
    }

    fn request(&mut self, purpose: Purpose, attempts: u8, now: Instant) {
        let mut transaction = TransactionId::default();
        self.random.fill_bytes(&mut transaction);
        let bytes = match purpose {
            Purpose::Allocate => {
                let mut writer = Writer::new(Class::Request, method::ALLOCATE, transaction);
                writer.attribute(attribute::REQUESTED_TRANSPORT, &UDP);
                writer.attribute(attribute::LIFETIME, &LIFETIME.to_be_bytes());
                if self.options.ipv6 {
                    writer.attribute(attribute::REQUESTED_ADDRESS_FAMILY, &IPV6);
                }
                self.sign(writer)
            }
            Purpose::Refresh => self.sign(refresh(transaction, LIFETIME)),
            Purpose::Bind(peer) => {
                let mut writer = Writer::new(Class::Request, method::CHANNEL_BIND, transaction);
                let [high, low] = self.peers.channel_of(peer).to_be_bytes();
                writer.attribute(attribute::CHANNEL_NUMBER, &[high, low, 0, 0]);
                writer.xor_address(attribute::XOR_PEER_ADDRESS, peer);
                self.sign(writer)
            }
        };
        self.outgoing.push_back(bytes.clone());
        let repetition = Repetition::start(self.options.reliable, now);
        self.requests.push(Request { transaction, purpose, bytes, repetition, attempts });
    }

    fn sign(&self, mut writer: Writer) -> Vec<u8> {
        let Some(login) = &self.login else { return writer.finish(None) };
        writer
            .attribute(attribute::USERNAME, self.options.username.as_bytes())
            .attribute(attribute::REALM, &login.realm)
            .attribute(attribute::NONCE, &login.nonce);
        writer.finish(Some(&login.key))
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let requests = self.requests.iter().map(|request| request.repetition.next_timeout());
        let refresh = match self.state {
            State::Allocated { refresh_at, .. } if !self.is_asking(Purpose::Refresh) => Some(refresh_at),
            State::Allocated { expires_at, .. } => Some(expires_at),
            State::Allocating | State::Ended => None,
        };
        requests.chain(refresh).chain(self.peers.next_timeout()).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let mut timed_out = Vec::new();
        self.requests.retain_mut(|request| match request.repetition.handle_timeout(now) {
            Due::Nothing => true,
            Due::SendAgain => {
                self.outgoing.push_back(request.bytes.clone());
                true
            }
            Due::TimedOut => {
                timed_out.push(request.purpose);
                false
            }
        });
        for purpose in timed_out {
            match purpose {
                Purpose::Bind(peer) => self.peers.refused(peer, now),
                Purpose::Allocate | Purpose::Refresh => {
                    self.fail(UNREACHABLE, "the server does not answer".to_owned());
                }
            }
        }
        let State::Allocated { refresh_at, expires_at } = self.state else { return };
        if now >= expires_at {
            return self.fail(UNREACHABLE, "the allocation expired".to_owned());
        }
        if now >= refresh_at && !self.is_asking(Purpose::Refresh) {
            self.request(Purpose::Refresh, 1, now);
        }
        for peer in self.peers.take_due(now) {
            self.request(Purpose::Bind(peer), 1, now);
        }
    }

    fn is_asking(&self, purpose: Purpose) -> bool {
        self.requests.iter().any(|request| request.purpose == purpose)
    }

    fn fail(&mut self, code: u16, reason: String) {
        self.state = State::Ended;
        self.requests.clear();
        self.peers.clear();
        self.events.push_back(Event::Failed { code, reason });
    }

    /// The connection to the server broke.
    pub(crate) fn disconnected(&mut self, reason: String) {
        if !matches!(self.state, State::Ended) {
            self.fail(UNREACHABLE, reason);
        }
    }

    /// Ends. Answers what gives the allocation back; nobody waits for the server's answer.
    pub(crate) fn close(&mut self) -> Option<Vec<u8>> {
        let State::Allocated { .. } = std::mem::replace(&mut self.state, State::Ended) else { return None };
        let mut transaction = TransactionId::default();
        self.random.fill_bytes(&mut transaction);
        Some(self.sign(refresh(transaction, 0)))
    }
}

fn refresh(transaction: TransactionId, lifetime: u32) -> Writer {
    let mut writer = Writer::new(Class::Request, method::REFRESH, transaction);
    writer.attribute(attribute::LIFETIME, &lifetime.to_be_bytes());
    writer
}
