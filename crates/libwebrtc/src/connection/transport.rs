//! The transport of a connection without IO: ICE, DTLS, SRTP and SCTP, and the media and channels on top.
//!
//! Time and datagrams come in; datagrams go out through a [`Network`], and what the program has to know as [`Event`]s.
//! Two of these can be joined in a test without a socket.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::crypto::CryptoProvider;
use str0m::net::{Receive, Transmit};
use str0m::rtp::RawPacket;
use str0m::{Candidate, IceConnectionState, Input, Output, Rtc, RtcError};
use tokio::sync::{Notify, mpsc};

use crate::crypto;
use crate::negotiation::Outcome;
use crate::peer_connection::PeerConnectionState;
use crate::sdp::IceCredentials;
use crate::stats::RtcStats;

use super::channel::Channel;
use super::channels::Channels;
use super::command::Command;
use super::media::Media;
use super::state_machine::{build_rtc, ice_creds};
use super::statistics::{Datagrams, Path, Scope, Sources};
use super::status::Status;

/// A timer that is due again and again is a fault of the state machine: it must not keep its owner from the sockets.
const MAX_DUE_TIMERS: usize = 32;
/// How often the peer's candidates are tried again while it is silent: pairs that timed out are not checked again by
/// themselves.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// Candidates of the peer that are used: each makes a pair with each of this side's.
const MAX_REMOTE_CANDIDATES: usize = 128;

/// What the transport sends datagrams with: sockets and relays, or a link of a test's.
pub(super) trait Network {
    fn send(&mut self, transmit: &Transmit);

    /// Whether data channel messages may be written, or too much waits already.
    fn has_room(&self) -> bool;
}

/// What the program has to know.
pub(super) enum Event {
    State(PeerConnectionState),
    /// The peer opened a channel.
    Channel(Arc<Channel>),
}

pub(super) struct Transport {
    rtc: Rtc,
    /// What channels that the peer opens send their commands to.
    command_tx: mpsc::WeakUnboundedSender<Command>,
    channels: Channels,
    media: Media,
    status: Status,
    ice_connected: bool,
    retry_at: Option<Instant>,
    local: Local,
    remote: Remote,
    datagrams: Datagrams,
    path: Path,
    events: VecDeque<Event>,
}

/// What this side said about its transport.
#[derive(Default)]
struct Local {
    ufrag: String,
    candidates: Vec<Candidate>,
    ice_controlling: bool,
    dtls_active: bool,
}

/// What the peer said about its transport.
#[derive(Default)]
struct Remote {
    credentials: Option<IceCredentials>,
    candidates: Vec<Candidate>,
}

impl Transport {
    pub(super) fn new(
        credentials: &IceCredentials,
        command_tx: mpsc::WeakUnboundedSender<Command>,
        now: Instant,
    ) -> Self {
        Self::with_crypto(crypto::provider(), credentials, command_tx, now)
    }

    pub(super) fn with_crypto(
        crypto: Arc<CryptoProvider>,
        credentials: &IceCredentials,
        command_tx: mpsc::WeakUnboundedSender<Command>,
        now: Instant,
    ) -> Self {
        Self {
            rtc: build_rtc(credentials, crypto, now),
            command_tx,
            channels: Channels::default(),
            media: Media::default(),
            status: Status::default(),
            ice_connected: false,
            retry_at: None,
            local: Local { ufrag: credentials.ufrag.clone(), ..Local::default() },
            datagrams: Datagrams::default(),
            path: Path::default(),
            remote: Remote::default(),
            events: VecDeque::new(),
        }
    }

    /// For example `sha-256 AB:CD:…`.
    pub(super) fn fingerprint(&mut self) -> String {
        self.rtc.direct_api().local_dtls_fingerprint().to_string()
    }

    /// Notified when a source that is sent has samples; then [`wake_senders`](Self::wake_senders) is due.
    pub(super) fn samples_arrived(&self) -> Arc<Notify> {
        self.media.samples_arrived()
    }

    pub(super) fn wake_senders(&mut self, now: Instant) {
        self.media.wake_senders(now);
    }

    /// Tracks were replaced or removed.
    pub(super) fn refresh_senders(&mut self, now: Instant) {
        self.media.refresh_senders(now);
    }

    pub(super) fn open_channel(&mut self, channel: Arc<Channel>) {
        self.channels.open(&mut self.rtc, channel);
    }

    pub(super) fn send_message(&mut self, channel: &Arc<Channel>, data: Vec<u8>, binary: bool) {
        self.channels.queue(channel, data, binary);
    }

    pub(super) fn close_channel(&mut self, channel: &Arc<Channel>) {
        self.channels.close(&mut self.rtc, channel);
    }

