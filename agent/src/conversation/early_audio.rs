//! What a caller said before the agent was there: front ends record it and send it when the agent has joined, as the stream
//! `lk.agent.pre-connect-audio-buffer`.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use matroska_demuxer::{Frame, MatroskaFile};
use opus_decoder::OpusDecoder;

use super::ear::EAR_SAMPLE_RATE;

/// Topic of the stream.
pub const EARLY_AUDIO_TOPIC: &str = "lk.agent.pre-connect-audio-buffer";
/// Most bytes of it; a minute of PCM.
pub const LONGEST_EARLY_AUDIO: usize = 6 * 1024 * 1024;
/// Most that is heard of it, decoded: a minute. What a recording becomes, not what it is, is what memory and time are spent on.
const LONGEST_DECODED: usize = EAR_SAMPLE_RATE as usize * 60;

/// Samples that an Opus packet may have, 120 ms.
const LONGEST_PACKET: usize = EAR_SAMPLE_RATE as usize * 120 / 1000;
/// Most packets that are looked at: a minute of the shortest ones, 2.5 ms. Those without sound count, too.
const MOST_PACKETS: usize = 60 * 400;

/// Why a recording cannot be heard. The call goes on without it.
#[derive(Debug, thiserror::Error)]
pub enum EarlyAudioFault {
    #[error("its form is «{0}» ({1} bytes), and wanted is Opus in WebM, or PCM")]
    Form(String, usize),
    #[error("it is no whole WebM file: {0}")]
    WebM(#[from] matroska_demuxer::DemuxError),
    #[error("it has no Opus track")]
    NoOpus,
    #[error("its sample rate or number of channels cannot be read")]
    Shape,
}

/// The recording as an ear hears it: 16 kHz, mono. `sample_rate` and `channels` are what the stream's attributes say; they
/// count for PCM, 16 bit, little-endian.
///
/// # Errors
/// The recording is in another form, or damaged.
pub fn decode(
    mime_type: &str,
    sample_rate: Option<&str>,
    channels: Option<&str>,
    bytes: Vec<u8>,
) -> Result<Vec<i16>, EarlyAudioFault> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    // An EBML header: the form is told by the content, too, because some front ends name it loosely.
    if bytes.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
        return webm(bytes);
    }
    let form = mime_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !["audio/pcm", "audio/l16", "audio/raw", "application/octet-stream", ""].contains(&form.as_str()) {
        return Err(EarlyAudioFault::Form(form, bytes.len()));
    }
    let number = |text: Option<&str>| text.and_then(|text| text.trim().parse::<u32>().ok());
    match (number(sample_rate), number(channels)) {
        (Some(rate @ 8_000..=192_000), Some(channels @ 1..=8)) => Ok(pcm(&bytes, rate, channels as usize)),
        _ => Err(EarlyAudioFault::Shape),
    }
}

/// Opus in WebM, as browsers record it. A recording that was cut is heard as far as it goes.
fn webm(bytes: Vec<u8>) -> Result<Vec<i16>, EarlyAudioFault> {
    let mut file = MatroskaFile::open(Cursor::new(bytes))?;
    let opus =
        file.tracks().iter().find(|track| track.codec_id() == "A_OPUS").ok_or(EarlyAudioFault::NoOpus)?;
    let track = opus.track_number().get();
    let mut decoder = OpusDecoder::new(EAR_SAMPLE_RATE, 1).map_err(|_| EarlyAudioFault::NoOpus)?;
    let (mut frame, mut packet) = (Frame::default(), vec![0; LONGEST_PACKET]);
    let mut samples = Vec::new();
    for _ in 0..MOST_PACKETS {
        if samples.len() >= LONGEST_DECODED || !matches!(file.next_frame(&mut frame), Ok(true)) {
            break;
        }
        if frame.track != track {
            continue;
        }
        // The decoder panics on some damaged packets; what it made before is sound.
        let decoded = catch_unwind(AssertUnwindSafe(|| decoder.decode(&frame.data, &mut packet, false)));
        match decoded {
            Ok(Ok(length)) => samples.extend_from_slice(&packet[..length.min(packet.len())]),
            Ok(Err(_)) => {}
            Err(_) => break,
        }
    }
    samples.truncate(LONGEST_DECODED);
    Ok(samples)
}

