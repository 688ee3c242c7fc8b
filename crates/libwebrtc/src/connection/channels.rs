//! The data channels of a connection, as its task sees them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use str0m::Rtc;
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use tokio::sync::mpsc;

use crate::data_channel::{DataChannelInit, DataChannelState, MessageGuard, new_guard};

use super::channel::Channel;
use super::command::Command;

/// Channels the peer may have open; each may keep messages that nobody listens to yet.
const MAX_OF_PEER: usize = 32;

/// Channels by the transport's id, and those that wait for the transport.
pub(super) struct Channels {
    /// Whether SCTP runs: before, no channel can be opened.
    started: bool,
    /// Until then channels wait here; closing one takes it out again.
    waiting: Vec<Arc<Channel>>,
    open: HashMap<ChannelId, Entry>,
    opened: u32,
    closed: u32,
    guard: Option<Box<dyn MessageGuard>>,
}

impl Default for Channels {
    fn default() -> Self {
        Self {
            started: false,
            waiting: Vec::new(),
            open: HashMap::new(),
            opened: 0,
            closed: 0,
            guard: new_guard(),
        }
    }
}

struct Entry {
    channel: Arc<Channel>,
    of_peer: bool,
    /// Messages the transport has not taken.
    outgoing: VecDeque<(Vec<u8>, bool)>,
    /// Bytes the transport took and has not reported as sent.
    in_transport: u64,
    traffic: Traffic,
}

/// Messages and bytes of a channel.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Traffic {
    pub(super) messages_sent: u32,
    pub(super) bytes_sent: u64,
    pub(super) messages_received: u32,
    pub(super) bytes_received: u64,
}

impl Channels {
    /// How many were opened and closed so far.
    pub(super) fn counts(&self) -> (u32, u32) {
        (self.opened, self.closed)
    }

    pub(super) fn open_ones(&self) -> impl Iterator<Item = (&Channel, Traffic)> {
        self.open.values().map(|entry| (&*entry.channel, entry.traffic))
    }

    pub(super) fn is_started(&self) -> bool {
        self.started
    }

    /// Opens the channels that waited; `client` is the side that starts the association.
    pub(super) fn start(&mut self, rtc: &mut Rtc, client: bool) {
        self.started = true;
        rtc.direct_api().start_sctp(client);
        for channel in std::mem::take(&mut self.waiting) {
            self.open(rtc, channel);
        }
    }

    pub(super) fn open(&mut self, rtc: &mut Rtc, channel: Arc<Channel>) {
        if channel.state() != DataChannelState::Connecting {
            return;
        }
        if !self.started {
            self.waiting.push(channel);
            return;
        }
        let config = config_of(&channel);
        if self.open.values().any(|entry| {
            config.negotiated.is_some() && config_of(&entry.channel).negotiated == config.negotiated
        }) {
            tracing::error!(label = channel.label(), "the stream id of a negotiated data channel is taken");
            channel.set_state(DataChannelState::Closed);
            return;
        }
        let id = rtc.direct_api().create_data_channel(config);
        self.open.insert(id, Entry::new(channel, false));
    }

    pub(super) fn close(&mut self, rtc: &mut Rtc, channel: &Arc<Channel>) {
        self.waiting.retain(|waiting| !Arc::ptr_eq(waiting, channel));
        match self.id_of(channel) {
            Some(id) => rtc.direct_api().close_data_channel(id),
            None => channel.set_state(DataChannelState::Closed),
        }
    }

    pub(super) fn queue(&mut self, channel: &Arc<Channel>, data: Vec<u8>, binary: bool) {
        if let Some(entry) = self.id_of(channel).and_then(|id| self.open.get_mut(&id)) {
            entry.outgoing.push_back((data, binary));
        }
    }

    fn id_of(&self, channel: &Arc<Channel>) -> Option<ChannelId> {
        self.open.iter().find(|(_, entry)| Arc::ptr_eq(&entry.channel, channel)).map(|(id, _)| *id)
    }

