//! Recordings as browsers make them, damaged ones, ones that lead in circles, and ones that grow when they are decoded.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use test_servers::webm::{self, element};

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

#[test]
fn a_recording_that_grows_is_decoded_for_a_minute() {
    let samples = decode("audio/webm", None, None, webm::laced(100_000, webm::SILENCE)).unwrap();
    assert_eq!(samples.len(), LONGEST_DECODED);
    // As many packets that are none: what they cost is bounded, too.
    let started = std::time::Instant::now();
    assert!(decode("audio/webm", None, None, webm::laced(6_000_000, [0xff, 0xff])).unwrap().is_empty());
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
    assert!(matches!(decode("video/mp4", None, None, vec![1; 9]), Err(PreConnectAudioFault::Form(9))));
    assert!(matches!(decode("audio/pcm", None, Some("1"), vec![1; 9]), Err(PreConnectAudioFault::Shape)));
    assert!(matches!(
        decode("audio/pcm", Some("0"), Some("1"), vec![1; 9]),
        Err(PreConnectAudioFault::Shape)
    ));
    assert!(decode("audio/webm", None, None, b"\x1a\x45\xdf\xa3 and nothing".to_vec()).is_err());
    assert!(decode("audio/webm", None, None, Vec::new()).unwrap().is_empty());
}

/// As long as [`decode`] may take beside a load; it takes a fraction of a second.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(20);

/// Decodes on a thread of its own, so that a test fails where it does not end.
fn decode_in_time(bytes: Vec<u8>) -> Result<Vec<i16>, PreConnectAudioFault> {
    let (tx, rx) = std::sync::mpsc::channel();
    let shown: String = bytes.iter().take(200).map(|byte| format!("{byte:02x}")).collect();
    std::thread::spawn(move || tx.send(decode("audio/webm", None, None, bytes)));
    rx.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("does not end, or panics: {shown}"))
}

/// Bytes of the header that [`webm`] writes.
const HEADER: usize = 48;
const SEEK_HEAD: [u8; 4] = [0x11, 0x4d, 0x9b, 0x74];
const INFO: [u8; 4] = [0x15, 0x49, 0xa9, 0x66];

/// A WebM file whose segment has these elements.
fn file(segment: &[u8]) -> Vec<u8> {
    let whole = webm::in_circles();
    [&whole[..HEADER], &element(&[0x18, 0x53, 0x80, 0x67], segment)].concat()
}

#[test]
fn a_recording_that_leads_in_circles_is_refused() {
    let seek = |to: [u8; 4], place: &[u8]| {
        element(&[0x4d, 0xbb], &[element(&[0x53, 0xab], &to), element(&[0x53, 0xac], place)].concat())
    };
    for (what, segment) in [
        ("a check sum before all else", element(&[0xbf], &[0; 4])),
        ("a seek head that leads to itself", element(&SEEK_HEAD, &seek(SEEK_HEAD, &[0]))),
        ("a seek head that leads beyond all bytes", element(&SEEK_HEAD, &seek(INFO, &[0xff; 8]))),
        ("two seek heads after one", element(&SEEK_HEAD, &seek(SEEK_HEAD, &[0]).repeat(2))),
    ] {
        assert!(decode_in_time(file(&segment)).is_err(), "{what}");
    }
}

#[test]
fn tracks_that_share_their_bytes_take_no_memory_without_end() {
    // Each says that a megabyte after it is its own codec's.
    let entry = [
        element(&[0xd7], &[1]),
        element(&[0x73, 0xc5], &[1]),
        element(&[0x83], &[2]),
        element(&[0x86], b"A_OPUS"),
        [&[0x63, 0xa2][..], &(1_u64 << 20 | 1 << 56).to_be_bytes()].concat(),
    ];
    let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &entry.concat()).repeat(2_000));
    let info = element(&INFO, &[element(&[0x4d, 0x80], b"t"), element(&[0x57, 0x41], b"t")].concat());
    let segment = [info, tracks, element(&[0x1f, 0x43, 0xb6, 0x75], &vec![0xec; 2 << 20])].concat();
    assert!(decode_in_time(file(&segment)).is_err());
}

