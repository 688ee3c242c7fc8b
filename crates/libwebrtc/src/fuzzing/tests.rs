//! Bytes that are nearly right: what belongs there, changed at random places.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;

/// Rounds of what is quick; and of what makes keys for each.
const ROUNDS: u32 = 6_000;
const SLOW_ROUNDS: u32 = 300;
/// Packets of a round.
const PACKETS: usize = 20;

/// Calls `target` with changed copies of sequences of `seeds`, each behind its length, and before it the bytes `head`
/// makes.
fn attack(rounds: u32, seeds: &[Vec<u8>], head: usize, target: impl Fn(&[u8])) {
    let mut random = SmallRng::seed_from_u64(7);
    for _ in 0..rounds {
        let mut bytes: Vec<u8> = vec![random.random(), random.random()];
        let first = random.random_range(0..seeds.len());
        for index in 0..PACKETS {
            let mut packet = seeds[(first + index) % seeds.len()].clone();
            if random.random_bool(0.7) {
                change(&mut packet, &mut random);
            }
            packet.truncate(1_499);
            bytes.extend((0..head).map(|_| random.random::<u8>()));
            bytes.extend((packet.len() as u16).to_be_bytes());
            bytes.extend(packet);
        }
        target(&bytes);
    }
}

fn change(packet: &mut Vec<u8>, random: &mut SmallRng) {
    for _ in 0..random.random_range(1..4) {
        let place = random.random_range(0..=packet.len());
        match random.random_range(0..6) {
            0 => packet.truncate(place),
            1 => packet.insert(place, random.random()),
            2 => *packet = (0..place).map(|_| random.random()).collect(),
            3 => packet.extend_from_within(..place.min(300)),
            // The first bytes say what all others are.
            4 => packet.iter_mut().take(2).for_each(|byte| *byte = random.random()),
            _ => {
                if let Some(byte) = packet.get_mut(place) {
                    *byte ^= 1 << random.random_range(0..8);
                }
            }
        }
    }
}

#[test]
fn no_seed_does_harm() {
    fuzz_seeds::feed(&[
        ("opus", opus),
        ("jitter_buffer", jitter_buffer),
        ("datagrams", datagrams),
        ("media", media),
        ("channels", channels),
        ("servers", servers),
        ("candidates", candidates),
        ("description", description),
    ]);
}

#[test]
fn no_opus_packet_harms_the_decoder() {
    attack(ROUNDS, &crate::audio::hostile::payloads(), 1, opus);
}

#[test]
fn no_packet_harms_the_jitter_buffer() {
    attack(ROUNDS, &crate::audio::hostile::payloads(), 2, jitter_buffer);
}

#[test]
fn no_datagram_harms_a_transport() {
    attack(SLOW_ROUNDS, &datagram_seeds(), 0, datagrams);
}

#[test]
fn no_answer_of_a_server_harms_its_client() {
    attack(ROUNDS, &answer_seeds(), 0, servers);
}

#[test]
fn no_candidate_and_no_description_harms_a_negotiation() {
    let candidate = b"candidate:1 1 udp 2130706431 192.0.2.1 7882 typ host generation 0".to_vec();
    attack(ROUNDS, &[candidate], 0, candidates);
    let offer = OFFER.as_bytes().to_vec();
    attack(ROUNDS, &[offer], 0, |bytes| description(&bytes[4..]));
}

const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-lite\r\n\
    a=fingerprint:sha-256 AB:CD\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n\
    a=setup:actpass\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtcp-fb:111 nack\r\n\
    a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=msid:PA_x TR_y\r\na=ssrc:1 cname:x\r\na=sendrecv\r\n\
    m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\na=sctp-port:5000\r\n";

/// The beginnings of STUN, DTLS, RTP and RTCP, and the whole of what can be.
fn datagram_seeds() -> Vec<Vec<u8>> {
    let stun = |kind: u16, attributes: &[u8]| {
        let mut message = kind.to_be_bytes().to_vec();
        message.extend((attributes.len() as u16).to_be_bytes());
        message.extend([0x21, 0x12, 0xa4, 0x42]);
        message.extend([7; 12]);
        message.extend(attributes);
        message
    };
    // A user name, a priority, an integrity and a fingerprint.
    let check = [
        &[0, 6, 0, 10][..],
        b"here:there\0\0",
        &[0, 0x24, 0, 4, 1, 2, 3, 4],
        &[0, 8, 0, 20],
        &[9; 20],
        &[0x80, 0x28, 0, 4, 5, 6, 7, 8],
    ]
    .concat();
    let record = |kind: u8, body: &[u8]| {
        let mut record = vec![kind, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0];
        record.extend((body.len() as u16).to_be_bytes());
        record.extend(body);
        record
    };
    // A handshake's header: its kind, length, number, and the place and length of this part.
    let handshake = |kind: u8, body: &[u8]| {
        let length = [0, (body.len() >> 8) as u8, body.len() as u8];
        record(22, &[&[kind][..], &length, &[0, 0], &[0; 3], &length, body].concat())
    };
    let hello =
        [&[0xfe, 0xfd][..], &[3; 32], &[0, 0], &[0, 4, 0xc0, 0x2b, 0xc0, 0x2f], &[1, 0], &[0, 0]].concat();
    vec![
        stun(0x0001, &check),
        stun(0x0101, &[0, 0x20, 0, 8, 0, 1, 1, 2, 3, 4, 5, 6]),
        stun(0x0111, &[0, 9, 0, 4, 0, 0, 4, 87]),
        handshake(1, &hello),
        handshake(2, &[&[0xfe, 0xfd][..], &[3; 32], &[0, 0xc0, 0x2b, 0]].concat()),
        handshake(11, &[&[0, 0, 9, 0, 0, 6][..], &[0x30; 6]].concat()),
        handshake(3, &[&[0xfe, 0xfd, 20][..], &[1; 20]].concat()),
        record(20, &[1]),
        record(21, &[2, 40]),
        record(23, &[1; 60]),
        [&[0x80, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1][..], &[5; 40]].concat(),
        [&[0x90, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x10, 5, 0, 0][..], &[5; 40]].concat(),
        [&[0x81, 200, 0, 6, 0, 0, 0, 1][..], &[5; 34]].concat(),
        [&[0x81, 205, 0, 3][..], &[5; 26]].concat(),
    ]
}

/// Of a TURN server: what it asks for, what it gives, and what it passes on.
fn answer_seeds() -> Vec<Vec<u8>> {
    let answer = |kind: u16, attributes: &[u8]| {
        let header = [kind.to_be_bytes(), (attributes.len() as u16).to_be_bytes()].concat();
        [&header, &[0x21, 0x12, 0xa4, 0x42][..], &[7; 12], attributes].concat()
    };
    let log_in = [&[0, 9, 0, 4, 0, 0, 4, 1, 0, 0x14, 0, 4][..], b"home", &[0, 0x15, 0, 4], b"once"].concat();
    let relayed = [0, 0x16, 0, 8, 0, 1, 1, 2, 3, 4, 5, 6, 0, 0x0d, 0, 4, 0, 0, 2, 0x58];
    vec![
        answer(0x0113, &log_in),
        answer(0x0103, &relayed),
        answer(0x0109, &[]),
        answer(0x0104, &relayed[12..]),
        answer(0x0017, &[0, 0x12, 0, 8, 0, 1, 1, 2, 3, 4, 5, 6, 0, 0x13, 0, 4, 1, 2, 3, 4]),
        vec![0x40, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0],
    ]
}
