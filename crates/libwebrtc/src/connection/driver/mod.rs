//! The task of a connection: it owns the transport, its sockets and its timers, and calls the program back.

mod candidates;
mod ending;
mod gathering;
mod servers;

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures::{FutureExt, StreamExt};
use str0m::net::Receive;
use tokio::sync::mpsc;

use crate::data_channel::DataChannel;
use crate::negotiation::Outcome;
use crate::peer_connection::PeerConnectionState;

use super::Shared;
use super::command::Command;
use super::sockets::{Buffer, Received, Sockets, new_buffer};
use super::transport::{Event, Transport};
use gathering::Gathering;

/// Commands that are taken at once.
const COMMAND_BATCH: usize = 64;
/// TCP is tried when UDP has not connected for so long.
const TCP_FALLBACK: Duration = Duration::from_secs(1);

pub(super) struct Driver {
    transport: Transport,
    shared: Arc<Shared>,
    command_rx: mpsc::UnboundedReceiver<Command>,
    sockets: Sockets,
    gathering: Gathering,
    tcp_fallback_at: Option<Instant>,
    /// The program closed the connection, and that was carried out.
    closed: bool,
}

impl Driver {
    pub(super) fn new(
        transport: Transport,
        shared: Arc<Shared>,
        command_rx: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        Self {
            transport,
            shared,
            command_rx,
            sockets: Sockets::default(),
            gathering: Gathering::default(),
            tcp_fallback_at: None,
            closed: false,
        }
    }

    /// Runs until the connection is closed. What follows from its end, whatever ended it, is in [`ending`].
    pub(super) async fn run(mut self) {
        self.closed = AssertUnwindSafe(self.drive()).catch_unwind().await.is_ok();
        if !self.closed {
            // Where it was is told by the process's panic hook.
            tracing::error!("a panic ended the task of a connection: the connection has failed");
        }
    }

    async fn drive(&mut self) {
        let mut buffer = new_buffer();
        let samples_arrived = self.transport.samples_arrived();
        let mut sleep = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            let deadline = self.advance();
            sleep.as_mut().reset(deadline.into());
            tokio::select! {
                command = self.command_rx.recv() => {
                    if self.take_commands(command).is_closed() {
                        break;
                    }
                }
                received = poll_fn(|context| self.sockets.poll_receive(context, &mut buffer)) => {
                    if let Some(received) = received {
                        self.receive(&received, &buffer);
                    }
                }
                Some((server, found)) = self.gathering.lookups.next() => self.resolved(server, found),
                () = samples_arrived.notified() => self.transport.wake_senders(Instant::now()),
                () = &mut sleep => {}
            }
        }
        self.transport.close(Instant::now(), &mut self.sockets);
        self.sockets.close();
    }

    /// Carries out the command and those behind it, up to a limit.
    fn take_commands(&mut self, first: Option<Command>) -> Taken {
        let Some(first) = first else { return Taken::Closed };
        if self.carry_out(first).is_closed() {
            return Taken::Closed;
        }
        for _ in 1..COMMAND_BATCH {
            let Ok(command) = self.command_rx.try_recv() else { break };
            if self.carry_out(command).is_closed() {
                return Taken::Closed;
            }
        }
        Taken::All
    }

    fn carry_out(&mut self, command: Command) -> Taken {
        match command {
            Command::Gather => self.gather(),
            Command::Reconfigured => self.gather_anew(),
            Command::Negotiated(outcome) => self.negotiated(&outcome),
            Command::AddRemoteCandidate(line) => self.add_remote_candidate(&line),
            Command::OpenChannel(channel) => self.transport.open_channel(channel),
            Command::SendMessage { channel, binary, data } => {
                self.transport.send_message(&channel, data, binary);
            }
            Command::CloseChannel(channel) => self.transport.close_channel(&channel),
            Command::SendersChanged => self.transport.refresh_senders(Instant::now()),
            Command::Report(scope, reports_tx) => {
                // Whoever asked may have given up.
                drop(reports_tx.send(self.transport.statistics(&scope, Instant::now(), unix_microseconds())));
            }
            Command::Close => return Taken::Closed,
        }
        Taken::All
    }

    fn negotiated(&mut self, outcome: &Outcome) {
        let now = Instant::now();
        if self.transport.negotiated(outcome, now) {
            self.tcp_fallback_at = Some(now + TCP_FALLBACK);
            self.ask_servers_again(now);
        }
        for line in &outcome.remote_candidates {
            self.add_remote_candidate(line);
        }
    }

    /// Does everything that is due, and answers when there is more to do.
    fn advance(&mut self) -> Instant {
        let now = Instant::now();
        self.tcp_fallback_at.take_if(|_| self.transport.is_ice_connected());
        if self.tcp_fallback_at.take_if(|at| now >= *at).is_some() {
            self.offer_tcp();
        }
        self.advance_gathering(now);
        let next = self.transport.advance(now, &mut self.sockets);
        while let Some(event) = self.transport.next_event() {
            self.report(event);
        }
        let others = [self.tcp_fallback_at, self.gathering.next_timeout(), self.sockets.next_timeout()];
        others.into_iter().flatten().fold(next, Instant::min)
    }

    fn receive(&mut self, received: &Received, buffer: &Buffer) {
        let datagram = &buffer[received.range.clone()];
        if self.received_from_server(received, datagram) {
            return;
        }
        let Received { protocol, source, destination, .. } = *received;
        match Receive::new(protocol, source, destination, datagram) {
            Ok(received) => self.transport.receive(received, datagram.len(), Instant::now()),
            Err(error) => tracing::trace!(%error, "a datagram that is not WebRTC's is dropped"),
        }
    }

    fn report(&self, event: Event) {
        match event {
            Event::State(state) => self.enter(state),
            Event::Channel(channel) => {
                let channel = DataChannel::new(channel);
                self.shared.callbacks.data_channel.with(|on_data_channel| on_data_channel(channel));
            }
        }
    }

    fn enter(&self, state: PeerConnectionState) {
        {
            let mut current = self.shared.state.lock();
            if *current == PeerConnectionState::Closed {
                return;
            }
            *current = state;
        }
        if state == PeerConnectionState::Failed {
            self.explain_failure();
        }
        self.shared.callbacks.connection_state.with(|on_change| on_change(state));
    }
}

fn unix_microseconds() -> i64 {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
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
