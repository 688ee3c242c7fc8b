//! The task of a connection: it owns the transport's state machine, its sockets and its timers.

mod candidates;

use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::format::Codec;
use str0m::net::Receive;
use str0m::rtp::{Extension, ExtensionMap};
use str0m::{Candidate, Event, IceConnectionState, IceCreds, Input, Output, Rtc, RtcConfig, RtcError};
use tokio::sync::mpsc;

use crate::data_channel::DataChannel;
use crate::negotiation::{Outcome, codecs};
use crate::peer_connection::PeerConnectionState;
use crate::sdp::IceCredentials;

use super::Shared;
use super::channels::Channels;
use super::command::Command;
use super::media::Media;
use super::sockets::{Buffer, Received, Sockets, new_buffer};
use super::status::Status;

/// Commands that are taken at once.
const COMMAND_BATCH: usize = 64;
/// Bytes of data channel messages the transport holds.
const MAX_BUFFERED: usize = 1 << 20;
/// With more than this queued for TCP, no further data channel messages are written.
const MAX_TCP_BACKLOG: usize = 256 << 10;
/// TCP is tried when UDP has not connected for so long.
const TCP_FALLBACK: Duration = Duration::from_secs(1);
/// A timer that is due again and again is a fault of the state machine: it must not keep the task from its sockets.
const MAX_DUE_TIMERS: usize = 32;

pub(super) struct Driver {
    rtc: Rtc,
    shared: Arc<Shared>,
    commands: mpsc::UnboundedReceiver<Command>,
    /// For channels the peer opens.
    own_commands: mpsc::WeakUnboundedSender<Command>,
    sockets: Sockets,
    channels: Channels,
    media: Media,
    status: Status,
    gathered: bool,
    remote: Remote,
    tcp_fallback_at: Option<Instant>,
}

/// What the peer said about its transport.
#[derive(Default)]
struct Remote {
    credentials: Option<IceCredentials>,
    candidates: Vec<Candidate>,
}

/// The state machine, with every payload type taken for Opus: payload types are negotiated later, and what is not audio
/// is dropped by its SSRC.
pub(super) fn build_rtc(credentials: &IceCredentials, now: Instant) -> Rtc {
    let mut extensions = ExtensionMap::empty();
    extensions.set(codecs::AUDIO_LEVEL_ID, Extension::AudioLevel);
    extensions.set(codecs::MID_ID, Extension::RtpMid);
    let mut config = RtcConfig::new()
        .set_rtp_mode(true)
        .clear_codecs()
        .set_extension_map(extensions)
        .set_sctp_max_buffered_amount(MAX_BUFFERED)
        .set_local_ice_credentials(ice_creds(credentials));
    // The usual one first: the list is searched for each packet.
    let others = (96..=127).chain(35..=63).filter(|payload_type| *payload_type != codecs::OPUS_PAYLOAD_TYPE);
    for payload_type in std::iter::once(codecs::OPUS_PAYLOAD_TYPE).chain(others) {
        config.codec_config().add_config(
            payload_type.into(),
            None,
            Codec::Opus,
            str0m::media::Frequency::FORTY_EIGHT_KHZ,
            Some(2),
            str0m::format::FormatParams::default(),
        );
    }
    config.build(now)
}

impl Driver {
    pub(super) fn new(
        rtc: Rtc,
        shared: Arc<Shared>,
        commands: mpsc::UnboundedReceiver<Command>,
        own_commands: mpsc::WeakUnboundedSender<Command>,
    ) -> Self {
        Self {
            rtc,
            shared,
            commands,
            own_commands,
            sockets: Sockets::default(),
            channels: Channels::default(),
            media: Media::default(),
            status: Status::default(),
            gathered: false,
            remote: Remote::default(),
            tcp_fallback_at: None,
        }
    }

