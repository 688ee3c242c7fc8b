//! Two transports joined by a link that loses, delays and reorders, with a clock of the test's: no socket, no thread.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use str0m::Candidate;
use str0m::crypto::CryptoProvider;
use str0m::net::{Protocol, Receive, Transmit};
use tokio::sync::mpsc;

use crate::connection::channel::Channel;
use crate::connection::command::Command;
use crate::connection::new_credentials;
use crate::connection::statistics::Scope;
use crate::connection::transport::{Event, Network, Transport};
use crate::crypto;
use crate::data_channel::DataChannelInit;
use crate::negotiation::transceiver::Transceiver;
use crate::negotiation::{Applied, Negotiation};
use crate::peer_connection::PeerConnectionState;
use crate::sdp::IceCredentials;
use crate::session_description::SessionDescription;
use crate::stats::RtcStats;

/// What the way between both ends does to datagrams, either way.
#[derive(Debug, Clone, Copy)]
pub(in crate::connection) struct Way {
    /// Share that is lost, 0 to 1.
    pub(in crate::connection) loss: f64,
    pub(in crate::connection) delay: Duration,
    /// Added to the delay at random, up to this: what is sent later may arrive earlier.
    pub(in crate::connection) jitter: Duration,
}

impl Way {
    pub(in crate::connection) const CLEAR: Self =
        Self { loss: 0.0, delay: Duration::from_millis(10), jitter: Duration::ZERO };
    pub(in crate::connection) const CUT: Self = Self { loss: 1.0, ..Self::CLEAR };
}

pub(in crate::connection) struct Link {
    pub(in crate::connection) now: Instant,
    pub(in crate::connection) way: Way,
    pub(in crate::connection) ends: [End; 2],
    /// Datagrams under way, by arrival and by a number that keeps them apart.
    flights: BTreeMap<(Instant, u64), Flight>,
    sent: u64,
    random: SmallRng,
}

pub(in crate::connection) struct End {
    pub(in crate::connection) transport: Transport,
    pub(in crate::connection) negotiation: Negotiation,
    pub(in crate::connection) states: Vec<PeerConnectionState>,
    /// Those the peer opened.
    pub(in crate::connection) channels: Vec<Arc<Channel>>,
    command_tx: mpsc::UnboundedSender<Command>,
    command_rx: mpsc::UnboundedReceiver<Command>,
    address: SocketAddr,
    outbox: Outbox,
    /// The datagram that came last.
    pub(in crate::connection) last: Vec<u8>,
    next: Instant,
}

struct Flight {
    to: usize,
    source: SocketAddr,
    destination: SocketAddr,
    datagram: Vec<u8>,
}

#[derive(Default)]
struct Outbox(Vec<Transmit>);

impl Network for Outbox {
    fn send(&mut self, transmit: &Transmit) {
        self.0.push(Transmit {
            proto: transmit.proto,
            source: transmit.source,
            destination: transmit.destination,
            contents: transmit.contents.to_vec().into(),
        });
    }

    fn has_room(&self) -> bool {
        true
    }
}

impl Link {
    pub(in crate::connection) fn new(seed: u64) -> Self {
        Self::with_crypto(&crypto::provider(), seed)
    }

    /// A link whose datagrams can be read.
    pub(in crate::connection) fn in_plain(seed: u64) -> Self {
        Self::with_crypto(&crypto::plain::provider(), seed)
    }

