//! Pre-connect audio: what a caller said before the agent was there. Front ends record it, and send it when the agent has
//! joined, as the stream `lk.agent.pre-connect-audio-buffer`. Here the recording becomes samples for the VAD.

use std::panic::{AssertUnwindSafe, catch_unwind};

use matroska_demuxer::{Frame, MatroskaFile};
use opus_decoder::OpusDecoder;

use super::bounded_reader::BoundedReader;
use super::vad::VAD_SAMPLE_RATE;

/// Topic of the stream.
pub const PRE_CONNECT_AUDIO_TOPIC: &str = "lk.agent.pre-connect-audio-buffer";
/// Most bytes of it; a minute of PCM.
pub const LONGEST_PRE_CONNECT_AUDIO: usize = 6 * 1024 * 1024;
/// Most that is decoded of it: a minute. What a recording becomes, not what it is, is what memory and time are spent on.
const LONGEST_DECODED: usize = VAD_SAMPLE_RATE as usize * 60;

/// Samples that an Opus packet may have, 120 ms.
const LONGEST_PACKET: usize = VAD_SAMPLE_RATE as usize * 120 / 1000;
/// Most packets that are looked at: a minute of the shortest ones, 2.5 ms. Those without sound count, too.
const MOST_PACKETS: usize = 60 * 400;

/// Why a recording cannot be decoded. The call goes on without it. It says nothing that is in the recording.
#[derive(Debug, thiserror::Error)]
pub enum PreConnectAudioFault {
    #[error("it has a form ({0} bytes) that is neither Opus in WebM nor PCM")]
    Form(usize),
    #[error("it is no whole WebM file")]
    WebM,
    #[error("it is damaged")]
    Damaged,
    #[error("it has no Opus track")]
    NoOpus,
    #[error("its sample rate or number of channels cannot be read")]
    Shape,
}

/// The recording as the VAD takes it: 16 kHz, mono. `sample_rate` and `channels` are what the stream's attributes say; they
/// count for PCM, 16 bit, little-endian.
///
/// # Errors
/// The recording is in another form, or damaged.
pub fn decode(
    mime_type: &str,
    sample_rate: Option<&str>,
    channels: Option<&str>,
    bytes: Vec<u8>,
) -> Result<Vec<i16>, PreConnectAudioFault> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    // An EBML header: the form is told by the content, too, because some front ends name it loosely.
    if bytes.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
        return webm(bytes);
    }
    let form = mime_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !["audio/pcm", "audio/l16", "audio/raw", "application/octet-stream", ""].contains(&form.as_str()) {
        return Err(PreConnectAudioFault::Form(bytes.len()));
    }
    let number = |text: Option<&str>| text.and_then(|text| text.trim().parse::<u32>().ok());
    match (number(sample_rate), number(channels)) {
        (Some(rate @ 8_000..=192_000), Some(channels @ 1..=8)) => Ok(pcm(&bytes, rate, channels as usize)),
        _ => Err(PreConnectAudioFault::Shape),
    }
}

/// Opus in WebM, as browsers record it. A recording that was cut is decoded as far as it goes.
fn webm(bytes: Vec<u8>) -> Result<Vec<i16>, PreConnectAudioFault> {
    let mut samples = Vec::new();
    // The demuxer and the decoder panic on some damaged recordings; what they made before is sound.
    let read = catch_unwind(AssertUnwindSafe(|| read_webm(bytes, &mut samples)));
    samples.truncate(LONGEST_DECODED);
    match read {
        Ok(Err(fault)) => Err(fault),
        Err(_) if samples.is_empty() => Err(PreConnectAudioFault::Damaged),
        Ok(Ok(())) | Err(_) => Ok(samples),
    }
}

fn read_webm(bytes: Vec<u8>, samples: &mut Vec<i16>) -> Result<(), PreConnectAudioFault> {
    let mut file = MatroskaFile::open(BoundedReader::new(bytes)).map_err(|_| PreConnectAudioFault::WebM)?;
    let opus = file
        .tracks()
        .iter()
        .find(|track| track.codec_id() == "A_OPUS")
        .ok_or(PreConnectAudioFault::NoOpus)?;
    let track = opus.track_number().get();
    let mut decoder = OpusDecoder::new(VAD_SAMPLE_RATE, 1).map_err(|_| PreConnectAudioFault::NoOpus)?;
    let (mut frame, mut packet) = (Frame::default(), vec![0; LONGEST_PACKET]);
    for _ in 0..MOST_PACKETS {
        if samples.len() >= LONGEST_DECODED || !matches!(file.next_frame(&mut frame), Ok(true)) {
            break;
        }
        if frame.track != track {
            continue;
        }
        if let Ok(length) = decoder.decode(&frame.data, &mut packet, false) {
            samples.extend_from_slice(&packet[..length.min(packet.len())]);
        }
    }
    Ok(())
}

/// Mixes to mono, and takes the mean of the samples around each one of the result: enough to recognise speech.
fn pcm(bytes: &[u8], rate: u32, channels: usize) -> Vec<i16> {
    let sample = |pair: &[u8]| i32::from(i16::from_le_bytes([pair[0], pair[1]]));
    let mix = |frame: &[u8]| frame.chunks_exact(2).map(sample).sum::<i32>() / channels as i32;
    let mono: Vec<i32> = bytes.chunks_exact(2 * channels).map(mix).collect();
    let length =
        (mono.len() as u64 * u64::from(VAD_SAMPLE_RATE) / u64::from(rate)).min(LONGEST_DECODED as u64);
    let position = |index: u64| (index * u64::from(rate) / u64::from(VAD_SAMPLE_RATE)) as usize;
    let mean = |index: u64| {
        let around = &mono[position(index)..position(index + 1).max(position(index) + 1).min(mono.len())];
        (around.iter().sum::<i32>() / around.len().max(1) as i32) as i16
    };
    (0..length).map(mean).collect()
}

#[cfg(test)]
mod tests;
