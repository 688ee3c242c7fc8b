//! What comes back of speech and tones, of lost packets, and of packets that are malformed.

use std::f64::consts::TAU;

use proptest::prelude::*;

use crate::audio::opus_format::{EncoderSettings, OpusFormat};

use super::*;

/// Hz of the samples in these tests.
const RATE: u32 = 16_000;
/// Samples of 20 ms.
const FRAME: usize = 320;

/// Something the codec takes for speech: a buzz that swells and fades.
fn speech(frames: usize) -> Vec<i16> {
    let sample = |index: usize| {
        let time = index as f64 / f64::from(RATE);
        let buzz: f64 = (1..20).map(|harmonic| (time * 140.0 * f64::from(harmonic) * TAU).sin() / 5.0).sum();
        (buzz * (time * 3.0 * TAU).sin().abs() * 1500.0) as i16
    };
    (0..frames * FRAME).map(sample).collect()
}

fn encode(encoder: &mut Encoder, samples: &[i16]) -> Vec<Vec<u8>> {
    let mut payload = [0; 1275];
    let frames = samples.chunks(FRAME);
    frames
        .map(|frame| {
            let length = encoder.encode(frame, &mut payload).expect("encode");
            payload[..length].to_vec()
        })
        .collect()
}

fn encoder(channels: u32, bitrate: u32, expected_loss: u8, format: OpusFormat) -> Encoder {
    let mut encoder = Encoder::new(RATE, channels).expect("make encoder");
    encoder.configure(&EncoderSettings { bitrate, expected_loss, format }).expect("configure encoder");
    encoder
}

fn speech_encoder(fec: bool, loss: u8) -> Encoder {
    encoder(1, 24_000, loss, OpusFormat { fec, ..OpusFormat::default() })
}

/// The number of the coding and its bandwidth in the first byte: up to 11 speech, 8 to 11 of it up to 8 kHz, 12 to 15 both,
/// then music.
fn coding(payload: &[u8]) -> u8 {
    payload[0] >> 3
}

fn is_stereo(payload: &[u8]) -> bool {
    payload[0] & 4 != 0
}

/// Signal to noise in dB.
fn likeness(original: &[i16], copy: &[i16]) -> f64 {
    let energy = |samples: &mut dyn Iterator<Item = f64>| samples.map(|sample| sample * sample).sum::<f64>();
    let noise = original.iter().zip(copy).map(|(a, b)| f64::from(*a) - f64::from(*b));
    10.0 * (energy(&mut original.iter().map(|sample| f64::from(*sample))) / energy(&mut { noise })).log10()
}

#[test]
fn a_frame_survives_the_way_there_and_back() {
    let mut encoder = Encoder::new(24_000, 1).expect("make encoder");
    let settings = EncoderSettings { bitrate: 32_000, expected_loss: 0, format: OpusFormat::default() };
    encoder.configure(&settings).expect("configure encoder");
    let mut decoder = Decoder::new(16_000, 2).expect("make decoder");
    let mut payload = [0; 500];
    let mut samples = Vec::new();
    for _ in 0..5 {
        let length = encoder.encode(&[1000; 480], &mut payload).expect("encode");
        assert_eq!(duration(&payload[..length]), Some(960));
        samples.clear();
        decoder.decode(&payload[..length], &mut samples).expect("decode");
        assert_eq!(samples.len(), 320 * 2);
    }
    decoder.conceal(320, &mut samples).expect("conceal");
    assert_eq!(samples.len(), 640 * 2);
}

#[test]
fn the_bitrate_decides_between_speech_and_the_full_band() {
    let speech = speech(50);
    for (bitrate, codings) in [(24_000, 8..=11), (32_000, 8..=11), (48_000, 16..=31)] {
        let payloads = encode(&mut encoder(1, bitrate, 0, OpusFormat::default()), &speech);
        assert!(payloads.iter().all(|payload| codings.contains(&coding(payload))), "{bitrate}");
        let bytes: usize = payloads.iter().map(Vec::len).sum();
        let sent = bytes as f64 * 8.0;
        assert!((0.5..1.1).contains(&(sent / f64::from(bitrate))), "{sent} of {bitrate}");
    }
}