    /// Answers the line to announce, unless the candidate is redundant.
    pub(super) fn add_local_candidate(&mut self, candidate: Candidate) -> Option<String> {
        let added = self.rtc.add_local_candidate(candidate)?;
        self.local.candidates.push(added.clone());
        Some(added.to_sdp_string())
    }

    /// Its address is no longer this machine's.
    pub(super) fn remove_local_candidate(&mut self, candidate: &Candidate) {
        self.rtc.direct_api().invalidate_candidate(candidate);
    }

    /// Descriptions repeat the candidates of those before. Of too many the first ones are used.
    pub(super) fn add_remote_candidate(&mut self, candidate: Candidate) {
        if self.remote.candidates.contains(&candidate) {
            return;
        }
        if self.remote.candidates.len() == MAX_REMOTE_CANDIDATES {
            tracing::debug!("a candidate beyond the first {MAX_REMOTE_CANDIDATES} of the peer is not used");
            return;
        }
        self.rtc.add_remote_candidate(candidate.clone());
        self.remote.candidates.push(candidate);
    }

    pub(super) fn remote_candidates(&self) -> &[Candidate] {
        &self.remote.candidates
    }

    pub(super) fn is_ice_connected(&self) -> bool {
        self.ice_connected
    }

    /// Starts, or starts ICE anew, and follows what changed about media. Answers whether ICE has started.
    pub(super) fn negotiated(&mut self, outcome: &Outcome, now: Instant) -> bool {
        let known = self.remote.credentials.replace(outcome.remote_credentials.clone());
        let restart = known.as_ref().is_some_and(|known| *known != outcome.remote_credentials);
        if !self.rtc.is_alive() {
            // The peer closed the transport, which no restart of ICE brings back. An answer that was on its way is none.
            if restart || known.is_none() {
                self.fail();
            }
            return false;
        }
        let mut api = self.rtc.direct_api();
        if restart {
            for candidate in self.remote.candidates.drain(..) {
                api.invalidate_candidate(&candidate);
            }
        }
        self.local.ufrag.clone_from(&outcome.local_credentials.ufrag);
        api.set_local_ice_credentials(ice_creds(&outcome.local_credentials));
        api.set_remote_ice_credentials(ice_creds(&outcome.remote_credentials));
        if known.is_none() {
            self.local.ice_controlling = outcome.ice_controlling;
            self.local.dtls_active = outcome.dtls_active;
            api.set_ice_controlling(outcome.ice_controlling);
            match outcome.remote_fingerprint.parse() {
                Ok(fingerprint) => api.set_remote_fingerprint(fingerprint),
                Err(error) => tracing::error!(error, "read the peer's fingerprint"),
            }
            if let Err(error) = api.start_dtls(outcome.dtls_active) {
                tracing::error!(%error, "start DTLS");
                self.fail();
                return false;
            }
        }
        if outcome.data && !self.channels.is_started() {
            self.channels.start(&mut self.rtc, outcome.dtls_active);
        }
        let entered = self.status.negotiated(restart, now);
        self.enter(entered);
        self.media.apply(&mut self.rtc, &outcome.media, now);
        known.is_none() || restart
    }

    pub(super) fn receive(&mut self, received: Receive<'_>, length: usize, now: Instant) {
        self.datagrams.packets_received += 1;
        self.datagrams.bytes_received += length as u64;
        if let Err(error) = self.rtc.handle_input(Input::Receive(now, received)) {
            tracing::debug!(%error, "handle datagram");
        }
    }

    /// Does everything that is due, and answers when there is more to do.
    pub(super) fn advance(&mut self, now: Instant, network: &mut impl Network) -> Instant {
        let entered = self.status.handle_timeout(now);
        self.enter(entered);
        if self.retry_at.is_some_and(|at| now >= at) {
            self.retry_candidates(now);
        }
        self.media.handle_timeout(&mut self.rtc, now, self.status.is_connected());
        let written = self.drain(now, network).and_then(|next| self.write_messages(now, next, network));
        let next = written.unwrap_or_else(|error| {
            tracing::error!(%error, "the transport failed");
            self.fail();
            now + Duration::from_secs(1)
        });
        self.channels.report_sent(&mut self.rtc);
        let others = [self.media.next_timeout(), self.status.next_timeout(), self.retry_at];
        others.into_iter().flatten().fold(next, Instant::min)
    }

