use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::opus::Encoder;
use super::*;

const FRAME: Duration = Duration::from_millis(20);

/// Packets of a 440 Hz tone, 20 ms each.
fn tone(count: u64) -> Vec<AudioPacket> {
    let mut encoder = Encoder::new(16_000, 1).expect("make encoder");
    (0..count)
        .map(|index| {
            let sample = |n: u64| {
                let seconds = (index * 320 + n) as f64 / 16_000.0;
                (8_000.0 * (seconds * 440.0 * std::f64::consts::TAU).sin()) as i16
            };
            let samples: Vec<i16> = (0..320).map(sample).collect();
            let mut payload = [0; 400];
            let length = encoder.encode(&samples, &mut payload).expect("encode");
            AudioPacket {
                ssrc: 1,
                sequence: 1000 + index,
                time: 50_000 + index * 960,
                payload: Arc::from(&payload[..length]),
            }
        })
        .collect()
}

/// Runs the stream's timers up to `until`.
fn run(playout: &mut Playout, until: Instant) {
    while let Some(timeout) = playout.next_timeout().filter(|timeout| *timeout <= until) {
        playout.handle_timeout(timeout);
    }
}

fn milliseconds(playout: &Playout) -> u64 {
    playout.samples.len() as u64 / 16
}

#[test]
fn packets_in_order_are_played_at_once() {
    let mut playout = Playout::new(16_000, 1).expect("make playout");
    let start = Instant::now();
    for (packet, index) in tone(50).into_iter().zip(0..) {
        playout.receive(packet, start + FRAME * index);
        assert_eq!(milliseconds(&playout), 20 * (u64::from(index) + 1));
    }
}

#[test]
fn reordered_packets_are_played_in_order_and_lost_ones_are_concealed() {
    let mut playout = Playout::new(16_000, 1).expect("make playout");
    let mut packets = tone(20);
    packets.swap(4, 6);
    packets.remove(10);
    let start = Instant::now();
    for (packet, index) in packets.into_iter().zip(0..) {
        let now = start + FRAME * index;
        run(&mut playout, now);
        playout.receive(packet, now);
    }
    run(&mut playout, start + FRAME * 19);
    assert_eq!(milliseconds(&playout), 400);
    let energy = level::measure(&playout.samples).decibels;
    assert!((-18..=-12).contains(&energy), "{energy} dB");
}

#[test]
fn late_packets_are_played_and_the_time_made_up_is_paid_back() {
    let mut playout = Playout::new(16_000, 1).expect("make playout");
    let mut packets = tone(40);
    // Then the sender is silent.
    let mut encoder = Encoder::new(16_000, 1).expect("make encoder");
    for index in 40..120 {
        let mut payload = [0; 400];
        let length = encoder.encode(&[0; 320], &mut payload).expect("encode");
        packets.push(AudioPacket {
            ssrc: 1,
            sequence: 1000 + index,
            time: 50_000 + index * 960,
            payload: Arc::from(&payload[..length]),
        });
    }
    let start = Instant::now();
    for (packet, index) in packets.into_iter().zip(0..) {
        // From the tenth on everything is held up for half a second.
        let delay = if (10..35).contains(&index) { FRAME * (35 - index) } else { Duration::ZERO };
        let now = start + FRAME * index + delay;
        run(&mut playout, now);
        playout.receive(packet, now);
    }
    assert_eq!(playout.debt, 0);
    assert_eq!(milliseconds(&playout), 120 * 20);
    // All of the tone is there: 40 frames of it.
    let loud = playout.samples.chunks(320).filter(|frame| level::measure(frame).decibels > -20).count();
    assert!((40..=46).contains(&loud), "{loud} loud frames");
}

#[test]
fn a_pause_of_the_sender_becomes_silence_of_the_same_length() {
    let mut playout = Playout::new(16_000, 1).expect("make playout");
    let packets = tone(100);
    let start = Instant::now();
    for (packet, index) in packets.into_iter().zip(0..) {
        if (20..70).contains(&index) {
            continue;
        }
        let now = start + FRAME * index;
        // The sender counts its packets on over a pause.
        let sequence = if index >= 70 { packet.sequence - 50 } else { packet.sequence };
        run(&mut playout, now);
        playout.receive(AudioPacket { sequence, ..packet }, now);
    }
    assert_eq!(milliseconds(&playout), 2_000);
}

#[test]
fn another_sender_is_heard_though_it_counts_from_below() {
    let mut playout = Playout::new(16_000, 1).expect("make playout");
    let start = Instant::now();
    for (packet, index) in tone(10).into_iter().zip(0..) {
        playout.receive(packet, start + FRAME * index);
    }
    for (packet, index) in tone(10).into_iter().zip(10..) {
        let packet =
            AudioPacket { ssrc: 2, sequence: packet.sequence - 900, time: packet.time / 2, ..packet };
        playout.receive(packet, start + FRAME * index);
    }
    assert_eq!(milliseconds(&playout), 400);
}

#[test]
fn without_packets_silence_follows_the_clock() {
    let mut playout = Playout::new(44_100, 2).expect("make playout");
    let start = Instant::now();
    playout.receive(tone(1).remove(0), start);
    run(&mut playout, start + Duration::from_secs(2));
    let milliseconds = playout.samples.len() as u64 / 2 * 10 / 441;
    assert!((1_850..=1_940).contains(&milliseconds), "{milliseconds} ms");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is lost, late or out of order, the stream is as long as the time it covers.
    #[test]
    fn the_length_of_a_stream_is_the_time_it_covers(
        delays in proptest::collection::vec(prop_oneof![8 => 0u64..30, 1 => 0u64..400, 1 => Just(u64::MAX)], 150),
    ) {
        let mut playout = Playout::new(16_000, 1).expect("make playout");
        let start = Instant::now();
        let mut arrivals: Vec<(Instant, AudioPacket)> = tone(150)
            .into_iter()
            .zip(delays)
            .enumerate()
            .filter(|(index, (_, delay))| *delay != u64::MAX || *index == 0)
            .map(|(index, (packet, delay))| {
                let delay = if index == 0 { 0 } else { delay };
                (start + FRAME * index as u32 + Duration::from_millis(delay), packet)
            })
            .collect();
        arrivals.sort_by_key(|(arrival, _)| *arrival);
        for (arrival, packet) in arrivals {
            run(&mut playout, arrival);
            playout.receive(packet, arrival);
        }
        run(&mut playout, start + FRAME * 150);
        let covered = milliseconds(&playout);
        let owed = playout.debt * 1000 / 48_000;
        prop_assert!((2_850..=3_120).contains(&(covered - owed)), "{covered} ms, {owed} ms of them owed");
    }
}