#[test]
fn error_correction_needs_loss_and_a_peer_that_uses_it() {
    let speech = speech(50);
    let corrected = |bitrate, loss, fec| {
        let format = OpusFormat { fec, ..OpusFormat::default() };
        let payloads = encode(&mut encoder(1, bitrate, loss, format), &speech);
        payloads.iter().filter(|payload| has_fec(payload)).count()
    };
    assert!(corrected(24_000, 10, true) > 30 && corrected(48_000, 10, true) > 30);
    assert_eq!(
        (corrected(24_000, 0, true), corrected(48_000, 0, true), corrected(24_000, 10, false)),
        (0, 0, 0)
    );
}

#[test]
fn two_channels_become_one_unless_the_peer_wants_both() {
    let speech: Vec<i16> = speech(20).iter().flat_map(|sample| [*sample, sample / 2]).collect();
    for stereo in [false, true] {
        let format = OpusFormat { stereo, ..OpusFormat::default() };
        let mut encoder = encoder(2, 64_000, 0, format);
        let mut payload = [0; 1275];
        for frame in speech.chunks(2 * FRAME) {
            let length = encoder.encode(frame, &mut payload).expect("encode");
            assert_eq!(is_stereo(&payload[..length]), stereo);
        }
    }
}

#[test]
fn the_peer_can_limit_the_band_and_ask_for_one_length() {
    let format = OpusFormat { constant_bitrate: true, max_playback_rate: 8_000, ..OpusFormat::default() };
    let payloads = encode(&mut encoder(1, 24_000, 0, format), &speech(50));
    assert!(payloads.iter().all(|payload| coding(payload) < 4 && payload.len() == payloads[0].len()));
}

#[test]
fn noise_is_left_out_only_where_that_is_agreed() {
    let mut state = 1_u32;
    let noise: Vec<i16> = (0..100 * FRAME)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 28) as i16 - 8
        })
        .collect();
    let left_out = |dtx| {
        let format = OpusFormat { dtx, ..OpusFormat::default() };
        let payloads = encode(&mut encoder(1, 24_000, 0, format), &noise);
        payloads.iter().filter(|payload| payload.len() <= 2).count()
    };
    assert!(left_out(true) > 50);
    assert_eq!(left_out(false), 0);
}

#[test]
fn packets_tell_whether_they_repeat_the_one_before() {
    let speech = speech(100);
    let with = encode(&mut speech_encoder(true, 20), &speech);
    assert!(with.iter().filter(|payload| has_fec(payload)).count() > 60);
    let without = encode(&mut speech_encoder(false, 20), &speech);
    assert!(!without.iter().any(|payload| has_fec(payload)));
}

#[test]
fn the_flag_is_found_in_every_layout_of_a_packet() {
    // The first byte: narrowband speech of 20 ms (1), 40 ms (2), 60 ms (3), hybrid (13), music (16); stereo; layout.
    let toc = |config: u8, stereo: bool, code: u8| config << 3 | u8::from(stereo) << 2 | code;
    let mono = |config| toc(config, false, 0);
    for (config, flag) in [(1, 0x40), (2, 0x20), (3, 0x10), (13, 0x40)] {
        assert!(has_fec(&[mono(config), flag]), "{config}");
        assert!(!has_fec(&[mono(config), !flag]), "{config}");
    }
    assert!(!has_fec(&[mono(16), 0xff]) && !has_fec(&[mono(1)]) && !has_fec(&[]));
    // In stereo the side channel has activity and flag behind the middle's.
    assert!(has_fec(&[toc(1, true, 0), 0x10]) && !has_fec(&[toc(1, true, 0), !0x50]));
    assert!(has_fec(&[toc(3, true, 0), 0x01]) && !has_fec(&[toc(3, true, 0), !0x11]));
    let two = toc(1, false, 1);
    assert!(has_fec(&[two, 0x40, 0]) && !has_fec(&[two, 0, 0x40]));
    let two_lengths = toc(1, false, 2);
    assert!(has_fec(&[two_lengths, 1, 0x40, 0]) && !has_fec(&[two_lengths, 0, 0x40]));
    let long = [&[two_lengths, 252, 1, 0x40][..], &[0; 255]].concat();
    assert!(has_fec(&long) && !has_fec(&long[..long.len() - 1]));
    let many = toc(1, false, 3);
    assert!(has_fec(&[many, 2, 0x40, 0]) && !has_fec(&[many, 0, 0x40]));
    assert!(has_fec(&[many, 0x80 | 3, 1, 1, 0x40, 0, 0]) && !has_fec(&[many, 0x80 | 3, 0, 1, 0x40]));
    assert!(has_fec(&[many, 0x40 | 1, 2, 0x40, 0, 0]) && !has_fec(&[many, 0x40 | 1, 2, 0x40, 0]));
}

