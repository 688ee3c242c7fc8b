//! Networks that are late.

use super::network::*;
use super::signal::*;

#[test]
fn reordered_packets_and_duplicates_are_put_in_order() {
    let packets = encode(&tone(440.0, 4.0), false);
    // Each tenth is overtaken by the next one; each third comes twice.
    let mut arrivals = arrivals(&packets, |index| Some(ms(if index % 10 == 5 { 25 } else { 5 })));
    let again: Vec<_> =
        arrivals.iter().step_by(3).map(|(at, packet)| (*at + ms(7), packet.clone())).collect();
    arrivals.extend(again);
    arrivals.sort_by_key(|(at, _)| *at);
    let listener = Listener::hear(&arrivals, ms(4_000));
    assert_eq!(listener.statistics().packets_discarded, 0);
    let concealed = listener.statistics().concealed_samples as usize * 1000 / RATE;
    assert!(concealed <= 20, "{concealed} ms");
    assert!(audible(&listener.samples).abs_diff(4_000) <= 20);
    let ratio = median(signal_to_noise(&listener.samples, 440.0, RATE));
    assert!(ratio > 40.0, "{ratio} dB");
}

#[test]
fn the_target_follows_jitter_up_and_down_again() {
    let samples = speech(60.0);
    let mut random = Random(7);
    let arrivals = arrivals(&encode(&samples, false), |index| {
        let jitter = if index < 500 { 80 } else { 2 };
        Some(ms(random.below(jitter)))
    });
    let mut listener = Listener::new(RATE as u32, 1);
    let mut in_jitter = None;
    for (at, packet) in &arrivals {
        listener.receive(packet, *at);
        if in_jitter.is_none() && *at >= ms(10_000) {
            assert!((65..=85).contains(&listener.target_ms()), "target of {} ms", listener.target_ms());
            assert!((55..=110).contains(&listener.delay_ms()), "delay of {} ms", listener.delay_ms());
            in_jitter = Some(*listener.statistics());
        }
    }
    let statistics = listener.statistics();
    let in_jitter = in_jitter.expect("ten seconds");
    // Some, at the beginning; none after.
    assert!(in_jitter.concealed_samples < RATE as u64 / 4, "{in_jitter:?}");
    assert_eq!(statistics.concealed_samples, in_jitter.concealed_samples);
    assert_eq!((listener.target_ms(), statistics.packets_discarded), (20, in_jitter.packets_discarded));
    assert!((8..=36).contains(&listener.delay_ms()), "{} ms", listener.delay_ms());
    assert!(statistics.removed_samples_for_acceleration > 0);
    let (heard, said) = (audible(&listener.samples), audible(&samples));
    assert!(heard.abs_diff(said) * 100 <= said, "{heard} ms of {said} ms are heard");
}

#[test]
fn what_a_spike_held_up_is_played_and_its_delay_is_paid_back() {
    let samples = speech(12.0);
    // Once nothing comes for 300 ms, and then everything at once.
    let arrivals = arrivals(&encode(&samples, false), |index| {
        let late = if (210..225).contains(&index) { (225 - index) * 20 } else { 0 };
        Some(ms(u64::from(late)))
    });
    let mut listener = Listener::new(RATE as u32, 1);
    let mut longest = 0;
    for (at, packet) in &arrivals {
        listener.receive(packet, *at);
        longest = longest.max(listener.delay_ms());
    }
    let statistics = *listener.statistics();
    let left = listener.delay_ms();
    listener.run(ms(12_100));
    assert!((280..=340).contains(&longest), "{longest} ms");
    assert!(left <= 36, "{left} ms of delay are left");
    assert_eq!(statistics.packets_discarded, 0);
    // What was made up goes out again.
    assert_eq!(statistics.concealment_events, 1);
    let removed = statistics.removed_samples_for_acceleration as usize * 1000 / RATE;
    assert!((260..=310).contains(&removed), "{removed} ms");
    let (heard, said) = (audible(&listener.samples), audible(&samples));
    assert!(heard.abs_diff(said) * 100 <= said * 3, "{heard} ms of {said} ms are heard");
}

#[test]
fn in_a_tone_the_delay_is_paid_back_by_an_eighth_at_most_and_without_a_glitch() {
    let packets = encode(&tone(220.0, 6.0), false);
    let arrivals = arrivals(&packets, |index| {
        Some(ms(if (100..110).contains(&index) { u64::from(110 - index) * 20 } else { 0 }))
    });
    let mut listener = Listener::new(RATE as u32, 1);
    let mut removed_before = 0;
    for (at, packet) in &arrivals {
        listener.receive(packet, *at);
        if at.as_millis() % 500 == 0 {
            let removed = listener.statistics().removed_samples_for_acceleration;
            assert!(removed - removed_before <= RATE as u64 / 2 / 7, "too fast");
            removed_before = removed;
        }
    }
    assert!((8..=36).contains(&listener.delay_ms()), "{} ms", listener.delay_ms());
    let after = &listener.samples[RATE * 5 / 2..];
    let glitches = signal_to_noise(after, 220.0, RATE).iter().filter(|ratio| **ratio < 20.0).count();
    assert_eq!(glitches, 0);
}

#[test]
fn a_very_long_delay_is_not_kept() {
    let packets = encode(&speech(10.0), false);
    let arrivals = arrivals(&packets, |index| {
        Some(ms(if index < 100 { 0 } else { (100 + 125u64).saturating_sub(index.into()) * 20 }))
    });
    let mut listener = Listener::new(RATE as u32, 1);
    for (at, packet) in &arrivals {
        listener.receive(packet, *at);
        assert!(listener.delay_ms() < 2_700);
    }
    // Two and a half seconds late: a second of it is played.
    assert!(listener.statistics().packets_discarded >= 60, "{:?}", listener.statistics());
    assert!(listener.delay_ms() < 600, "{} ms", listener.delay_ms());
}

#[test]
fn a_clock_that_drifts_is_followed_without_a_glitch() {
    let packets = encode(&tone(440.0, 300.0), false);
    for parts_per_million in [-200, 200] {
        let mut listener = Listener::new(RATE as u32, 1);
        for (packet, index) in packets.iter().zip(0u64..) {
            let sent = (index as f64 * 20_000.0 * (1.0 + f64::from(parts_per_million) / 1e6)) as u64;
            listener.receive(packet, std::time::Duration::from_micros(sent + index % 2 * 1_000));
        }
        let statistics = listener.statistics();
        assert_eq!((statistics.concealed_samples, statistics.packets_discarded), (0, 0));
        assert!((5..=40).contains(&listener.delay_ms()), "{} ms", listener.delay_ms());
        // 60 ms of five minutes.
        let changed = if parts_per_million < 0 {
            statistics.removed_samples_for_acceleration
        } else {
            statistics.inserted_samples_for_deceleration
        };
        assert!((30..=90).contains(&(changed * 1000 / RATE as u64)), "{statistics:?}");
        let ratios = signal_to_noise(&listener.samples, 440.0, RATE);
        let glitches = ratios.iter().filter(|ratio| **ratio < 20.0).count();
        assert!(glitches <= 1, "{glitches} glitches");
    }
}