/// One element, whose content may be others, and whose size may be unknown or lie.
fn any_element() -> impl Strategy<Value = Vec<u8>> {
    // The header, segment, seek head, its entries, info, tracks, an entry, its numbers and codec, clusters, blocks, cues,
    // chapters, tags, a check sum, and room.
    const IDS: [&[u8]; 29] = [
        &[0x1a, 0x45, 0xdf, 0xa3],
        &[0x18, 0x53, 0x80, 0x67],
        &[0x11, 0x4d, 0x9b, 0x74],
        &[0x4d, 0xbb],
        &[0x53, 0xab],
        &[0x53, 0xac],
        &[0x15, 0x49, 0xa9, 0x66],
        &[0x4d, 0x80],
        &[0x57, 0x41],
        &[0x16, 0x54, 0xae, 0x6b],
        &[0xae],
        &[0xd7],
        &[0x73, 0xc5],
        &[0x83],
        &[0x86],
        &[0x63, 0xa2],
        &[0xe1],
        &[0x1f, 0x43, 0xb6, 0x75],
        &[0xe7],
        &[0xa3],
        &[0xa0],
        &[0xa1],
        &[0x9b],
        &[0x1c, 0x53, 0xbb, 0x6b],
        &[0x10, 0x43, 0xa7, 0x70],
        &[0x12, 0x54, 0xc3, 0x67],
        &[0xbf],
        &[0xec],
        &[0x6d, 0x80],
    ];
    let id = select(&IDS[..]);
    let small = prop_oneof![
        vec(any::<u8>(), 0..12),
        Just(b"A_OPUS".to_vec()),
        // Where a seek head leads to, and to what.
        (0_u64..400).prop_map(|place| place.to_be_bytes().to_vec()),
        Just(vec![0xff; 8]),
        select(&IDS[..]).prop_map(<[u8]>::to_vec),
    ];
    let lying = |id: &[u8], content: Vec<u8>, lie: u64| {
        let size = match lie {
            0 => u64::MAX,
            1 => ((1 << 56) - 1) | (1 << 56),
            2 => (content.len() as u64 / 2) | (1 << 56),
            3 => (content.len() as u64 * 2 + 1) | (1 << 56),
            4 => 1 << 40 | 1 << 56,
            _ => content.len() as u64 | 1 << 56,
        };
        // A size that is unknown has one byte.
        let size = if size == u64::MAX { vec![0xff] } else { size.to_be_bytes().to_vec() };
        [id.to_vec(), size, content].concat()
    };
    let leaf = (id.clone(), small, 0_u64..40).prop_map(move |(id, content, lie)| lying(id, content, lie));
    leaf.prop_recursive(5, 60, 6, move |inner| {
        (id.clone(), vec(inner, 0..6), 0_u64..30)
            .prop_map(move |(id, inside, lie)| lying(id, inside.concat(), lie))
    })
}

/// A file with elements made at random in the place of some of a good one's, or before them.
fn recording_at_random() -> impl Strategy<Value = Vec<u8>> {
    (vec(any_element(), 0..8), any::<bool>(), any::<bool>()).prop_map(|(elements, good, sized)| {
        let whole = webm::laced(2_000, webm::SILENCE);
        // The header, and the segment's id and size.
        let (begin, rest) = whole.split_at(HEADER + 12);
        let mut segment = elements.concat();
        if good {
            segment.extend_from_slice(rest);
        }
        let size = if sized { segment.len() as u64 | 1 << 56 } else { u64::MAX >> 7 };
        let mut bytes = begin[..begin.len() - 8].to_vec();
        bytes.extend_from_slice(&size.to_be_bytes());
        bytes.extend_from_slice(&segment);
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 2_000 } else { 20_000 }))]

    #[test]
    fn whatever_its_elements_are_it_ends(bytes in recording_at_random()) {
        drop(decode_in_time(bytes));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(position in 0..WEBM.len(), byte: u8, cut in 0..WEBM.len()) {
        let mut bytes = WEBM.to_vec();
        bytes[position] = byte;
        bytes.truncate(cut);
        drop(decode("audio/webm", None, None, bytes));
    }
}
