//! The reports that `get_stats` answers.

mod streams;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::net::{Protocol, TcpType};
use str0m::stats::PeerStats;
use str0m::{Candidate, CandidateKind};
use tokio::sync::{mpsc, oneshot};

use crate::RtcError;
use crate::audio::RTP_CLOCK_RATE;
use crate::negotiation::codecs;
use crate::negotiation::transceiver::Transceiver;
use crate::peer_connection::PeerConnectionState;
use crate::stats::{self, RtcStats, dictionaries};

use super::channel::Channel;
use super::channels::Traffic;
use super::command::Command;
use super::media::{Receiver, Sender};

const TRANSPORT_ID: &str = "T";

/// Asks a connection's task for reports.
#[derive(Clone)]
pub(crate) struct Reports {
    /// Weak: a handle of a sender keeps no connection alive.
    command_tx: mpsc::WeakUnboundedSender<Command>,
}

impl Reports {
    pub(super) fn new(command_tx: mpsc::WeakUnboundedSender<Command>) -> Self {
        Self { command_tx }
    }

    /// Fails once the connection is closed.
    pub(crate) async fn ask(&self, scope: Scope) -> Result<Vec<RtcStats>, RtcError> {
        let closed = || RtcError::invalid_state("read statistics: the connection is closed");
        let (reports_tx, reports_rx) = oneshot::channel();
        let command_tx = self.command_tx.upgrade().ok_or_else(closed)?;
        command_tx.send(Command::Report(scope, reports_tx)).map_err(|_| closed())?;
        reports_rx.await.map_err(|_| closed())
    }
}

/// Whose reports are wanted.
pub(crate) enum Scope {
    Connection,
    Sender(Arc<Transceiver>),
    Receiver(Arc<Transceiver>),
}

impl Scope {
    fn has_sender(&self, transceiver: &Arc<Transceiver>) -> bool {
        match self {
            Self::Connection => true,
            Self::Sender(wanted) => Arc::ptr_eq(wanted, transceiver),
            Self::Receiver(_) => false,
        }
    }

    fn has_receiver(&self, transceiver: &Arc<Transceiver>) -> bool {
        match self {
            Self::Connection => true,
            Self::Sender(_) => false,
            Self::Receiver(wanted) => Arc::ptr_eq(wanted, transceiver),
        }
    }
}

/// What the datagrams of a connection amount to.
#[derive(Debug, Default)]
pub(super) struct Datagrams {
    pub(super) packets_sent: u64,
    pub(super) bytes_sent: u64,
    pub(super) packets_received: u64,
    pub(super) bytes_received: u64,
}

/// Round-trip times of RTP, and the pair of candidates in use: as of the last second.
#[derive(Debug, Default)]
pub(super) struct Path {
    peer: Option<PeerStats>,
    pair_changes: u32,
    round_trips: RoundTrips,
}

#[derive(Debug, Default, Clone, Copy)]
struct RoundTrips {
    last: Duration,
    total: Duration,
    count: u64,
}

impl Path {
    pub(super) fn follow(&mut self, peer: PeerStats) {
        let pair = |peer: &PeerStats| {
            peer.selected_candidate_pair.as_ref().map(|pair| (pair.local.addr, pair.remote.addr))
        };
        if pair(&peer).is_some() && self.peer.as_ref().and_then(pair) != pair(&peer) {
            self.pair_changes += 1;
        }
        if let Some(last) = peer.rtt {
            let RoundTrips { total, count, .. } = self.round_trips;
            self.round_trips = RoundTrips { last, total: total + last, count: count + 1 };
        }
        self.peer = Some(peer);
    }
}

/// Everything a report is made of; the transport lends it.
pub(super) struct Sources<'a> {
    pub(super) state: PeerConnectionState,
    pub(super) ice_controlling: bool,
    pub(super) dtls_active: bool,
    pub(super) local_ufrag: &'a str,
    pub(super) datagrams: &'a Datagrams,
    pub(super) path: &'a Path,
    pub(super) local_candidates: &'a [Candidate],
    pub(super) remote_candidates: &'a [Candidate],
    pub(super) channels_opened: u32,
    pub(super) channels_closed: u32,
    pub(super) now: Instant,
    /// Microseconds since 1970 of `now`.
    pub(super) timestamp: i64,
}