    fn with_crypto(crypto: &Arc<CryptoProvider>, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            now,
            way: Way::CLEAR,
            ends: [End::new("10.0.0.1:5000", crypto, now), End::new("10.0.0.2:5000", crypto, now)],
            flights: BTreeMap::new(),
            sent: 0,
            random: SmallRng::seed_from_u64(seed),
        }
    }

    /// Lets the first end offer and the second one answer; answers the transceivers whose peer began to send, of both.
    pub(in crate::connection) fn negotiate(
        &mut self,
        restart: Option<IceCredentials>,
    ) -> [Vec<Arc<Transceiver>>; 2] {
        self.negotiate_with(restart, str::to_owned)
    }

    /// Like [`negotiate`](Self::negotiate), with changes to the text of the offer.
    pub(in crate::connection) fn negotiate_with(
        &mut self,
        restart: Option<IceCredentials>,
        change: impl FnOnce(&str) -> String,
    ) -> [Vec<Arc<Transceiver>>; 2] {
        let now = self.now;
        let [offerer, answerer] = &mut self.ends;
        let offer = offerer.negotiation.create_offer(restart).expect("make offer");
        let offer =
            SessionDescription::parse(&change(&offer.to_string()), offer.sdp_type()).expect("parse offer");
        offerer.negotiation.set_local_description(&offer).expect("set offer");
        let offered =
            answerer.negotiation.set_remote_description(&offer, new_credentials).expect("take offer");
        let answer = answerer.negotiation.create_answer().expect("make answer");
        let theirs = answerer.negotiation.set_local_description(&answer).expect("set answer");
        let ours = offerer.negotiation.set_remote_description(&answer, new_credentials).expect("take answer");
        let addresses = [offerer.address, answerer.address];
        let started = [ours.started.clone(), offered.started];
        for (index, (end, applied)) in self.ends.iter_mut().zip([ours, theirs]).enumerate() {
            if end.negotiated(&applied, now) {
                end.transport.add_remote_candidate(host(addresses[1 - index]));
            }
            end.next = now;
        }
        started
    }

    /// Runs until `condition` holds; panics when it does not within `patience`.
    pub(in crate::connection) fn run_until(
        &mut self,
        what: &str,
        patience: Duration,
        condition: impl Fn(&Self) -> bool,
    ) {
        let end = self.now + patience;
        while !condition(self) {
            assert!(self.now < end, "not {what} within {patience:?}: {:?}", self.states());
            self.run(Duration::from_millis(10));
        }
    }

    /// One end closes its transport, and tells the other one.
    pub(in crate::connection) fn close(&mut self, end: usize) {
        let end = &mut self.ends[end];
        end.transport.close(self.now, &mut end.outbox);
    }

    pub(in crate::connection) fn connect(&mut self) {
        self.run_until("connected", Duration::from_secs(10), |link| {
            link.ends.iter().all(|end| end.states.last() == Some(&PeerConnectionState::Connected))
        });
    }

    fn states(&self) -> [&[PeerConnectionState]; 2] {
        [&self.ends[0].states, &self.ends[1].states]
    }

    pub(in crate::connection) fn run(&mut self, duration: Duration) {
        let until = self.now + duration;
        loop {
            self.work();
            let arrival = self.flights.keys().next().map(|(arrival, _)| *arrival);
            let timers = self.ends.iter().map(|end| end.next).min();
            let next = arrival.into_iter().chain(timers).min().unwrap_or(until);
            if next > until {
                break;
            }
            // What is due at once again would stop the clock.
            self.now = next.max(self.now + Duration::from_micros(1));
            self.deliver();
        }
        self.now = until;
    }

    /// Lets both ends do what is due, and sends what they have written.
    fn work(&mut self) {
        for index in [0, 1] {
            let end = &mut self.ends[index];
            end.work(self.now);
            for transmit in std::mem::take(&mut end.outbox.0) {
                self.send(1 - index, transmit);
            }
        }
    }

    fn send(&mut self, to: usize, transmit: Transmit) {
        if self.random.random_bool(self.way.loss) {
            return;
        }
        let delay = self.way.delay + self.way.jitter.mul_f64(self.random.random());
        self.sent += 1;
        let Transmit { source, destination, contents, .. } = transmit;
        let flight = Flight { to, source, destination, datagram: contents.to_vec() };
        self.flights.insert((self.now + delay, self.sent), flight);
    }

    fn deliver(&mut self) {
        while let Some(first) = self.flights.first_entry().filter(|first| first.key().0 <= self.now) {
            let Flight { to, source, destination, datagram } = first.remove();
            self.ends[to].receive(source, destination, &datagram, self.now);
        }
    }
}

impl End {
    fn new(address: &str, crypto: &Arc<CryptoProvider>, now: Instant) -> Self {
        let address = address.parse().expect("parse address");
        let credentials = new_credentials();
        let (command_tx, command_rx) = mpsc::unbounded_channel();
        let mut transport = Transport::with_crypto(crypto.clone(), &credentials, command_tx.downgrade(), now);
        transport.add_local_candidate(host(address)).expect("add candidate");
        let fingerprint = transport.fingerprint();
        Self {
            transport,
            negotiation: Negotiation::new(credentials, fingerprint),
            states: Vec::new(),
            channels: Vec::new(),
            command_tx,
            command_rx,
            address,
            outbox: Outbox::default(),
            last: Vec::new(),
            next: now,
        }
    }

    pub(in crate::connection) fn open_channel(&mut self, label: &str, init: DataChannelInit) -> Arc<Channel> {
        let channel = Arc::new(Channel::new(label, init, self.command_tx.clone()));
        self.negotiation.want_data();
        self.transport.open_channel(channel.clone());
        channel
    }

    /// The last reports of the whole connection.
    pub(in crate::connection) fn statistics(&self, now: Instant) -> Vec<RtcStats> {
        self.transport.statistics(&Scope::Connection, now, 0)
    }

    pub(in crate::connection) fn receive(
        &mut self,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
        now: Instant,
    ) {
        if let Ok(received) = Receive::new(Protocol::Udp, source, destination, datagram) {
            self.transport.receive(received, datagram.len(), now);
        }
        datagram.clone_into(&mut self.last);
        self.next = now;
    }

    pub(in crate::connection) fn address(&self) -> SocketAddr {
        self.address
    }

    fn negotiated(&mut self, applied: &Applied, now: Instant) -> bool {
        let outcome = applied.outcome.as_ref().expect("offer and answer are complete");
        self.transport.negotiated(outcome, now)
    }

    fn work(&mut self, now: Instant) {
        while let Ok(command) = self.command_rx.try_recv() {
            match command {
                Command::SendMessage { channel, binary, data } => {
                    self.transport.send_message(&channel, data, binary);
                }
                Command::CloseChannel(channel) => self.transport.close_channel(&channel),
                _ => unreachable!("a channel sends no other command"),
            }
        }
        self.transport.wake_senders(now);
        self.next = self.transport.advance(now, &mut self.outbox);
        while let Some(event) = self.transport.next_event() {
            match event {
                Event::State(state) => self.states.push(state),
                Event::Channel(channel) => self.channels.push(channel),
            }
        }
    }
}

fn host(address: SocketAddr) -> Candidate {
    Candidate::host(address, Protocol::Udp).expect("make candidate")
}