    /// `timestamp` in microseconds since 1970.
    pub(super) fn statistics(&self, scope: &Scope, now: Instant, timestamp: i64) -> Vec<RtcStats> {
        let (channels_opened, channels_closed) = self.channels.counts();
        let sources = Sources {
            state: self.status.state(),
            ice_controlling: self.local.ice_controlling,
            dtls_active: self.local.dtls_active,
            local_ufrag: &self.local.ufrag,
            datagrams: &self.datagrams,
            path: &self.path,
            local_candidates: &self.local.candidates,
            remote_candidates: &self.remote.candidates,
            channels_opened,
            channels_closed,
            now,
            timestamp,
        };
        sources.report(scope, self.media.senders().iter(), self.media.receivers(), self.channels.open_ones())
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Says good-bye to the peer.
    pub(super) fn close(&mut self, now: Instant, network: &mut impl Network) {
        if let Err(error) = self.rtc.close().and_then(|()| self.drain(now, network)) {
            tracing::debug!(%error, "close transport");
        }
    }

    /// All channels, open and waiting, which end with the connection.
    pub(super) fn take_channels(&mut self) -> impl Iterator<Item = Arc<Channel>> {
        self.channels.take_all()
    }

    /// Takes all output of the state machine.
    fn drain(&mut self, now: Instant, network: &mut impl Network) -> Result<Instant, RtcError> {
        let mut due_timers = 0;
        loop {
            match self.rtc.poll_output()? {
                Output::Transmit(transmit) => {
                    self.datagrams.packets_sent += 1;
                    self.datagrams.bytes_sent += transmit.contents.len() as u64;
                    network.send(&transmit);
                }
                Output::Event(event) => self.handle_event(event, now),
                Output::Timeout(at) if at > now => return Ok(at),
                Output::Timeout(_) if due_timers >= MAX_DUE_TIMERS => {
                    return Ok(now + Duration::from_millis(1));
                }
                Output::Timeout(_) => {
                    due_timers += 1;
                    self.rtc.handle_input(Input::Timeout(now))?;
                }
            }
        }
    }

    /// Hands data channel messages over, draining after each.
    fn write_messages(
        &mut self,
        now: Instant,
        mut next: Instant,
        network: &mut impl Network,
    ) -> Result<Instant, RtcError> {
        while network.has_room() && self.channels.write_one(&mut self.rtc) {
            next = self.drain(now, network)?;
        }
        Ok(next)
    }

    fn handle_event(&mut self, event: str0m::Event, now: Instant) {
        match event {
            str0m::Event::Connected => {
                let entered = self.status.dtls_connected();
                self.enter(entered);
            }
            str0m::Event::IceConnectionStateChange(state) => self.follow_ice(state, now),
            str0m::Event::Closed => {
                let entered = self.status.closed_by_peer(now);
                self.enter(entered);
            }
            str0m::Event::RtpPacket(packet) => self.media.receive(&packet, now),
            str0m::Event::RawPacket(packet) => {
                if let RawPacket::RtcpRx(feedback) = &*packet {
                    self.media.receive_feedback(&mut self.rtc, feedback, now);
                }
            }
            str0m::Event::PeerStats(peer) => self.path.follow(peer),
            str0m::Event::MediaIngressStats(ingress) => {
                if let Some(receiver) = self.media.receiver_mut(ingress.mid) {
                    receiver.count_nacks(ingress.nacks);
                }
            }
            str0m::Event::ChannelOpen(id, label) => {
                let command_tx = self.command_tx.upgrade();
                let opened = self.channels.opened(&mut self.rtc, id, &label, command_tx);
                self.events.extend(opened.map(Event::Channel));
            }
            str0m::Event::ChannelData(message) => {
                self.channels.received(message.id, message.data, message.binary);
            }
            str0m::Event::ChannelClose(id) => self.channels.closed(id),
            _ => {}
        }
    }

    fn follow_ice(&mut self, state: IceConnectionState, now: Instant) {
        let entered = match state {
            IceConnectionState::Connected | IceConnectionState::Completed => {
                self.ice_connected = true;
                self.retry_at = None;
                self.status.ice_connected()
            }
            IceConnectionState::Disconnected => {
                self.ice_connected = false;
                self.retry_at = Some(now + RETRY_INTERVAL);
                self.status.ice_disconnected(now)
            }
            IceConnectionState::New | IceConnectionState::Checking => None,
        };
        self.enter(entered);
    }

    /// Until the connection has failed; then it is for the program to restart ICE.
    fn retry_candidates(&mut self, now: Instant) {
        let waiting = self.status.state() == PeerConnectionState::Disconnected;
        self.retry_at = waiting.then(|| now + RETRY_INTERVAL);
        if waiting {
            for candidate in self.remote.candidates.clone() {
                self.rtc.add_remote_candidate(candidate);
            }
        }
    }

    pub(super) fn fail(&mut self) {
        let entered = self.status.broken();
        self.enter(entered);
    }

    fn enter(&mut self, state: Option<PeerConnectionState>) {
        self.events.extend(state.map(Event::State));
    }
}
