//! One stream that is received.

use std::sync::Arc;
use std::time::Instant;

use str0m::media::Mid;
use str0m::rtp::RtpPacket;
use str0m::rtp::rtcp::SenderInfo;

use crate::audio::RTP_CLOCK_RATE;
use crate::audio::packet::AudioPacket;
use crate::audio_track::AudioOrigin;
use crate::media_stream_track::MediaStreamTrack;
use crate::negotiation::transceiver::Transceiver;

pub(in crate::connection) struct Receiver {
    ssrc: u32,
    mid: Mid,
    transceiver: Arc<Transceiver>,
    reception: Reception,
}

/// What was received (RFC 3550, appendix A).
#[derive(Debug, Default, Clone)]
pub(in crate::connection) struct Reception {
    pub(in crate::connection) packets: u64,
    pub(in crate::connection) payload_bytes: u64,
    pub(in crate::connection) header_bytes: u64,
    pub(in crate::connection) last_arrival: Option<Instant>,
    /// Packets that were asked for again.
    pub(in crate::connection) nacks: u64,
    /// Packets and payload bytes the peer says it has sent.
    pub(in crate::connection) sent: Option<(u32, u32)>,
    pub(in crate::connection) sender_reports: u64,
    /// First and highest sequence number.
    sequences: Option<(u64, u64)>,
    last_time: u64,
    /// Ticks of the RTP clock.
    jitter: f64,
}

impl Receiver {
    pub(super) fn new(ssrc: u32, mid: Mid, transceiver: Arc<Transceiver>) -> Self {
        Self { ssrc, mid, transceiver, reception: Reception::default() }
    }

    pub(in crate::connection) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(in crate::connection) fn mid(&self) -> Mid {
        self.mid
    }

    pub(in crate::connection) fn transceiver(&self) -> &Arc<Transceiver> {
        &self.transceiver
    }

    pub(in crate::connection) fn reception(&self) -> &Reception {
        &self.reception
    }

    /// Takes the number of NACKs that were sent so far.
    pub(in crate::connection) fn count_nacks(&mut self, nacks: u64) {
        self.reception.nacks = nacks;
    }

    pub(super) fn take_sender_report(&mut self, info: &SenderInfo) {
        self.reception.sent = Some((info.sender_packet_count, info.sender_octet_count));
        self.reception.sender_reports += 1;
    }

    pub(super) fn receive(&mut self, packet: &RtpPacket, now: Instant) {
        let header = &packet.header;
        self.reception.count(packet, now);
        let state = self.transceiver.state();
        let receiver = &state.receiver;
        if receiver.forbidden || receiver.payload_type != Some(*header.payload_type) {
            return;
        }
        let Some(MediaStreamTrack::Audio(track)) = receiver.track.clone() else { return };
        drop(state);
        if let AudioOrigin::Remote(remote) = track.origin()
            && track.enabled()
        {
            let packet = AudioPacket {
                ssrc: *header.ssrc,
                sequence: in_order(*packet.seq_no),
                time: packet.time.numer(),
                payload: packet.payload.clone(),
            };
            remote.receive(&packet, now);
        }
    }
}

impl Reception {
    /// Expected and not received; negative with duplicates.
    pub(in crate::connection) fn lost(&self) -> i64 {
        let expected = self.sequences.map_or(0, |(first, highest)| highest - first + 1);
        expected.cast_signed() - self.packets.cast_signed()
    }

    /// The interarrival jitter of RFC 3550, in seconds.
    pub(in crate::connection) fn jitter(&self) -> f64 {
        self.jitter / f64::from(RTP_CLOCK_RATE)
    }

    fn count(&mut self, packet: &RtpPacket, now: Instant) {
        self.packets += 1;
        self.payload_bytes += packet.payload.len() as u64;
        self.header_bytes += packet.header.header_len as u64;
        self.place(in_order(*packet.seq_no), packet.time.numer(), now);
    }

    /// Takes a packet's sequence number, and its time, which goes on below zero as well.
    fn place(&mut self, sequence: u64, time: u64, now: Instant) {
        let (first, highest) = self.sequences.unwrap_or((sequence, sequence));
        self.sequences = Some((first.min(sequence), highest.max(sequence)));
        if let Some(last) = self.last_arrival.replace(now) {
            let elapsed = now.saturating_duration_since(last).as_secs_f64() * f64::from(RTP_CLOCK_RATE);
            let difference = elapsed - time.wrapping_sub(self.last_time).cast_signed() as f64;
            self.jitter += (difference.abs() - self.jitter) / 16.0;
        }
        self.last_time = time;
    }
}

/// A sequence number so far above zero that nothing is below: where a packet is late that is older than the first, numbers are
/// counted on below zero, which is nearly the greatest.
fn in_order(sequence: u64) -> u64 {
    sequence.wrapping_add(1 << 63)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_packet_that_is_older_than_the_first_and_late_is_one_more() {
        let start = Instant::now();
        let mut reception = Reception::default();
        // As they are counted on from 0 for the first.
        let before = (u64::MAX, 960_u64.wrapping_neg());
        for (arrived, (sequence, time)) in [(0, (0, 0)), (20, before), (40, (1, 960))] {
            reception.packets += 1;
            reception.place(in_order(sequence), time, start + Duration::from_millis(arrived));
        }
        assert_eq!(reception.lost(), 0);
        // 20 ms apart, and 40 by their times: 1,920 ticks of difference, then 960, a sixteenth of which counts each time.
        assert!((reception.jitter - 172.5).abs() < 0.1, "{}", reception.jitter);
    }
}
