//! Sound in every form that servers send, in pieces of any length.

use std::f64::consts::TAU;

use proptest::prelude::*;
use reqwest::header::HeaderMap;

use super::*;
use crate::providers::wav::encode;

const MOST: usize = 60 * SAMPLE_RATE as usize;
const TONE_MP3: &[u8] = include_bytes!("recordings/tone-22050.mp3");
const STEREO_MP3: &[u8] = include_bytes!("recordings/tone-44100-stereo.mp3");

fn label(headers: &[(&'static str, &str)]) -> Label {
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    Label::of(&headers.collect::<HeaderMap>())
}

fn decode(label: &Label, pieces: &[&[u8]], most: usize) -> Result<Vec<i16>, String> {
    let mut decoder = Decoder::new(label, SAMPLE_RATE, most)?;
    let mut samples = Vec::new();
    for piece in pieces {
        samples.extend(decoder.read(piece)?);
    }
    samples.extend(decoder.finish()?);
    Ok(samples)
}

fn unlabelled(bytes: &[u8]) -> Result<Vec<i16>, String> {
    decode(&Label::default(), &[bytes], MOST)
}

/// Half a second of 440 Hz, full scale is 1.
fn tone(rate: u32) -> Vec<f64> {
    (0..rate / 2).map(|n| 0.3 * (f64::from(n) * 440.0 * TAU / f64::from(rate)).sin()).collect()
}

fn sixteen_bit(tone: &[f64]) -> Vec<u8> {
    tone.iter().flat_map(|value| ((value * 32_768.0) as i16).to_le_bytes()).collect()
}

/// Whether it is that tone: its length, its pitch by the crossings of zero, its level, and nothing else in it.
#[track_caller]
fn assert_tone(samples: &[i16], length: f64, level: f64) {
    let seconds = samples.len() as f64 / f64::from(SAMPLE_RATE);
    assert!((seconds - length).abs() < 0.002, "{seconds} s");
    let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
    let crossings = middle.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
    let pitch = crossings as f64 / (middle.len() as f64 / f64::from(SAMPLE_RATE));
    assert!((pitch - 440.0).abs() < 9.0, "{pitch} Hz");
    let energy: f64 = middle.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let rms = (energy / middle.len() as f64).sqrt() / 32_768.0;
    assert!((rms / (level / 2_f64.sqrt()) - 1.0).abs() < 0.03, "{rms}");
}

fn wav(format: u16, channels: u16, rate: u32, bits: u16, extensible: bool, sound: &[u8]) -> Vec<u8> {
    let block = channels * bits / 8;
    let mut form = Vec::new();
    form.extend(if extensible { 0xfffe_u16 } else { format }.to_le_bytes());
    form.extend(channels.to_le_bytes());
    form.extend(rate.to_le_bytes());
    form.extend((rate * u32::from(block)).to_le_bytes());
    form.extend(block.to_le_bytes());
    form.extend(bits.to_le_bytes());
    if extensible {
        form.extend([22, 0, bits as u8, 0, 0, 0, 0, 0]);
        form.extend(format.to_le_bytes());
        form.extend(b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
    }
    let mut file = b"RIFF\xff\xff\xff\xffWAVEfmt ".to_vec();
    file.extend((form.len() as u32).to_le_bytes());
    file.extend(form);
    file.extend(b"LIST\x03\0\0\0abc\0data");
    file.extend((sound.len() as u32).to_le_bytes());
    file.extend(sound);
    file
}

#[test]
fn raw_sound_of_any_rate_has_its_own_pitch() {
    for rate in [8_000, 16_000, 22_050, 24_000, 44_100, 48_000] {
        let sound = sixteen_bit(&tone(rate));
        let by_type = label(&[("content-type", &format!("audio/pcm;rate={rate}"))]);
        let by_header = label(&[("content-type", "audio/pcm_s16le"), ("x-sample-rate", &rate.to_string())]);
        for label in [by_type, by_header] {
            assert_tone(&decode(&label, &[&sound], MOST).unwrap(), 0.5, 0.3);
        }
    }
    let mut decoder = Decoder::new(&Label::default(), 22_050, MOST).unwrap();
    let mut samples = decoder.read(&sixteen_bit(&tone(22_050))).unwrap();
    samples.extend(decoder.finish().unwrap());
    assert_tone(&samples, 0.5, 0.3);
}

#[test]
fn wav_of_any_form_is_understood() {
    let twice = |bytes: Vec<u8>, width: usize| -> Vec<u8> {
        bytes.chunks(width).flat_map(|sample| [sample, sample].concat()).collect()
    };
    for rate in [8_000, 22_050, 24_000, 44_100, 48_000] {
        let tone = tone(rate);
        let eight: Vec<u8> = tone.iter().map(|value| (value * 128.0 + 128.0) as u8).collect();
        let whole = |bits: u32| -> Vec<u8> {
            let width = (bits / 8) as usize;
            let scale = f64::from(1_u32 << (bits - 1));
            tone.iter().flat_map(|value| ((value * scale) as i32).to_le_bytes()[..width].to_vec()).collect()
        };
        let float: Vec<u8> = tone.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect();
        let double: Vec<u8> = tone.iter().flat_map(|value| value.to_le_bytes()).collect();
        for (format, bits, sound) in [
            (1, 8, eight),
            (1, 16, whole(16)),
            (1, 24, whole(24)),
            (1, 32, whole(32)),
            (3, 32, float),
            (3, 64, double),
        ] {
            for extensible in [false, true] {
                let mono = wav(format, 1, rate, bits, extensible, &sound);
                assert_tone(&unlabelled(&mono).unwrap(), 0.5, 0.3);
                let stereo =
                    wav(format, 2, rate, bits, extensible, &twice(sound.clone(), usize::from(bits / 8)));
                // Whatever the label says.
                let label = label(&[("content-type", "audio/mpeg")]);
                assert_tone(&decode(&label, &[&stereo], MOST).unwrap(), 0.5, 0.3);
            }
        }
    }
}

#[test]
fn mp3_is_decoded_whatever_its_label_says() {
    for (sound, length) in [(TONE_MP3, 0.5), (STEREO_MP3, 0.5)] {
        let tagged = [b"ID3\x04\0\0\0\0\x01\x00", &[0; 128][..], sound].concat();
        for kind in ["audio/mpeg", "application/octet-stream", "audio/pcm", "audio/wav", ""] {
            let label = label(&[("content-type", kind)]);
            for bytes in [sound, &tagged] {
                let samples = decode(&label, &[bytes], MOST).unwrap();
                let seconds = samples.len() as f64 / f64::from(SAMPLE_RATE);
                // The encoder fills up its first and last frames.
                assert!((length..length + 0.2).contains(&seconds), "{kind}: {seconds} s");
                let middle = &samples[samples.len() / 3..samples.len() * 2 / 3];
                let crossings = middle.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
                let pitch = crossings as f64 / (middle.len() as f64 / f64::from(SAMPLE_RATE));
                assert!((pitch - 440.0).abs() < 15.0, "{kind}: {pitch} Hz");
            }
        }
    }
}

#[test]
fn sound_is_streamed_in_every_form() {
    let tone_wav = wav(1, 1, 22_050, 16, false, &sixteen_bit(&tone(22_050)));
    for bytes in [&tone_wav[..], TONE_MP3, &sixteen_bit(&tone(24_000))] {
        let mut decoder = Decoder::new(&Label::default(), SAMPLE_RATE, MOST).unwrap();
        let early = decoder.read(&bytes[..bytes.len() * 3 / 4]).unwrap();
        assert!(early.len() > 5_000, "{} samples", early.len());
    }
}

#[test]
fn where_the_pieces_end_changes_nothing_in_any_form() {
    let tone_wav = wav(
        3,
        1,
        44_100,
        32,
        true,
        &tone(44_100).iter().flat_map(|v| (*v as f32).to_le_bytes()).collect::<Vec<_>>(),
    );
    for bytes in [&tone_wav[..], TONE_MP3, STEREO_MP3] {
        let whole = unlabelled(bytes).unwrap();
        for size in [1, 7, 333, 4_096] {
            let pieces: Vec<_> = bytes.chunks(size).collect();
            assert_eq!(decode(&Label::default(), &pieces, MOST), Ok(whole.clone()), "{size}");
        }
    }
}

#[test]
fn the_bigger_byte_first_is_found_out() {
    let sound = sixteen_bit(&tone(16_000));
    let swapped: Vec<u8> = sound.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
    let label = label(&[("content-type", "audio/L16;rate=16000")]);
    for bytes in [&sound, &swapped] {
        assert_tone(&decode(&label, &[bytes], MOST).unwrap(), 0.5, 0.3);
    }
}

#[test]
fn noise_is_never_spoken() {
    // What compression leaves is as good as chance.
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    })
    .take(20_000)
    .collect();
    let float: Vec<u8> = tone(24_000).iter().flat_map(|value| (*value as f32).to_le_bytes()).collect();
    let swapped: Vec<u8> = sixteen_bit(&tone(24_000)).chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
    for bytes in [&noise, &float, &swapped] {
        let error = unlabelled(bytes).unwrap_err();
        assert!(error.contains("noise") && error.contains("TTS_FORMAT"), "{error}");
    }
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    for bytes in
        [&b"OggS\0\x02\0\0\0\0\0\0\0\0"[..], b"fLaC\0\0\0\x22\0\0\0\0\0\0", b"\0\0\0\x20ftypM4A \0\0\0\0"]
    {
        assert!(unlabelled(bytes).unwrap_err().contains("TTS_FORMAT"));
    }
    for sound in [
        wav(0x11, 1, 24_000, 4, false, &[0; 64]),
        wav(0x55, 1, 24_000, 16, false, &[0; 64]),
        wav(1, 1, 24_000, 12, false, &[0; 64]),
        wav(1, 1, 24_000, 40, false, &[0; 64]),
        b"RIFF\0\0\0\0AVI LIST\0\0\0\0".to_vec(),
    ] {
        assert!(unlabelled(&sound).unwrap_err().contains("TTS_FORMAT"), "{:?}", unlabelled(&sound));
    }
    for (channels, rate) in [(1, 1), (1, 4_000_000_000), (0, 24_000), (9, 24_000)] {
        let mut sound = wav(1, 1, 24_000, 16, false, &[0; 64]);
        sound[22..24].copy_from_slice(&u16::to_le_bytes(channels));
        sound[24..28].copy_from_slice(&u32::to_le_bytes(rate));
        assert!(unlabelled(&sound).is_err(), "{channels} channels, {rate} Hz");
    }
    assert!(unlabelled(b"RIFF\0\0\0\0WAVEdata\0\0\0\0\x01\0\x02\0").is_err());
    let mut endless = b"RIFF\0\0\0\0WAVELIST".to_vec();
    endless.extend(u32::MAX.to_le_bytes());
    endless.resize(100_000, 0);
    assert!(unlabelled(&endless).unwrap_err().contains("does not end"));
}

#[test]
fn nothing_is_decoded_beyond_the_limit() {
    let second = SAMPLE_RATE as usize;
    let raw = vec![0; 2 * second * 2];
    let mut huge = encode(&[0; 60_000], SAMPLE_RATE);
    huge[40..44].copy_from_slice(&u32::to_le_bytes(0x7ffe_0000));
    let mp3 = TONE_MP3.repeat(8);
    let slow = wav(1, 1, 4_000, 8, false, &[128; 10_000]);
    for bytes in [&raw, &huge, &mp3, &slow] {
        let error = decode(&Label::default(), &[bytes], second).unwrap_err();
        assert!(error.contains("more than 1 s"), "{error}");
    }
    assert_eq!(unlabelled(&huge).unwrap().len(), 60_000);
}

#[test]
fn sizes_of_streams_are_unknown() {
    for size in [0, u32::MAX, 0xffff_fffe] {
        let mut streamed = encode(&[7, 8], SAMPLE_RATE);
        streamed[40..44].copy_from_slice(&u32::to_le_bytes(size));
        assert_eq!(unlabelled(&streamed), Ok(vec![7, 8]));
    }
    let mut wav = encode(&[1, -2, 3], SAMPLE_RATE);
    wav.extend(b"LIST\x02\0\0\0ab");
    assert_eq!(unlabelled(&wav), Ok(vec![1, -2, 3]));
}

proptest! {
    #[test]
    fn where_the_pieces_end_changes_nothing(
        steps in prop::collection::vec(-900_i16..900, 2..200),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        header: bool,
    ) {
        let samples: Vec<i16> = steps.iter().scan(0_i16, |sum, step| { *sum = sum.saturating_add(*step); Some(*sum) }).collect();
        let whole = encode(&samples, SAMPLE_RATE);
        let bytes = if header { &whole[..] } else { &whole[44..] };
        let mut positions: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        positions.extend([0, bytes.len()]);
        positions.sort_unstable();
        let pieces: Vec<_> = positions.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assume!(header || unlabelled(bytes).is_ok());
        prop_assert_eq!(decode(&Label::default(), &pieces, MOST), Ok(samples));
    }

    #[test]
    fn bytes_of_any_kind_are_bounded_and_never_panic(
        beginning in prop_oneof![
            Just(Vec::new()), Just(b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec()), Just(TONE_MP3[..400].to_vec()),
            Just(b"ID3\x04\0\0\0\0\0\x05".to_vec()),
        ],
        bytes in prop::collection::vec(any::<u8>(), 0..3_000),
        size in 1_usize..700,
    ) {
        let bytes = [beginning, bytes].concat();
        let pieces: Vec<_> = bytes.chunks(size).collect();
        if let Ok(samples) = decode(&Label::default(), &pieces, 10_000) {
            prop_assert!(samples.len() <= 10_000);
        }
    }
}
