//! The dictionaries that reports are made of.

use std::collections::HashMap;

use crate::data_channel::DataChannelState;

/// What every report has.
#[derive(Debug, Default, Clone)]
pub struct RtcStats {
    pub id: String,
    /// When it was taken, in microseconds since 1970.
    pub timestamp: i64,
}

#[derive(Debug, Default, Clone)]
pub struct CodecStats {
    pub payload_type: u32,
    pub transport_id: String,
    /// The media type, for example `audio/opus`.
    pub mime_type: String,
    /// Of the timestamps, in Hz.
    pub clock_rate: u32,
    pub channels: u32,
    pub sdp_fmtp_line: String,
}

#[derive(Debug, Default, Clone)]
pub struct RtpStreamStats {
    pub ssrc: u32,
    /// Always `audio`: no video is sent or received.
    pub kind: String,
    pub transport_id: String,
    pub codec_id: String,
}

#[derive(Debug, Default, Clone)]
pub struct ReceivedRtpStreamStats {
    pub packets_received: u64,
    /// Expected and not received (RFC 3550); negative with duplicates.
    pub packets_lost: i64,
    /// The interarrival jitter of RFC 3550, in seconds.
    pub jitter: f64,
}

/// The members that audio has.
#[derive(Debug, Default, Clone)]
pub struct InboundRtpStreamStats {
    pub track_identifier: String,
    pub mid: String,
    pub remote_id: String,
    /// In milliseconds since 1970.
    pub last_packet_received_timestamp: f64,
    pub header_bytes_received: u64,
    /// Packets that came too late to be played.
    pub packets_discarded: u64,
    /// Lost packets that were recovered from the one after them (Opus's in-band forward error correction).
    pub fec_packets_received: u64,
    pub fec_packets_discarded: u64,
    pub bytes_received: u64,
    pub nack_count: u32,
    /// Seconds, summed over the samples that were handed out.
    pub jitter_buffer_delay: f64,
    /// Seconds that were aimed at, summed likewise.
    pub jitter_buffer_target_delay: f64,
    pub jitter_buffer_emitted_count: u64,
    /// The least possible seconds, summed likewise.
    pub jitter_buffer_minimum_delay: f64,
    pub total_samples_received: u64,
    pub concealed_samples: u64,
    pub silent_concealed_samples: u64,
    pub concealment_events: u64,
    pub inserted_samples_for_deceleration: u64,
    pub removed_samples_for_acceleration: u64,
    pub audio_level: f64,
    pub total_audio_energy: f64,
    pub total_samples_duration: f64,
}

#[derive(Debug, Default, Clone)]
pub struct SentRtpStreamStats {
    pub packets_sent: u64,
    /// Without the headers of RTP.
    pub bytes_sent: u64,
}

/// The members that audio has.
#[derive(Debug, Default, Clone)]
pub struct OutboundRtpStreamStats {
    pub mid: String,
    pub media_source_id: String,
    pub remote_id: String,
    pub header_bytes_sent: u64,
    pub retransmitted_packets_sent: u64,
    pub retransmitted_bytes_sent: u64,
    /// Bits per second the encoder aims at.
    pub target_bitrate: f64,
    pub quality_limitation_reason: QualityLimitationReason,
    /// Seconds by reason; empty, since only the present reason is known.
    pub quality_limitation_durations: HashMap<String, f64>,
    pub nack_count: u32,
    pub active: bool,
}

#[derive(Debug, Default, Clone)]
pub struct RemoteInboundRtpStreamStats {
    pub local_id: String,
    /// The last one measured, in seconds.
    pub round_trip_time: f64,
    pub total_round_trip_time: f64,
    /// 0 to 1, of the last report.
    pub fraction_lost: f64,
    pub round_trip_time_measurements: u64,
}

#[derive(Debug, Default, Clone)]
pub struct RemoteOutboundRtpStreamStats {
    pub local_id: String,
    pub reports_sent: u64,
}

#[derive(Debug, Default, Clone)]
pub struct MediaSourceStats {
    pub track_identifier: String,
    /// Always `audio`: no video is sent or received.
    pub kind: String,
}

#[derive(Debug, Default, Clone)]
pub struct AudioSourceStats {
    pub audio_level: f64,
    pub total_audio_energy: f64,
    pub total_samples_duration: f64,
}

#[derive(Debug, Default, Clone)]
pub struct PeerConnectionStats {
    pub data_channels_opened: u32,
    pub data_channels_closed: u32,
}

#[derive(Debug, Default, Clone)]
pub struct DataChannelStats {
    pub label: String,
    pub protocol: String,
    /// The stream id of a negotiated channel, else -1.
    pub data_channel_identifier: i32,
    pub state: Option<DataChannelState>,
    pub messages_sent: u32,
    pub bytes_sent: u64,
    pub messages_received: u32,
    pub bytes_received: u64,
}

#[derive(Debug, Default, Clone)]
pub struct TransportStats {
    pub packets_sent: u64,
    pub packets_received: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub ice_role: IceRole,
    pub ice_local_username_fragment: String,
    pub dtls_state: Option<DtlsTransportState>,
    pub ice_state: Option<IceTransportState>,
    pub selected_candidate_pair_id: String,
    pub dtls_role: DtlsRole,
    pub selected_candidate_pair_changes: u32,
}

#[derive(Debug, Default, Clone)]
pub struct CandidatePairStats {
    pub transport_id: String,
    pub local_candidate_id: String,
    pub remote_candidate_id: String,
    pub state: Option<IceCandidatePairState>,
    pub nominated: bool,
    /// Seconds, of all answered checks.
    pub total_round_trip_time: f64,
    /// Seconds, of the last answered check.
    pub current_round_trip_time: f64,
    pub responses_received: u64,
}

#[derive(Debug, Default, Clone)]
pub struct IceCandidateStats {
    pub transport_id: String,
    pub address: String,
    pub port: i32,
    /// Either `udp` or `tcp`.
    pub protocol: String,
    pub candidate_type: Option<IceCandidateType>,
    pub priority: i32,
    pub tcp_type: Option<IceTcpCandidateType>,
}

/// Why less is sent than was asked for.
#[derive(Debug, Default, Copy, Clone, PartialEq, Eq)]
pub enum QualityLimitationReason {
    #[default]
    None,
    Cpu,
    Bandwidth,
    Other,
}

#[derive(Debug, Default, Copy, Clone, PartialEq, Eq)]
pub enum IceRole {
    #[default]
    Unknown,
    Controlling,
    Controlled,
}

#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum DtlsTransportState {
    New,
    Connecting,
    Connected,
    Closed,
    Failed,
}

#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum IceTransportState {
    New,
    Checking,
    Connected,
    Completed,
    Disconnected,
    Failed,
    Closed,
}

#[derive(Debug, Default, Copy, Clone, PartialEq, Eq)]
pub enum DtlsRole {
    Client,
    Server,
    #[default]
    Unknown,
}

#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum IceCandidatePairState {
    Frozen,
    Waiting,
    InProgress,
    Failed,
    Succeeded,
}

#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum IceCandidateType {
    Host,
    Srflx,
    Prflx,
    Relay,
}

#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum IceTcpCandidateType {
    Active,
    Passive,
    So,
}
