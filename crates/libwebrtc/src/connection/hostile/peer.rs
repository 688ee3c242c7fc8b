//! What a peer sends when the connection is open: both ends are there, joined by a link whose datagrams hide nothing.

use std::time::Duration;

use crate::crypto::plain::{DATA, TAG};
use crate::data_channel::{DataChannelInit, DataChannelState};
use crate::fuzzing::Bytes;
use crate::stats::RtcStats;

use super::super::tests::link::Link;
use super::super::tests::voice::Call;

/// Ends of the link.
const PEER: usize = 0;
const OURS: usize = 1;
/// Longest that the ends take to be ready for each other.
const PATIENCE: Duration = Duration::from_secs(10);
/// Sound that is handed out beyond the time that has passed: the jitter buffer's.
const AHEAD: Duration = Duration::from_secs(1);
/// An SCTP packet's ports, verification tag and checksum.
const SCTP_HEADER: usize = 12;

/// Packets of RTP and RTCP, for the end that receives audio and for the end that sends it.
///
/// # Panics
/// When more sound is handed out than time has passed.
pub(crate) fn media(bytes: &[u8]) {
    drop(after_media(bytes));
}

fn after_media(bytes: &[u8]) -> Link {
    let mut link = Link::in_plain(1);
    let mut call = Call::start(&mut link, str::to_owned);
    let mut bytes = Bytes(bytes);
    let began = link.now;
    let mut reports = 0_u32;
    while !bytes.is_empty() {
        let wait = Duration::from_millis(u64::from(bytes.byte()));
        let length = usize::from(bytes.short() % 1_200);
        let mut packet = bytes.take(length).to_vec();
        for end in [PEER, OURS] {
            name_stream(&mut packet, ssrc(&link));
            let datagram = if is_report(&packet) {
                reports += 1;
                // Each has a number of its own, and says that it is encrypted.
                [&packet[..], &[0; TAG], &(1 << 31 | reports).to_be_bytes()].concat()
            } else {
                [&packet[..], &[0; TAG]].concat()
            };
            deliver(&mut link, end, &datagram);
        }
        call.listen(&mut link, wait);
        let passed = link.now.duration_since(began) + AHEAD;
        assert!(call.duration() <= passed, "{:?} of sound in {passed:?}", call.duration());
    }
    link
}

/// Chunks of SCTP, in an association that is open and has a data channel.
///
/// # Panics
/// When the peer has more channels open than it may have.
pub(crate) fn channels(bytes: &[u8]) {
    drop(after_chunks(bytes));
}

fn after_chunks(bytes: &[u8]) -> Link {
    let mut link = Link::in_plain(1);
    let channel = link.ends[PEER].open_channel("_reliable", DataChannelInit::default());
    link.negotiate(None);
    let mut association = Association::default();
    for _ in 0..PATIENCE.as_millis() {
        if association.is_known() {
            break;
        }
        link.run(Duration::from_millis(1));
        association.follow(&link);
        if channel.state() == DataChannelState::Open {
            drop(channel.send(&[1], true));
        }
    }
    let mut bytes = Bytes(bytes);
    while !bytes.is_empty() {
        let wait = Duration::from_millis(u64::from(bytes.byte()) * 4);
        let length = usize::from(bytes.short() % 1_200);
        let datagram = association.packet(bytes.take(length));
        deliver(&mut link, OURS, &datagram);
        link.run(wait);
        let open = link.ends[OURS].channels.iter();
        let open = open.filter(|channel| channel.state() == DataChannelState::Open).count();
        assert!(open <= 32, "{open} channels of the peer");
    }
    link
}

fn deliver(link: &mut Link, end: usize, datagram: &[u8]) {
    let (from, to, now) = (link.ends[1 - end].address(), link.ends[end].address(), link.now);
    link.ends[end].receive(from, to, datagram, now);
}

/// The stream that is sent.
fn ssrc(link: &Link) -> u32 {
    let reports = link.ends[PEER].statistics(link.now);
    let sent = reports.iter().find_map(|report| match report {
        RtcStats::OutboundRtp(sent) => Some(sent.stream.ssrc),
        _ => None,
    });
    sent.unwrap_or_default()
}