impl Sources<'_> {
    /// The reports of the scope. Those of the transport are in each, since streams refer to it.
    pub(super) fn report<'a>(
        &self,
        scope: &Scope,
        senders: impl Iterator<Item = &'a Sender>,
        receivers: impl Iterator<Item = &'a Receiver>,
        channels: impl Iterator<Item = (&'a Channel, Traffic)>,
    ) -> Vec<RtcStats> {
        let mut reports = vec![RtcStats::Transport(self.transport())];
        self.report_pair(&mut reports);
        let mut payload_types = Vec::new();
        for sender in senders.filter(|sender| scope.has_sender(sender.transceiver())) {
            payload_types.extend(sender.transceiver().state().sender.payload_type);
            self.report_sender(sender, &mut reports);
        }
        for receiver in receivers.filter(|receiver| scope.has_receiver(receiver.transceiver())) {
            payload_types.extend(receiver.transceiver().state().receiver.payload_type);
            self.report_receiver(receiver, &mut reports);
        }
        payload_types.sort_unstable();
        payload_types.dedup();
        reports
            .extend(payload_types.into_iter().map(|payload_type| RtcStats::Codec(self.codec(payload_type))));
        if matches!(scope, Scope::Connection) {
            reports.push(RtcStats::PeerConnection(self.peer_connection()));
            reports.extend(
                channels.map(|(channel, traffic)| RtcStats::DataChannel(self.channel(channel, traffic))),
            );
        }
        reports
    }

    fn rtc(&self, id: impl Into<String>) -> dictionaries::RtcStats {
        dictionaries::RtcStats { id: id.into(), timestamp: self.timestamp }
    }

    fn transport(&self) -> stats::TransportStats {
        use stats::{DtlsRole, DtlsTransportState, IceRole, IceTransportState};
        let (ice_state, dtls_state) = match self.state {
            PeerConnectionState::New => (IceTransportState::New, DtlsTransportState::New),
            PeerConnectionState::Connecting => (IceTransportState::Checking, DtlsTransportState::Connecting),
            PeerConnectionState::Connected => (IceTransportState::Connected, DtlsTransportState::Connected),
            PeerConnectionState::Disconnected => {
                (IceTransportState::Disconnected, DtlsTransportState::Connected)
            }
            PeerConnectionState::Failed => (IceTransportState::Failed, DtlsTransportState::Failed),
            PeerConnectionState::Closed => (IceTransportState::Closed, DtlsTransportState::Closed),
        };
        let known = self.state != PeerConnectionState::New;
        let role = |first: bool, one, other| if first { one } else { other };
        let Datagrams { packets_sent, bytes_sent, packets_received, bytes_received } = *self.datagrams;
        stats::TransportStats {
            rtc: self.rtc(TRANSPORT_ID),
            transport: dictionaries::TransportStats {
                packets_sent,
                packets_received,
                bytes_sent,
                bytes_received,
                ice_role: if known {
                    role(self.ice_controlling, IceRole::Controlling, IceRole::Controlled)
                } else {
                    IceRole::Unknown
                },
                ice_local_username_fragment: self.local_ufrag.to_owned(),
                dtls_state: Some(dtls_state),
                ice_state: Some(ice_state),
                selected_candidate_pair_id: self.pair_addresses().map_or_else(String::new, pair_id),
                dtls_role: if known {
                    if self.dtls_active { DtlsRole::Client } else { DtlsRole::Server }
                } else {
                    DtlsRole::Unknown
                },
                selected_candidate_pair_changes: self.path.pair_changes,
            },
        }
    }

    fn pair_addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        let pair = self.path.peer.as_ref()?.selected_candidate_pair.as_ref()?;
        Some((pair.local.addr, pair.remote.addr))
    }

    fn report_pair(&self, reports: &mut Vec<RtcStats>) {
        let Some(peer) = &self.path.peer else { return };
        let Some(pair) = &peer.selected_candidate_pair else { return };
        let (local, remote) = (pair.local.addr, pair.remote.addr);
        reports.push(RtcStats::CandidatePair(stats::CandidatePairStats {
            rtc: self.rtc(pair_id((local, remote))),
            candidate_pair: dictionaries::CandidatePairStats {
                transport_id: TRANSPORT_ID.to_owned(),
                local_candidate_id: format!("L{local}"),
                remote_candidate_id: format!("R{remote}"),
                state: Some(stats::IceCandidatePairState::Succeeded),
                nominated: true,
                total_round_trip_time: pair.total_round_trip_time.as_secs_f64(),
                current_round_trip_time: pair.current_round_trip_time.unwrap_or_default().as_secs_f64(),
                responses_received: pair.responses_received,
            },
        }));
        reports.push(RtcStats::LocalCandidate(stats::LocalCandidateStats {
            rtc: self.rtc(format!("L{local}")),
            local_candidate: candidate(self.local_candidates, local, pair.protocol),
        }));
        reports.push(RtcStats::RemoteCandidate(stats::RemoteCandidateStats {
            rtc: self.rtc(format!("R{remote}")),
            remote_candidate: candidate(self.remote_candidates, remote, pair.protocol),
        }));
    }

    fn codec(&self, payload_type: u8) -> stats::CodecStats {
        stats::CodecStats {
            rtc: self.rtc(format!("C{payload_type}")),
            codec: dictionaries::CodecStats {
                payload_type: u32::from(payload_type),
                transport_id: TRANSPORT_ID.to_owned(),
                mime_type: "audio/opus".to_owned(),
                clock_rate: RTP_CLOCK_RATE,
                channels: 2,
                sdp_fmtp_line: codecs::OPUS_FORMAT.to_owned(),
            },
        }
    }

    fn peer_connection(&self) -> stats::PeerConnectionStats {
        stats::PeerConnectionStats {
            rtc: self.rtc("P"),
            pc: dictionaries::PeerConnectionStats {
                data_channels_opened: self.channels_opened,
                data_channels_closed: self.channels_closed,
            },
        }
    }

    fn channel(&self, channel: &Channel, traffic: Traffic) -> stats::DataChannelStats {
        let Traffic { messages_sent, bytes_sent, messages_received, bytes_received } = traffic;
        stats::DataChannelStats {
            rtc: self.rtc(format!("D{}", channel.label())),
            dc: dictionaries::DataChannelStats {
                label: channel.label().to_owned(),
                protocol: channel.init().protocol.clone(),
                data_channel_identifier: channel.init().id,
                state: Some(channel.state()),
                messages_sent,
                bytes_sent,
                messages_received,
                bytes_received,
            },
        }
    }
}

