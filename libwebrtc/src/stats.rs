//! Statistics reports, in the names of the W3C's dictionaries.

/// One report. Reports are added as the stack learns to fill them; so far asking for any is an error.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RtcStats {
    InboundRtp(InboundRtpStats),
    OutboundRtp(OutboundRtpStats),
}

/// What was received on one RTP stream.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct InboundRtpStats {
    pub ssrc: u32,
    pub packets_received: u64,
    pub packets_lost: i64,
    /// Seconds.
    pub jitter: f64,
}

/// What was sent on one RTP stream.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct OutboundRtpStats {
    pub ssrc: u32,
    pub packets_sent: u64,
    pub bytes_sent: u64,
}
