use std::f64::consts::TAU;

use proptest::prelude::*;

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
        (buzz * (time * 3.0 * TAU).sin().abs() * 8000.0) as i16
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

fn speech_encoder(fec: bool, loss: u8) -> Encoder {
    let mut encoder = Encoder::new(RATE, 1).expect("make encoder");
    encoder.set_bitrate(24_000).expect("set bitrate");
    encoder.set_fec(fec, loss).expect("set forward error correction");
    encoder
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
    encoder.set_bitrate(32_000).expect("set bitrate");
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