    /// Runs until the connection is closed.
    pub(super) async fn run(mut self) {
        let mut buffer = new_buffer();
        let samples_arrived = self.media.samples_arrived();
        let mut sleep = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            let deadline = self.advance();
            sleep.as_mut().reset(deadline.into());
            tokio::select! {
                command = self.commands.recv() => {
                    if self.take_commands(command).is_closed() {
                        break;
                    }
                }
                received = poll_fn(|context| self.sockets.poll_receive(context, &mut buffer)) => {
                    self.receive(&received, &buffer);
                }
                () = samples_arrived.notified() => self.media.wake_senders(Instant::now()),
                () = &mut sleep => {}
            }
        }
        self.end();
    }

    /// Says good-bye to the peer and lets go of everything the program holds.
    fn end(&mut self) {
        let now = Instant::now();
        let closing = self.rtc.close().and_then(|()| self.drain(now).map(|_| ()));
        if let Err(error) = closing {
            tracing::debug!(%error, "close transport");
        }
        self.channels.end();
        self.shared.callbacks.clear();
    }

    /// Carries out the command and those behind it, up to a limit.
    fn take_commands(&mut self, first: Option<Command>) -> Taken {
        let Some(first) = first else { return Taken::Closed };
        if self.carry_out(first).is_closed() {
            return Taken::Closed;
        }
        for _ in 1..COMMAND_BATCH {
            let Ok(command) = self.commands.try_recv() else { break };
            if self.carry_out(command).is_closed() {
                return Taken::Closed;
            }
        }
        Taken::All
    }

    fn carry_out(&mut self, command: Command) -> Taken {
        let now = Instant::now();
        match command {
            Command::Gather => self.gather(),
            Command::Negotiated(outcome) => self.apply(&outcome, now),
            Command::AddRemoteCandidate(line) => self.add_remote_candidate(&line),
            Command::OpenChannel(channel) => self.channels.open(&mut self.rtc, channel),
            Command::SendMessage { channel, binary, data } => self.channels.queue(&channel, data, binary),
            Command::CloseChannel(channel) => self.channels.close(&mut self.rtc, &channel),
            Command::SendersChanged => self.media.refresh_senders(now),
            Command::Close => return Taken::Closed,
        }
        Taken::All
    }

    /// Does everything that is due, and answers when there is more to do.
    fn advance(&mut self) -> Instant {
        let now = Instant::now();
        let entered = self.status.handle_timeout(now);
        self.enter(entered);
        if self.tcp_fallback_at.is_some_and(|at| now >= at) {
            self.tcp_fallback_at = None;
            self.offer_tcp();
        }
        self.media.handle_timeout(&mut self.rtc, now, self.status.is_connected());
        let transport = match self.drain(now).and_then(|next| self.write_messages(now, next)) {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "the transport failed");
                let entered = self.status.broken();
                self.enter(entered);
                now + Duration::from_secs(1)
            }
        };
        self.channels.report_sent(&mut self.rtc);
        let others = [self.media.next_timeout(), self.status.next_timeout(), self.tcp_fallback_at];
        others.into_iter().flatten().fold(transport, Instant::min)
    }

    /// Takes all output of the state machine.
    fn drain(&mut self, now: Instant) -> Result<Instant, RtcError> {
        let mut due_timers = 0;
        loop {
            match self.rtc.poll_output()? {
                Output::Transmit(transmit) => self.sockets.send(&transmit),
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
    fn write_messages(&mut self, now: Instant, mut next: Instant) -> Result<Instant, RtcError> {
        while self.sockets.backlog() < MAX_TCP_BACKLOG && self.channels.write_one(&mut self.rtc) {
            next = self.drain(now)?;
        }
        Ok(next)
    }

    fn receive(&mut self, received: &Received, buffer: &Buffer) {
        let now = Instant::now();
        let Received { protocol, source, destination, length } = *received;
        let input = match Receive::new(protocol, source, destination, &buffer[..length]) {
            Ok(input) => input,
            Err(error) => {
                tracing::trace!(%error, "a datagram that is not WebRTC's is dropped");
                return;
            }
        };
        if let Err(error) = self.rtc.handle_input(Input::Receive(now, input)) {
            tracing::debug!(%error, "handle datagram");
        }
    }

    fn handle_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Connected => {
                let entered = self.status.dtls_connected();
                self.enter(entered);
            }
            Event::IceConnectionStateChange(state) => {
                let entered = match state {
                    IceConnectionState::Connected | IceConnectionState::Completed => {
                        self.tcp_fallback_at = None;
                        self.status.ice_connected()
                    }
                    IceConnectionState::Disconnected => self.status.ice_disconnected(now),
                    IceConnectionState::New | IceConnectionState::Checking => None,
                };
                self.enter(entered);
            }
            Event::Closed => {
                let entered = self.status.closed_by_peer(now);
                self.enter(entered);
            }
            Event::RtpPacket(packet) => self.media.receive(&packet, now),
            Event::ChannelOpen(id, label) => {
                let commands = self.own_commands.upgrade();
                if let Some(channel) = self.channels.opened(&mut self.rtc, id, &label, commands) {
                    let channel = DataChannel::new(channel);
                    self.shared.callbacks.data_channel.with(|on_data_channel| on_data_channel(channel));
                }
            }
            Event::ChannelData(message) => self.channels.received(message.id, message.data, message.binary),
            Event::ChannelClose(id) => self.channels.closed(id),
            _ => {}
        }
    }

    fn enter(&self, state: Option<PeerConnectionState>) {
        let Some(state) = state else { return };
        {
            let mut current = self.shared.state.lock();
            if *current == PeerConnectionState::Closed {
                return;
            }
            *current = state;
        }
        self.shared.callbacks.connection_state.with(|on_change| on_change(state));
    }

    /// Starts the transport, or starts ICE anew, and follows what changed about media.
    fn apply(&mut self, outcome: &Outcome, now: Instant) {
        if !self.rtc.is_alive() {
            // The peer closed the transport: no restart of ICE brings it back.
            let entered = self.status.broken();
            self.enter(entered);
            return;
        }
        let known = self.remote.credentials.replace(outcome.remote_credentials.clone());
        let restart = known.as_ref().is_some_and(|known| *known != outcome.remote_credentials);
        let mut api = self.rtc.direct_api();
        if restart {
            for candidate in self.remote.candidates.drain(..) {
                api.invalidate_candidate(&candidate);
            }
        }
        api.set_local_ice_credentials(ice_creds(&outcome.local_credentials));
        api.set_remote_ice_credentials(ice_creds(&outcome.remote_credentials));
        if known.is_none() {
            api.set_ice_controlling(outcome.ice_controlling);
            match outcome.remote_fingerprint.parse() {
                Ok(fingerprint) => api.set_remote_fingerprint(fingerprint),
                Err(error) => tracing::error!(error, "read the peer's fingerprint"),
            }
            if let Err(error) = api.start_dtls(outcome.dtls_active) {
                tracing::error!(%error, "start DTLS");
                let entered = self.status.broken();
                self.enter(entered);
                return;
            }
        }
        if outcome.data && !self.channels.is_started() {
            self.channels.start(&mut self.rtc, outcome.dtls_active);
        }
        for line in &outcome.remote_candidates {
            self.add_remote_candidate(line);
        }
        if known.is_none() || restart {
            self.tcp_fallback_at = Some(now + TCP_FALLBACK);
        }
        let entered = self.status.negotiated(restart, now);
        self.enter(entered);
        self.media.apply(&mut self.rtc, &outcome.media, now);
    }
}

enum Taken {
    All,
    Closed,
}

impl Taken {
    fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

fn ice_creds(credentials: &IceCredentials) -> IceCreds {
    IceCreds { ufrag: credentials.ufrag.clone(), pass: credentials.password.clone() }
}