fn pair_id((local, remote): (SocketAddr, SocketAddr)) -> String {
    format!("CP{local}_{remote}")
}

/// What is known of a candidate; one that was learnt from a check is in neither list.
fn candidate(
    known: &[Candidate],
    address: SocketAddr,
    protocol: Protocol,
) -> dictionaries::IceCandidateStats {
    let known = known.iter().find(|candidate| candidate.addr() == address);
    let kind = known.map_or(CandidateKind::PeerReflexive, Candidate::kind);
    dictionaries::IceCandidateStats {
        transport_id: TRANSPORT_ID.to_owned(),
        address: address.ip().to_string(),
        port: i32::from(address.port()),
        protocol: if protocol == Protocol::Udp { "udp" } else { "tcp" }.to_owned(),
        candidate_type: Some(match kind {
            CandidateKind::Host => stats::IceCandidateType::Host,
            CandidateKind::ServerReflexive => stats::IceCandidateType::Srflx,
            CandidateKind::PeerReflexive => stats::IceCandidateType::Prflx,
            CandidateKind::Relayed => stats::IceCandidateType::Relay,
        }),
        priority: known.map_or(0, |candidate| candidate.prio().cast_signed()),
        tcp_type: known.and_then(Candidate::tcptype).map(|tcp_type| match tcp_type {
            TcpType::Active => stats::IceTcpCandidateType::Active,
            TcpType::Passive => stats::IceTcpCandidateType::Passive,
            TcpType::So => stats::IceTcpCandidateType::So,
        }),
    }
}