fn is_report(packet: &[u8]) -> bool {
    packet.get(1).is_some_and(|kind| (64..96).contains(&(kind & 0x7f)))
}

/// Puts the stream's number, which is made up for each connection, in the place of each zero where one can be.
fn name_stream(packet: &mut [u8], ssrc: u32) {
    let places: &[usize] = if is_report(packet) { &[4, 8, 28] } else { &[8] };
    for place in places {
        if let Some(number) = packet.get_mut(*place..place + 4).filter(|number| **number == [0; 4]) {
            number.copy_from_slice(&ssrc.to_be_bytes());
        }
    }
}

/// What both ends made up for their association: whoever has joined it knows them.
#[derive(Default)]
struct Association {
    /// Ports, and the tag by which our end knows the association.
    header: Vec<u8>,
    /// The number of the last data, of the peer and of ours.
    sent: Option<u32>,
    received: Option<u32>,
}

impl Association {
    fn is_known(&self) -> bool {
        self.sent.is_some() && self.received.is_some()
    }

    fn follow(&mut self, link: &Link) {
        if let Some((header, number)) = data(&link.ends[OURS].last) {
            self.header = header.to_vec();
            self.sent = Some(number);
        }
        if let Some((_, number)) = data(&link.ends[PEER].last) {
            self.received = Some(number);
        }
    }

    /// The chunks as a packet that is taken: numbers of data count from those that are due.
    fn packet(&self, chunks: &[u8]) -> Vec<u8> {
        let mut chunks = chunks.to_vec();
        let mut at = 0;
        while let Some(&[kind, _, high, low]) = chunks.get(at..at + 4) {
            let base = match kind {
                // Data, forward TSN, data in interleaved messages.
                0 | 64 | 192 => self.sent,
                // A selective acknowledgement.
                3 => self.received,
                _ => None,
            };
            if let (Some(base), Some(number)) = (base, chunks.get_mut(at + 4..at + 8)) {
                let counted = number.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
                number.copy_from_slice(&base.wrapping_add(counted).to_be_bytes());
            }
            at += usize::from(u16::from_be_bytes([high, low])).max(4).next_multiple_of(4);
        }
        let mut packet = [&self.header[..], &[0; 4], &chunks].concat();
        let sum = crc32c(&packet).to_le_bytes();
        if let Some(place) = packet.get_mut(SCTP_HEADER - 4..SCTP_HEADER) {
            place.copy_from_slice(&sum);
        }
        [&[DATA], &packet[..]].concat()
    }
}

/// Ports and tag of a datagram whose first chunk has data, and the data's number.
fn data(datagram: &[u8]) -> Option<(&[u8], u32)> {
    let (DATA, packet) = datagram.split_first().map(|(first, packet)| (*first, packet))? else { return None };
    let (header, chunk) = packet.split_at_checked(SCTP_HEADER)?;
    let number = chunk.get(4..8)?.try_into().ok()?;
    (chunk[0] == 0).then(|| (&header[..8], u32::from_be_bytes(number)))
}

/// The checksum of SCTP (RFC 9260, appendix A).
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn what_a_peer_sends_arrives() {
        let link = after_media(include_bytes!("../../../../../fuzz/seeds/media/rtp"));
        let reports = link.ends[OURS].statistics(link.now);
        let received = reports.iter().find_map(|report| match report {
            RtcStats::InboundRtp(inbound) => Some(inbound.received.packets_received),
            _ => None,
        });
        assert!(received.is_some_and(|packets| packets > 0), "{received:?}");

        let link = after_chunks(include_bytes!("../../../../../fuzz/seeds/channels/message"));
        let messages = Arc::new(Mutex::new(Vec::new()));
        let inbox = messages.clone();
        let channel = &link.ends[OURS].channels[0];
        channel.set_on_message(Some(Box::new(move |message| inbox.lock().push(message.data.to_vec()))));
        // Before these the peer has sent some of its own.
        assert!(messages.lock().ends_with(&[b"hello".to_vec(), b"bytes".to_vec(), Vec::new()]));
    }
}
