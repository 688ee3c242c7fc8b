//! Senders that start anew.

use super::network::*;
use super::signal::*;
use crate::audio::packet::AudioPacket;

/// A second of a tone, then another one with what `change` makes of its packets.
fn change(change: impl Fn(AudioPacket) -> AudioPacket) -> Listener {
    let packets = encode(&tone(440.0, 1.0), false);
    let changed = packets.iter().cloned().map(change);
    let both: Vec<_> = packets.iter().cloned().chain(changed).collect();
    Listener::hear(&arrivals(&both, |_| Some(ms(0))), ms(2_000))
}

fn assert_heard_in_whole(listener: &Listener) {
    let statistics = listener.statistics();
    assert!((2_000..=2_020).contains(&listener.milliseconds()), "{} ms", listener.milliseconds());
    assert_eq!((statistics.packets_discarded, statistics.concealment_events), (0, 0), "{statistics:?}");
    assert!(audible(&listener.samples) >= 1_970, "{} ms are heard", audible(&listener.samples));
    assert!(listener.delay_ms() <= 36, "{} ms", listener.delay_ms());
}

#[test]
fn another_sender_is_heard_whatever_it_counts_from() {
    let change_ssrc = |sequence: u64, time: u64| {
        change(move |packet| AudioPacket {
            ssrc: 2,
            sequence: packet.sequence - 1_000 + sequence,
            time: packet.time - 50_000 + time,
            ..packet
        })
    };
    assert_heard_in_whole(&change_ssrc(10, 0));
    assert_heard_in_whole(&change_ssrc(1 << 40, u64::from(u32::MAX)));
}

#[test]
fn a_jump_of_the_time_line_is_not_filled() {
    let jump = |by: i64| {
        change(move |packet| AudioPacket {
            sequence: packet.sequence + 50,
            time: packet.time.wrapping_add_signed(48_000).wrapping_add_signed(by),
            ..packet
        })
    };
    for by in [48_000 * 3_600, 48_000 * 2, -(48_000 * 3_600), i64::MAX, i64::MIN] {
        assert_heard_in_whole(&jump(by));
    }
}

#[test]
fn a_sender_that_counts_its_packets_anew_is_heard() {
    let listener = change(|packet| AudioPacket {
        sequence: packet.sequence.saturating_sub(1_000),
        time: packet.time + 48_000,
        ..packet
    });
    // So near below they are taken for late ones, for a while.
    assert_eq!(listener.statistics().packets_discarded, 20);
    assert!(audible(&listener.samples) >= 1_550, "{} ms are heard", audible(&listener.samples));
    let packets = encode(&tone(440.0, 1.0), false);
    let far = |packet: &AudioPacket| AudioPacket { sequence: packet.sequence + 50_000, ..packet.clone() };
    let both: Vec<_> = packets.iter().map(far).chain(packets.iter().cloned()).collect();
    let listener = Listener::hear(&arrivals(&both, |_| Some(ms(0))), ms(2_000));
    assert_heard_in_whole(&listener);
}
