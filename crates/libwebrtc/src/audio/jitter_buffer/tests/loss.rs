//! Networks that lose packets.

use super::network::*;
use super::signal::*;
use crate::audio::packet::AudioPacket;

/// Plays `seconds` of speech of which `lost` says what is lost.
fn lose(seconds: f64, fec: bool, mut lost: impl FnMut(u32) -> bool) -> (Listener, Vec<i16>) {
    let packets = encode(&speech(seconds), fec);
    let arrivals = arrivals(&packets, |index| (!lost(index)).then_some(ms(0)));
    (Listener::hear(&arrivals, ms((seconds * 1000.0) as u64)), decode(&packets))
}

fn assert_complete(listener: &Listener, samples: &[i16], per_cent: usize) {
    let covered = samples.len() * 1000 / RATE;
    assert!(listener.milliseconds().abs_diff(covered) * 100 <= covered);
    let (heard, said) = (audible(&listener.samples), audible(samples));
    assert!(heard.abs_diff(said) * 100 <= said * per_cent, "{heard} ms of {said} ms are heard");
}

#[test]
fn at_10_per_cent_loss_speech_keeps_its_length() {
    let mut random = Random(1);
    let (listener, samples) = lose(20.0, false, |_| random.below(100) < 10);
    assert_complete(&listener, &samples, 1);
    let statistics = listener.statistics();
    let concealed = statistics.concealed_samples as f64 / statistics.total_samples_received as f64;
    assert!((0.07..0.14).contains(&concealed), "{concealed} is made up");
    assert!((45..110).contains(&statistics.concealment_events), "{statistics:?}");
    assert_eq!((statistics.packets_discarded, statistics.fec_packets_received), (0, 0));
    assert!(listener.delay_ms() <= 36, "{} ms", listener.delay_ms());
}

#[test]
fn forward_error_correction_brings_single_losses_back() {
    let mut random = Random(1);
    let (listener, samples) = lose(20.0, true, |_| random.below(100) < 10);
    // Where the end of a word is lost the codec goes on a little.
    assert_complete(&listener, &samples, 2);
    let statistics = listener.statistics();
    let concealed = statistics.concealed_samples as f64 / statistics.total_samples_received as f64;
    // Losses in pauses have no correction.
    assert!(concealed < 0.06, "{concealed} is made up");
    let used = statistics.fec_packets_received - statistics.fec_packets_discarded;
    assert!((35..100).contains(&used), "{statistics:?}");
    assert!(listener.delay_ms() <= 46, "{} ms", listener.delay_ms());
}

#[test]
fn at_30_per_cent_loss_speech_keeps_its_length_and_recovers_after() {
    for fec in [false, true] {
        let mut random = Random(2);
        let (listener, samples) = lose(20.0, fec, |index| index < 500 && random.below(100) < 30);
        assert_complete(&listener, &samples, 3);
        let second_half = listener.samples.len() / 2 + RATE / 2;
        let (heard, said) = (audible(&listener.samples[second_half..]), audible(&samples[second_half..]));
        assert!(heard.abs_diff(said) <= 40, "{heard} ms of {said} ms are heard after the loss");
        assert!(listener.delay_ms() <= 46, "{} ms", listener.delay_ms());
    }
}

#[test]
fn a_long_loss_fades_to_silence_and_ends_without_a_click() {
    let packets = encode(&tone(440.0, 3.0), false);
    let arrivals = arrivals(&packets, |index| (!(50..75).contains(&index)).then_some(ms(0)));
    let listener = Listener::hear(&arrivals, ms(3_000));
    assert!((3_000..=3_020).contains(&listener.milliseconds()));
    let at = |milliseconds: usize| &listener.samples[milliseconds * RATE / 1000..];
    assert!(at(1_125)[..370 * RATE / 1000].iter().all(|sample| *sample == 0));
    let made_up = audible(&at(1_000)[..500 * RATE / 1000]);
    assert!((60..=120).contains(&made_up), "{made_up} ms");
    let step = |samples: &[i16]| samples.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max();
    assert!(step(&at(990)[..RATE]) <= step(&at(200)[..RATE / 2]).map(|step| step + 300));
    let statistics = listener.statistics();
    assert_eq!(statistics.concealment_events, 1);
    assert_eq!(statistics.concealed_samples, RATE as u64 / 2);
    assert!((5_900..=6_200).contains(&statistics.silent_concealed_samples), "{statistics:?}");
}

#[test]
fn retransmissions_are_waited_for_once_they_are_known_to_come() {
    let samples = speech(20.0);
    let mut random = Random(3);
    // One in ten is lost and comes again 90 ms later.
    let arrivals =
        arrivals(&encode(&samples, false), |_| Some(ms(if random.below(100) < 10 { 90 } else { 0 })));
    let mut listener = Listener::new(RATE as u32, 1);
    let mut learnt = None;
    for (at, packet) in &arrivals {
        listener.receive(packet, *at);
        if *at >= ms(5_000) {
            learnt.get_or_insert(*listener.statistics());
        }
    }
    let learnt = learnt.expect("five seconds");
    assert!((90..=100).contains(&listener.target_ms()), "{} ms", listener.target_ms());
    assert_eq!(listener.statistics().packets_discarded, learnt.packets_discarded);
    assert_eq!(listener.statistics().concealment_events, learnt.concealment_events);
    assert!(learnt.packets_discarded < 12, "{learnt:?}");
    listener.run(ms(20_200));
    let (heard, said) = (audible(&listener.samples), audible(&samples));
    assert!(heard.abs_diff(said) * 100 <= said * 2, "{heard} ms of {said} ms are heard");
}

#[test]
fn a_packet_is_played_or_dropped_and_never_both() {
    let packets = encode(&tone(440.0, 2.0), false);
    // Number 20 is missing while others come, and turns up later.
    let arrivals = arrivals(&packets, |index| Some(ms(if index == 20 { 70 } else { 0 })));
    let listener = Listener::hear(&arrivals, ms(2_000));
    let statistics = listener.statistics();
    assert_eq!((statistics.packets_discarded, statistics.concealment_events), (1, 1));
    assert_eq!(statistics.concealed_samples, RATE as u64 / 50);
    assert_eq!(statistics.jitter_buffer_emitted_count, 2 * RATE as u64 - RATE as u64 / 50);
    assert!(listener.milliseconds() <= 2_000);
}

#[test]
fn a_malformed_payload_is_a_loss() {
    let mut packets = encode(&tone(440.0, 1.0), false);
    for (index, payload) in [(10, &[][..]), (20, &[0xff; 3]), (30, &[0x4b, 0x7f])] {
        packets[index] = AudioPacket { payload: payload.into(), ..packets[index].clone() };
    }
    let listener = Listener::hear(&arrivals(&packets, |_| Some(ms(0))), ms(1_000));
    assert!((1_000..=1_020).contains(&listener.milliseconds()));
    assert!(listener.statistics().concealed_samples >= 3 * RATE as u64 / 50);
}