    /// The transport opened a channel. Answers it when the peer made it.
    pub(super) fn opened(
        &mut self,
        rtc: &mut Rtc,
        id: ChannelId,
        label: &str,
        command_tx: Option<mpsc::UnboundedSender<Command>>,
    ) -> Option<Arc<Channel>> {
        self.opened += 1;
        if let Some(entry) = self.open.get(&id) {
            entry.channel.set_state(DataChannelState::Open);
            return None;
        }
        if self.open.values().filter(|entry| entry.of_peer).count() == MAX_OF_PEER {
            tracing::warn!(label, "the peer has {MAX_OF_PEER} data channels: a further one is closed");
            rtc.direct_api().close_data_channel(id);
            return None;
        }
        let init = rtc.channel(id).and_then(|channel| channel.config().map(init_of)).unwrap_or_default();
        let channel = Arc::new(Channel::new(label, init, command_tx?));
        channel.set_state(DataChannelState::Open);
        self.open.insert(id, Entry::new(channel.clone(), true));
        Some(channel)
    }

    pub(super) fn received(&mut self, id: ChannelId, data: Vec<u8>, binary: bool) {
        if let Some(entry) = self.open.get_mut(&id) {
            entry.traffic.messages_received += 1;
            entry.traffic.bytes_received += data.len() as u64;
            if self.guard.as_mut().is_none_or(|guard| guard.admits(entry.channel.label(), &data)) {
                entry.channel.deliver(data, binary);
            }
        }
    }

    pub(super) fn closed(&mut self, id: ChannelId) {
        if let Some(entry) = self.open.remove(&id) {
            self.closed += 1;
            entry.channel.set_state(DataChannelState::Closed);
        }
    }

    /// Hands one message to the transport, whose output must be drained before the next: the queue of its DTLS layer is
    /// short. Answers whether it took one.
    pub(super) fn write_one(&mut self, rtc: &mut Rtc) -> bool {
        for (id, entry) in &mut self.open {
            let Some((data, binary)) = entry.outgoing.front() else { continue };
            let Some(mut channel) = rtc.channel(*id) else { continue };
            match channel.write(*binary, data) {
                Ok(true) => {
                    entry.in_transport += data.len() as u64;
                    entry.traffic.messages_sent += 1;
                    entry.traffic.bytes_sent += data.len() as u64;
                    entry.outgoing.pop_front();
                    return true;
                }
                // The transport's buffer is full.
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, label = entry.channel.label(), "write data channel message");
                    let lost = data.len() as u64;
                    entry.outgoing.pop_front();
                    entry.channel.report_sent(lost);
                    return true;
                }
            }
        }
        false
    }

    /// Reports what left the transport's buffer since the last call.
    pub(super) fn report_sent(&mut self, rtc: &mut Rtc) {
        for (id, entry) in &mut self.open {
            if entry.in_transport == 0 {
                continue;
            }
            let buffered = rtc.channel(*id).map_or(0, |mut channel| channel.buffered_amount() as u64);
            let sent = entry.in_transport.saturating_sub(buffered);
            if sent > 0 {
                entry.in_transport -= sent;
                entry.channel.report_sent(sent);
            }
        }
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Arc<Channel>> {
        let open = std::mem::take(&mut self.open).into_values().map(|entry| entry.channel);
        open.chain(std::mem::take(&mut self.waiting))
    }
}

impl Entry {
    fn new(channel: Arc<Channel>, of_peer: bool) -> Self {
        Self { channel, of_peer, outgoing: VecDeque::new(), in_transport: 0, traffic: Traffic::default() }
    }
}

fn config_of(channel: &Channel) -> ChannelConfig {
    let init = channel.init();
    let number = |value: i32| u16::try_from(value).unwrap_or(u16::MAX);
    let reliability = match (init.max_retransmits, init.max_retransmit_time) {
        (Some(retransmits), _) => Reliability::MaxRetransmits { retransmits: number(retransmits) },
        (None, Some(lifetime)) => Reliability::MaxPacketLifetime { lifetime: number(lifetime) },
        (None, None) => Reliability::Reliable,
    };
    ChannelConfig {
        label: channel.label().to_owned(),
        ordered: init.ordered,
        reliability,
        negotiated: init.negotiated.then(|| number(init.id)),
        protocol: init.protocol.clone(),
    }
}

fn init_of(config: &ChannelConfig) -> DataChannelInit {
    let (max_retransmits, max_retransmit_time) = match config.reliability {
        Reliability::Reliable => (None, None),
        Reliability::MaxRetransmits { retransmits } => (Some(i32::from(retransmits)), None),
        Reliability::MaxPacketLifetime { lifetime } => (None, Some(i32::from(lifetime))),
    };
    DataChannelInit {
        ordered: config.ordered,
        max_retransmit_time,
        max_retransmits,
        protocol: config.protocol.clone(),
        negotiated: false,
        id: -1,
        priority: None,
    }
}
