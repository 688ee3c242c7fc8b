//! Whom a TURN client talks to, each over a channel of its own (RFC 8656, 12).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

const FIRST_CHANNEL: u16 = 0x4000;
const LAST_CHANNEL: u16 = 0x4fff;
pub(super) const HEADER: usize = 4;
/// A permission lasts for 300 s, a channel for 600 s; binding a channel again renews both.
const BINDING: Duration = Duration::from_secs(300);
const RENEWED_AFTER: Duration = Duration::from_secs(240);
/// A peer that the server refused is asked for again after so long.
const REFUSAL: Duration = Duration::from_secs(30);
/// Datagrams that wait for a channel: a few checks of ICE, which are repeated anyway.
const MAX_WAITING: usize = 8;

pub(super) struct Peers {
    peers: Vec<Peer>,
    /// Whether messages are padded.
    reliable: bool,
}

/// A peer behind the relay. Its channel is never another peer's while the allocation lasts.
struct Peer {
    address: SocketAddr,
    channel: u16,
    state: State,
    /// Whether anything was sent to it since its channel was bound.
    used: bool,
}

enum State {
    /// Nothing was asked yet, or what was bound has ended.
    Unbound(VecDeque<Vec<u8>>),
    Binding(VecDeque<Vec<u8>>),
    Bound {
        renew_at: Instant,
        ends_at: Instant,
    },
    Renewing {
        ends_at: Instant,
    },
    Refused {
        until: Instant,
    },
}

impl Peers {
    pub(super) fn new(reliable: bool) -> Self {
        Self { peers: Vec::new(), reliable }
    }

    pub(super) fn clear(&mut self) {
        self.peers.clear();
    }

    pub(super) fn of_channel(&self, channel: u16) -> Option<SocketAddr> {
        self.peers.iter().find(|peer| peer.channel == channel).map(|peer| peer.address)
    }

    pub(super) fn channel_of(&self, address: SocketAddr) -> u16 {
        self.find(address).map_or(FIRST_CHANNEL, |peer| peer.channel)
    }

    fn find(&self, address: SocketAddr) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.address == address)
    }

    fn find_mut(&mut self, address: SocketAddr) -> Option<&mut Peer> {
        self.peers.iter_mut().find(|peer| peer.address == address)
    }

    /// Wraps a datagram, or keeps it until the channel is bound.
    pub(super) fn send(&mut self, address: SocketAddr, datagram: &[u8], now: Instant) -> Option<Vec<u8>> {
        if self.find(address).is_none() {
            let channel = FIRST_CHANNEL + u16::try_from(self.peers.len()).ok()?;
            if channel > LAST_CHANNEL {
                return None;
            }
            let state = State::Unbound(VecDeque::new());
            self.peers.push(Peer { address, channel, state, used: false });
        }
        let reliable = self.reliable;
        let peer = self.find_mut(address)?;
        peer.used = true;
        match &mut peer.state {
            State::Bound { ends_at, .. } | State::Renewing { ends_at } if now < *ends_at => {
                return Some(wrap(peer.channel, datagram, reliable));
            }
            State::Unbound(waiting) | State::Binding(waiting) => {
                if waiting.len() == MAX_WAITING {
                    waiting.pop_front();
                }
                waiting.push_back(wrap(peer.channel, datagram, reliable));
            }
            State::Refused { until } if now < *until => {}
            State::Bound { .. } | State::Renewing { .. } | State::Refused { .. } => {
                let waiting = VecDeque::from([wrap(peer.channel, datagram, reliable)]);
                peer.state = State::Unbound(waiting);
            }
        }
        None
    }

    /// Whether the peer's channel has to be bound; it is taken to be asked for then.
    pub(super) fn take_unbound(&mut self, address: SocketAddr) -> bool {
        let Some(peer) = self.find_mut(address) else { return false };
        let State::Unbound(waiting) = &mut peer.state else { return false };
        peer.state = State::Binding(std::mem::take(waiting));
        true
    }

    /// The server bound the channel. Answers what waited for it.
    pub(super) fn bound(&mut self, address: SocketAddr, now: Instant) -> VecDeque<Vec<u8>> {
        let Some(peer) = self.find_mut(address) else { return VecDeque::new() };
        peer.used = false;
        let bound = State::Bound { renew_at: now + RENEWED_AFTER, ends_at: now + BINDING };
        match std::mem::replace(&mut peer.state, bound) {
            State::Unbound(waiting) | State::Binding(waiting) => waiting,
            State::Bound { .. } | State::Renewing { .. } | State::Refused { .. } => VecDeque::new(),
        }
    }

    pub(super) fn refused(&mut self, address: SocketAddr, now: Instant) {
        if let Some(peer) = self.find_mut(address) {
            peer.state = State::Refused { until: now + REFUSAL };
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let renewal = |peer: &Peer| match peer.state {
            State::Bound { renew_at, .. } if peer.used => Some(renew_at),
            _ => None,
        };
        self.peers.iter().filter_map(renewal).min()
    }

    /// The peers whose channel has to be renewed; they are taken to be asked for then. One that is not sent to any more
    /// is left to expire.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<SocketAddr> {
        let mut due = Vec::new();
        for peer in &mut self.peers {
            if let State::Bound { renew_at, ends_at } = peer.state
                && peer.used
                && now >= renew_at
            {
                peer.state = State::Renewing { ends_at };
                due.push(peer.address);
            }
        }
        due
    }
}

fn wrap(channel: u16, datagram: &[u8], padded: bool) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER + datagram.len() + 3);
    message.extend(channel.to_be_bytes());
    message.extend((datagram.len() as u16).to_be_bytes());
    message.extend(datagram);
    if padded {
        message.resize(message.len().next_multiple_of(4), 0);
    }
    message
}

/// The channel of a message, and where its datagram is.
pub(super) fn unwrap(packet: &[u8]) -> Option<(u16, Range<usize>)> {
    let header: &[u8; HEADER] = packet.first_chunk()?;
    let channel = u16::from_be_bytes([header[0], header[1]]);
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let range = HEADER..HEADER + length;
    ((FIRST_CHANNEL..=LAST_CHANNEL).contains(&channel) && range.end <= packet.len())
        .then_some((channel, range))
}