/// Mixes to mono, and takes the mean of the samples around each of the ear's: enough to recognise speech.
fn pcm(bytes: &[u8], rate: u32, channels: usize) -> Vec<i16> {
    let sample = |pair: &[u8]| i32::from(i16::from_le_bytes([pair[0], pair[1]]));
    let mix = |frame: &[u8]| frame.chunks_exact(2).map(sample).sum::<i32>() / channels as i32;
    let mono: Vec<i32> = bytes.chunks_exact(2 * channels).map(mix).collect();
    let length =
        (mono.len() as u64 * u64::from(EAR_SAMPLE_RATE) / u64::from(rate)).min(LONGEST_DECODED as u64);
    let place = |index: u64| (index * u64::from(rate) / u64::from(EAR_SAMPLE_RATE)) as usize;
    let mean = |index: u64| {
        let around = &mono[place(index)..place(index + 1).max(place(index) + 1).min(mono.len())];
        (around.iter().sum::<i32>() / around.len().max(1) as i32) as i16
    };
    (0..length).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use test_servers::webm;

    use super::*;
    use crate::conversation::ear::tests::recording;
    use crate::conversation::ear::{Ear, Heard};

    /// «We are twelve people», recorded by Chromium in parts of 100 ms, as front ends do.
    const WEBM: &[u8] = include_bytes!("recordings/twelve_people.webm");

    fn hears_speech(samples: &[i16]) -> bool {
        let heard = Ear::default().hear(samples);
        heard.iter().any(|heard| matches!(heard, Heard::SpeechBegan { .. }))
    }

    #[test]
    fn a_browsers_recording_is_heard() {
        let samples = decode("audio/webm;codecs=opus", Some("48000"), Some("1"), WEBM.to_vec()).unwrap();
        let seconds = samples.len() as f64 / f64::from(EAR_SAMPLE_RATE);
        assert!((2.0..3.0).contains(&seconds), "{seconds}");
        assert!(hears_speech(&samples));
    }

    #[test]
    fn a_recording_that_was_cut_is_heard_as_far_as_it_goes() {
        let samples = decode("", None, None, WEBM[..WEBM.len() * 2 / 3].to_vec()).unwrap();
        assert!(hears_speech(&samples));
    }

    #[test]
    fn pcm_of_any_rate_is_heard() {
        let speech = recording("twelve_people");
        for (rate, channels) in [(16_000_usize, 1_usize), (48_000, 2), (44_100, 1), (8_000, 1)] {
            let length = speech.len() * rate / 16_000;
            let sample = |index: usize| speech[(index * 16_000 / rate).min(speech.len() - 1)];
            let bytes =
                (0..length * channels).flat_map(|index| sample(index / channels).to_le_bytes()).collect();
            let samples =
                decode("audio/pcm", Some(&rate.to_string()), Some(&channels.to_string()), bytes).unwrap();
            assert!(
                samples.len().abs_diff(speech.len()) < 20,
                "{rate}: {} of {}",
                samples.len(),
                speech.len()
            );
            assert!(hears_speech(&samples), "{rate}");
        }
    }

    #[test]
    fn a_recording_that_grows_is_heard_for_a_minute() {
        let samples = decode("audio/webm", None, None, webm::laced(100_000, webm::SILENCE)).unwrap();
        assert_eq!(samples.len(), LONGEST_DECODED);
        // As many packets that are none: what they cost is bounded, too.
        let started = std::time::Instant::now();
        assert!(decode("audio/webm", None, None, webm::laced(6_000_000, [0xff, 0xff])).unwrap().is_empty());
        println!("{:?} for packets without sound", started.elapsed());
    }

    #[test]
    fn pcm_of_a_low_rate_is_heard_for_a_minute() {
        let bytes = vec![0; LONGEST_EARLY_AUDIO];
        let samples = decode("audio/pcm", Some("8000"), Some("1"), bytes).unwrap();
        assert_eq!(samples.len(), LONGEST_DECODED);
        for rate in ["1", "7999", "192001", "4294967295", "-1"] {
            let refused = decode("audio/pcm", Some(rate), Some("1"), vec![0; 64]);
            assert!(matches!(refused, Err(EarlyAudioFault::Shape)), "{rate}");
        }
    }

    #[test]
    fn what_cannot_be_heard_is_refused() {
        assert!(matches!(decode("video/mp4", None, None, vec![1; 9]), Err(EarlyAudioFault::Form(_, 9))));
        assert!(matches!(decode("audio/pcm", None, Some("1"), vec![1; 9]), Err(EarlyAudioFault::Shape)));
        assert!(matches!(decode("audio/pcm", Some("0"), Some("1"), vec![1; 9]), Err(EarlyAudioFault::Shape)));
        assert!(decode("audio/webm", None, None, b"\x1a\x45\xdf\xa3 and nothing".to_vec()).is_err());
        assert!(decode("audio/webm", None, None, Vec::new()).unwrap().is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(place in 0..WEBM.len(), byte: u8, cut in 0..WEBM.len()) {
            let mut bytes = WEBM.to_vec();
            bytes[place] = byte;
            bytes.truncate(cut);
            drop(decode("audio/webm", None, None, bytes));
        }
    }
}
