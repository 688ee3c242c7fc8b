//! Recordings as browsers make them, damaged ones, and ones that grow when they are decoded.

use super::*;
use crate::conversation::vad::tests::recording;
use crate::conversation::vad::{SpeechDetector, VadEvent};

/// «We are twelve people», recorded by Chromium in parts of 100 ms, as front ends do.
const WEBM: &[u8] = include_bytes!("../recordings/twelve_people.webm");

fn hears_speech(samples: &[i16]) -> bool {
    let events = SpeechDetector::default().detect(samples);
    events.iter().any(|event| matches!(event, VadEvent::SpeechBegan { .. }))
}

#[test]
fn a_browsers_recording_is_decoded() {
    let samples = decode("audio/webm;codecs=opus", Some("48000"), Some("1"), WEBM.to_vec()).unwrap();
    let seconds = samples.len() as f64 / f64::from(VAD_SAMPLE_RATE);
    assert!((2.0..3.0).contains(&seconds), "{seconds}");
    assert!(hears_speech(&samples));
}

#[test]
fn a_recording_that_was_cut_is_decoded_as_far_as_it_goes() {
    let samples = decode("", None, None, WEBM[..WEBM.len() * 2 / 3].to_vec()).unwrap();
    assert!(hears_speech(&samples));
}

#[test]
fn pcm_of_any_rate_is_decoded() {
    let speech = recording("twelve_people");
    for (rate, channels) in [(16_000_usize, 1_usize), (48_000, 2), (44_100, 1), (8_000, 1)] {
        let length = speech.len() * rate / 16_000;
        let sample = |index: usize| speech[(index * 16_000 / rate).min(speech.len() - 1)];
        let bytes = (0..length * channels).flat_map(|index| sample(index / channels).to_le_bytes()).collect();
        let samples =
            decode("audio/pcm", Some(&rate.to_string()), Some(&channels.to_string()), bytes).unwrap();
        assert!(samples.len().abs_diff(speech.len()) < 20, "{rate}: {} of {}", samples.len(), speech.len());
        assert!(hears_speech(&samples), "{rate}");
    }
}

/// A WebM file of `bytes` bytes in which each block holds 256 packets of two bytes, which become 120 ms each, or nothing.
fn laced(bytes: usize, packet: [u8; 2]) -> Vec<u8> {
    let element = |id: &[u8], content: &[u8]| {
        let size = (content.len() as u64 | 1 << 56).to_be_bytes();
        [id, &size, content].concat()
    };
    let opus_head = [b"OpusHead\x01\x01".as_slice(), &[0; 2], &48_000_u32.to_le_bytes(), &[0; 3]].concat();
    let audio = [element(&[0xb5], &48_000_f32.to_be_bytes()), element(&[0x9f], &[1])].concat();
    let entry = [
        element(&[0xd7], &[1]),
        element(&[0x73, 0xc5], &[1]),
        element(&[0x83], &[2]),
        element(&[0x86], b"A_OPUS"),
        element(&[0x63, 0xa2], &opus_head),
        element(&[0xe1], &audio),
    ]
    .concat();
    let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &entry));
    // Fixed-size lacing: flags 0x04, and the number of packets but one.
    let block = [&[0x81, 0, 0, 0x04, 255][..], &packet.repeat(256)].concat();
    let block = element(&[0xa3], &block);
    let mut cluster = element(&[0xe7], &[0]);
    while cluster.len() < bytes {
        cluster.extend_from_slice(&block);
    }
    let times_and_programs = [
        element(&[0x2a, 0xd7, 0xb1], &[0x0f, 0x42, 0x40]),
        element(&[0x4d, 0x80], b"test"),
        element(&[0x57, 0x41], b"test"),
    ];
    let info = element(&[0x15, 0x49, 0xa9, 0x66], &times_and_programs.concat());
    let segment = [info, tracks, element(&[0x1f, 0x43, 0xb6, 0x75], &cluster)].concat();
    let header =
        [element(&[0x42, 0x82], b"webm"), element(&[0x42, 0x87], &[4]), element(&[0x42, 0x85], &[2])];
    [element(&[0x1a, 0x45, 0xdf, 0xa3], &header.concat()), element(&[0x18, 0x53, 0x80, 0x67], &segment)]
        .concat()
}

#[test]
fn a_recording_that_grows_is_decoded_for_a_minute() {
    let samples = decode("audio/webm", None, None, laced(100_000, [0x5b, 2])).unwrap();
    assert_eq!(samples.len(), LONGEST_DECODED);
    // As many packets that are none: what they cost is bounded, too.
    let started = std::time::Instant::now();
    assert!(decode("audio/webm", None, None, laced(6_000_000, [0xff, 0xff])).unwrap().is_empty());
    println!("{:?} for packets without sound", started.elapsed());
}

#[test]
fn pcm_of_a_low_rate_is_decoded_for_a_minute() {
    let bytes = vec![0; LONGEST_PRE_CONNECT_AUDIO];
    let samples = decode("audio/pcm", Some("8000"), Some("1"), bytes).unwrap();
    assert_eq!(samples.len(), LONGEST_DECODED);
    for rate in ["1", "7999", "192001", "4294967295", "-1"] {
        let refused = decode("audio/pcm", Some(rate), Some("1"), vec![0; 64]);
        assert!(matches!(refused, Err(PreConnectAudioFault::Shape)), "{rate}");
    }
}

#[test]
fn what_cannot_be_decoded_is_refused() {
    assert!(matches!(decode("video/mp4", None, None, vec![1; 9]), Err(PreConnectAudioFault::Form(_, 9))));
    assert!(matches!(decode("audio/pcm", None, Some("1"), vec![1; 9]), Err(PreConnectAudioFault::Shape)));
    assert!(matches!(
        decode("audio/pcm", Some("0"), Some("1"), vec![1; 9]),
        Err(PreConnectAudioFault::Shape)
    ));
    assert!(decode("audio/webm", None, None, b"\x1a\x45\xdf\xa3 and nothing".to_vec()).is_err());
    assert!(decode("audio/webm", None, None, Vec::new()).unwrap().is_empty());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(position in 0..WEBM.len(), byte: u8, cut in 0..WEBM.len()) {
        let mut bytes = WEBM.to_vec();
        bytes[position] = byte;
        bytes.truncate(cut);
        drop(decode("audio/webm", None, None, bytes));
    }
}
