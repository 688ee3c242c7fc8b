//! Networks that do nothing wrong.

use super::network::*;
use super::signal::*;
use super::*;
use crate::audio::opus_format::{EncoderSettings, OpusFormat};

#[test]
fn in_order_the_decoded_samples_come_at_once_and_untouched() {
    let packets = encode(&tone(440.0, 4.0), false);
    let arrivals = arrivals(&packets, |index| Some(ms(u64::from(index % 3))));
    let listener = Listener::hear(&arrivals, ms(4_000));
    assert!(listener.samples == decode(&packets));
    let statistics = listener.statistics();
    assert_eq!(statistics.total_samples_received, 4 * RATE as u64);
    assert_eq!(statistics.jitter_buffer_emitted_count, 4 * RATE as u64);
    assert_eq!((statistics.concealed_samples, listener.timeouts), (0, 0));
    assert!(statistics.jitter_buffer_delay < 0.001);
    assert!((statistics.jitter_buffer_target_delay / (4.0 * RATE as f64) - 0.02).abs() < 1e-6);
    assert!((statistics.total_samples_duration - 4.0).abs() < 1e-9);
    assert!((statistics.audio_level - 8_000.0 / 32_768.0 / 2f64.sqrt()).abs() < 0.005);
    assert!((statistics.total_audio_energy - 4.0 * 0.0298).abs() < 0.005);
    let ratio = median(signal_to_noise(&listener.samples, 440.0, RATE));
    assert!(ratio > 40.0, "{ratio} dB");
}

#[test]
fn packets_of_any_length_in_stereo_are_played_at_their_pace() {
    for frame_ms in [5, 10, 20, 40, 60] {
        let format = OpusFormat { stereo: true, ..OpusFormat::default() };
        let mut encoder = encoder(48_000, 2, EncoderSettings { bitrate: 96_000, expected_loss: 0, format });
        let mut listener = Listener::new(24_000, 2);
        let mut payload = [0; 1275];
        for index in 0..2_000 / frame_ms {
            let frames = frame_ms * 48;
            let sample = |n: u64| {
                let seconds = (index * frames + n) as f64 / 48_000.0;
                (8_000.0 * (seconds * 440.0 * std::f64::consts::TAU).sin()) as i16
            };
            let samples: Vec<i16> = (0..frames).flat_map(|n| [sample(n), 0]).collect();
            let length = encoder.encode(&samples, &mut payload).expect("encode");
            let (sequence, time) = (index, index * frames);
            let packet = AudioPacket { ssrc: 1, sequence, time, payload: payload[..length].into() };
            listener.receive(&packet, ms(index * frame_ms));
        }
        listener.run(ms(1_980));
        assert_eq!(listener.statistics().concealed_samples, 0, "{frame_ms} ms");
        let left: Vec<i16> = listener.samples.iter().step_by(2).copied().collect();
        let ratio = median(signal_to_noise(&left, 440.0, 24_000));
        assert!(ratio > 30.0, "{frame_ms} ms: {ratio} dB");
    }
}

#[test]
fn a_rate_opus_does_not_have_keeps_its_pace_and_quality() {
    let packets = encode(&tone(440.0, 4.0), false);
    let mut listener = Listener::new(44_100, 2);
    for (at, packet) in arrivals(&packets, |_| Some(ms(0))) {
        listener.receive(&packet, at);
    }
    let left: Vec<i16> = listener.samples.iter().step_by(2).copied().collect();
    let ratio = median(signal_to_noise(&left, 440.0, 44_100));
    assert!(ratio > 40.0, "{ratio} dB");
}

#[test]
fn a_pause_of_the_sender_is_silence_of_the_same_length() {
    let mut samples = tone(440.0, 1.0);
    samples.extend(vec![0; 4 * RATE]);
    samples.extend(tone(440.0, 1.0));
    let packets = encode(&samples, false);
    let mut sequence = 0;
    let mut arrivals = arrivals(&packets, |index| {
        // Some packets of silence, then one each 400 ms.
        let paused = (60..250).contains(&index) && index % 20 != 0;
        (!paused).then_some(ms(0))
    });
    for (_, packet) in &mut arrivals {
        sequence += 1;
        packet.sequence = sequence;
    }
    let listener = Listener::hear(&arrivals, ms(6_000));
    assert!((6_000..=6_020).contains(&listener.milliseconds()), "{} ms", listener.milliseconds());
    let loud_again = listener.samples[2 * RATE..].iter().position(|sample| sample.abs() > 2_000);
    let loud_again = loud_again.expect("the second tone") * 1000 / RATE;
    assert!((2_995..=3_010).contains(&loud_again), "after {loud_again} ms");
    let statistics = listener.statistics();
    assert_eq!(statistics.concealed_samples, statistics.silent_concealed_samples);
    assert_eq!((statistics.concealment_events, statistics.packets_discarded), (0, 0));
    assert!((3_500..3_800).contains(&(statistics.silent_concealed_samples as usize * 1000 / RATE)));
    assert!(audible(&listener.samples).abs_diff(audible(&samples)) <= 10);
}

#[test]
fn a_speaker_who_is_cut_off_is_not_continued() {
    // In the middle of a word, with every third packet of the silence after it: the codec's own concealment roars here.
    let mut samples = speech(1.05);
    samples.extend(vec![0; RATE]);
    let mut packets = encode(&samples, true);
    packets.truncate(70);
    let mut arrivals = arrivals(&packets, |index| (index < 53 || index % 3 == 0).then_some(ms(0)));
    for ((_, packet), sequence) in arrivals.iter_mut().zip(1_000..) {
        packet.sequence = sequence;
    }
    let listener = Listener::hear(&arrivals, ms(2_000));
    assert!(audible(&listener.samples[..RATE]) > 500);
    let after = audible(&listener.samples[RATE * 115 / 100..]);
    assert_eq!(after, 0, "{after} ms are heard");
}

#[test]
fn without_packets_silence_goes_on_in_real_time_with_few_timers() {
    let packets = encode(&tone(440.0, 0.2), false);
    let mut listener = Listener::new(RATE as u32, 1);
    for (at, packet) in arrivals(&packets, |_| Some(ms(0))) {
        listener.receive(&packet, at);
    }
    listener.run(ms(2_000));
    let timeouts = listener.timeouts;
    listener.run(ms(62_000));
    assert!((61_900..=62_000).contains(&listener.milliseconds()), "{} ms", listener.milliseconds());
    assert!((590..=610).contains(&(listener.timeouts - timeouts)), "{} timers", listener.timeouts - timeouts);
    assert!(audible(&listener.samples[RATE..]) == 0);

    // A track that was muted goes on where its clock says, or where it stopped: at once in either case.
    for (time, expected) in [(62_010 * 48, 0..30), (10_000, 0..30)] {
        let packets = encode(&tone(440.0, 0.4), false);
        let before = listener.samples.len();
        let start = ms(listener.milliseconds() as u64 + 50);
        for (packet, index) in packets.into_iter().zip(0..) {
            let sequence = 2_000 + time + u64::from(index);
            let packet = AudioPacket { sequence, time: 50_000 + time + u64::from(index) * 960, ..packet };
            listener.receive(&packet, start + FRAME * index);
        }
        let heard = audible(&listener.samples[before..]);
        assert!((370..=405).contains(&heard), "{heard} ms");
        let delay = listener.delay_ms();
        assert!(expected.contains(&delay), "{delay} ms");
        listener.run(start + ms(2_000));
    }
}
