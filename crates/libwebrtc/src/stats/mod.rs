//! Statistics reports, in the names and units of the W3C's dictionaries (<https://www.w3.org/TR/webrtc-stats/>).
//!
//! Each kind of report is made of the dictionaries it inherits from. Durations are seconds, levels 0 to 1. What this stack
//! does not have (video, captured devices, redundant streams) has neither reports nor members here.

pub mod dictionaries;

pub use dictionaries::{
    DtlsRole, DtlsTransportState, IceCandidatePairState, IceCandidateType, IceRole, IceTcpCandidateType,
    IceTransportState, QualityLimitationReason,
};

/// One report. `livekit` hands a list of them through for a session or a track.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RtcStats {
    Codec(CodecStats),
    InboundRtp(InboundRtpStats),
    OutboundRtp(OutboundRtpStats),
    RemoteInboundRtp(RemoteInboundRtpStats),
    RemoteOutboundRtp(RemoteOutboundRtpStats),
    MediaSource(MediaSourceStats),
    PeerConnection(PeerConnectionStats),
    DataChannel(DataChannelStats),
    Transport(TransportStats),
    CandidatePair(CandidatePairStats),
    LocalCandidate(LocalCandidateStats),
    RemoteCandidate(RemoteCandidateStats),
}

/// A codec in use.
#[derive(Debug, Default, Clone)]
pub struct CodecStats {
    pub rtc: dictionaries::RtcStats,
    pub codec: dictionaries::CodecStats,
}

/// A stream that is received.
#[derive(Debug, Default, Clone)]
pub struct InboundRtpStats {
    pub rtc: dictionaries::RtcStats,
    pub stream: dictionaries::RtpStreamStats,
    pub received: dictionaries::ReceivedRtpStreamStats,
    pub inbound: dictionaries::InboundRtpStreamStats,
}

/// A stream that is sent.
#[derive(Debug, Default, Clone)]
pub struct OutboundRtpStats {
    pub rtc: dictionaries::RtcStats,
    pub stream: dictionaries::RtpStreamStats,
    pub sent: dictionaries::SentRtpStreamStats,
    pub outbound: dictionaries::OutboundRtpStreamStats,
}

/// What the peer reports of a stream that is sent to it.
#[derive(Debug, Default, Clone)]
pub struct RemoteInboundRtpStats {
    pub rtc: dictionaries::RtcStats,
    pub stream: dictionaries::RtpStreamStats,
    pub received: dictionaries::ReceivedRtpStreamStats,
    pub remote_inbound: dictionaries::RemoteInboundRtpStreamStats,
}

/// What the peer reports of a stream it sends.
#[derive(Debug, Default, Clone)]
pub struct RemoteOutboundRtpStats {
    pub rtc: dictionaries::RtcStats,
    pub stream: dictionaries::RtpStreamStats,
    pub sent: dictionaries::SentRtpStreamStats,
    pub remote_outbound: dictionaries::RemoteOutboundRtpStreamStats,
}

/// The source of a stream that is sent.
#[derive(Debug, Default, Clone)]
pub struct MediaSourceStats {
    pub rtc: dictionaries::RtcStats,
    pub source: dictionaries::MediaSourceStats,
    pub audio: dictionaries::AudioSourceStats,
}

#[derive(Debug, Default, Clone)]
pub struct PeerConnectionStats {
    pub rtc: dictionaries::RtcStats,
    pub pc: dictionaries::PeerConnectionStats,
}

#[derive(Debug, Default, Clone)]
pub struct DataChannelStats {
    pub rtc: dictionaries::RtcStats,
    pub dc: dictionaries::DataChannelStats,
}

#[derive(Debug, Default, Clone)]
pub struct TransportStats {
    pub rtc: dictionaries::RtcStats,
    pub transport: dictionaries::TransportStats,
}

/// The candidate pair in use.
#[derive(Debug, Default, Clone)]
pub struct CandidatePairStats {
    pub rtc: dictionaries::RtcStats,
    pub candidate_pair: dictionaries::CandidatePairStats,
}

#[derive(Debug, Default, Clone)]
pub struct LocalCandidateStats {
    pub rtc: dictionaries::RtcStats,
    pub local_candidate: dictionaries::IceCandidateStats,
}

#[derive(Debug, Default, Clone)]
pub struct RemoteCandidateStats {
    pub rtc: dictionaries::RtcStats,
    pub remote_candidate: dictionaries::IceCandidateStats,
}