/// The codec's own concealment of speech is at full scale from the first sample.
#[test]
fn speech_that_stops_is_never_louder_than_it_was() {
    let speech = speech(80);
    let loudest = i32::from(speech.iter().copied().max().expect("samples")) * 2;
    for (bitrate, rate) in [(24_000, 16_000), (24_000, 48_000), (48_000, 16_000)] {
        let payloads = encode(&mut encoder(1, bitrate, 0, OpusFormat::default()), &speech);
        let empty = [payloads[0][0] & !3];
        for stop in 20..60 {
            let mut decoder = Decoder::new(rate, 1).expect("make decoder");
            let mut samples = Vec::new();
            for payload in &payloads[..stop] {
                decoder.decode(payload, &mut samples).expect("decode");
            }
            decoder.conceal(rate / 100, &mut samples).expect("conceal");
            decoder.decode_fec(&payloads[stop + 1], rate / 50, &mut samples).expect("conceal");
            decoder.decode(&payloads[stop + 1], &mut samples).expect("decode");
            decoder.decode(&empty, &mut samples).expect("decode");
            decoder.decode(&payloads[stop + 2], &mut samples).expect("decode");
            assert_eq!(samples.len(), (stop + 4) * (rate as usize / 50) + rate as usize / 100);
            let peak = samples.iter().map(|sample| i32::from(*sample).abs()).max().expect("samples");
            assert!(peak < loudest, "{peak} at {rate} Hz after {stop} packets");
        }
    }
}

#[test]
fn a_change_from_speech_to_music_is_not_heard() {
    let speech = speech(80);
    let low = encode(&mut encoder(1, 24_000, 0, OpusFormat::default()), &speech);
    let high = encode(&mut encoder(1, 64_000, 0, OpusFormat::default()), &speech);
    let loudest = i32::from(speech.iter().copied().max().expect("samples")) * 2;
    let mut decoder = Decoder::new(16_000, 1).expect("make decoder");
    let mut samples = Vec::new();
    for index in 0..80 {
        let payload = if index % 4 < 2 { &low[index] } else { &high[index] };
        decoder.decode(payload, &mut samples).expect("decode");
    }
    let peak = samples.iter().map(|sample| i32::from(*sample).abs()).max().expect("samples");
    assert!(peak < loudest, "{peak}");
}

#[test]
fn a_lost_packet_comes_back_from_the_next_one() {
    let payloads = encode(&mut speech_encoder(true, 20), &speech(60));
    let lost = (30..50).find(|index| has_fec(&payloads[index + 1])).expect("a packet that repeats another");
    let mut samples = [Vec::new(), Vec::new(), Vec::new()];
    let [complete, concealed, corrected] = &mut samples;
    let mut decoders = [(); 3].map(|()| Decoder::new(RATE, 1).expect("make decoder"));
    for payload in &payloads[..lost] {
        for decoder in &mut decoders {
            decoder.decode(payload, &mut Vec::new()).expect("decode");
        }
    }
    let [first, second, third] = &mut decoders;
    first.decode(&payloads[lost], complete).expect("decode");
    second.conceal(FRAME as u32, concealed).expect("conceal");
    third.decode_fec(&payloads[lost + 1], FRAME as u32, corrected).expect("decode");
    assert_eq!(corrected.len(), FRAME);
    let (corrected, concealed) = (likeness(complete, corrected), likeness(complete, concealed));
    assert!(corrected > concealed + 3.0 && corrected > 5.0, "{corrected} dB and {concealed} dB");
}

proptest! {
    #[test]
    fn any_payload_is_decoded_or_refused(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut decoder = Decoder::new(48_000, 1).expect("make decoder");
        let mut samples = Vec::new();
        if decoder.decode(&payload, &mut samples).is_err() {
            prop_assert!(samples.is_empty());
        }
        prop_assert!(samples.len() <= 5760);
        samples.clear();
        if decoder.decode_fec(&payload, 960, &mut samples).is_ok() {
            prop_assert_eq!(samples.len(), 960);
        }
        has_fec(&payload);
    }
}
