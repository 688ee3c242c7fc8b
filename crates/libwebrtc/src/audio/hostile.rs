//! What is made of a caller's audio, called with any bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::fuzzing::Bytes;

use super::jitter_buffer::JitterBuffer;
use super::opus::{Decoder, SAMPLE_RATES};
use super::packet::AudioPacket;

/// Packets for one decoder, some of them lost before the next.
///
/// # Panics
/// When a packet becomes more sound than the 120 ms it may last.
pub(crate) fn decode(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let format = usize::from(bytes.byte());
    let (rate, channels) = (SAMPLE_RATES[format % 5], 1 + format as u32 / 5 % 2);
    let Ok(mut decoder) = Decoder::new(rate, channels) else { return };
    let most = (rate * 120 / 1000 * channels) as usize;
    let mut samples = Vec::new();
    while !bytes.is_empty() {
        let lost = bytes.byte();
        let length = usize::from(bytes.short() % 1_500);
        let payload = bytes.take(length);
        // In units of 2.5 ms.
        let frames = u32::from(lost % 49) * (rate / 400);
        let failed = match lost % 4 {
            0 => decoder.conceal(frames, &mut samples).is_err(),
            1 => decoder.decode_fec(payload, frames, &mut samples).is_err(),
            _ => false,
        };
        assert!(samples.len() <= most, "{} samples of a loss, failed: {failed}", samples.len());
        samples.clear();
        let failed = decoder.decode(payload, &mut samples).is_err();
        assert!(samples.len() <= most, "{} samples of a packet, failed: {failed}", samples.len());
        samples.clear();
    }
}

/// Packets for one jitter buffer, with any place and time.
///
/// # Panics
/// When more is handed out than time has passed, but for what the buffer may hold.
pub(crate) fn buffer(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let format = bytes.byte();
    let rate = [8_000, 16_000, 44_100, 48_000][usize::from(format) % 4];
    let Ok(mut buffer) = JitterBuffer::new(rate, 1 + u32::from(format) / 4 % 2) else { return };
    let start = Instant::now();
    let (mut now, mut sequence, mut time) = (start, 1_u64 << 20, 1_u64 << 40);
    let mut handed_out = 0_u64;
    while !bytes.is_empty() {
        let (after, jump) = (bytes.byte(), bytes.byte());
        now += Duration::from_millis(u64::from(after));
        // Mostly the next packet; else far away, in either direction.
        let (packets, ticks) = match jump {
            0..=199 => (1, 960),
            200..=219 => (i64::from(bytes.short()) - 32_768, 960),
            _ => (1, (i64::from(bytes.short()) - 32_768) << (jump % 32)),
        };
        sequence = sequence.wrapping_add_signed(packets);
        time = time.wrapping_add_signed(ticks);
        let length = usize::from(bytes.short() % 1_500);
        let payload: Arc<[u8]> = Arc::from(bytes.take(length));
        let packet = AudioPacket { ssrc: u32::from(jump == 255), sequence, time, payload };
        buffer.receive(&packet, now);
        let (_, channels) = buffer.format();
        while let Some(samples) = buffer.next_samples(now) {
            handed_out += samples.len() as u64 / u64::from(channels);
        }
        let elapsed = now.duration_since(start).as_secs_f64() + 10.0;
        assert!(handed_out as f64 <= elapsed * f64::from(rate), "{handed_out} samples of {elapsed} s");
    }
}

/// Packets as they should be: speech and music, mono and stereo, with and without a second coding of the one before.
#[cfg(test)]
pub(crate) fn payloads() -> Vec<Vec<u8>> {
    use super::opus::Encoder;
    use super::opus_format::{EncoderSettings, OpusFormat};

    let mut payloads = vec![vec![0xf8, 0xff, 0xfe], vec![0x5b, 0x02], vec![0x0b, 0xff]];
    for (rate, channels, bitrate, fec) in [
        (8_000, 1, 12_000, true),
        (16_000, 1, 24_000, true),
        (16_000, 2, 48_000, false),
        (48_000, 2, 96_000, true),
    ] {
        let format = OpusFormat { fec, stereo: channels == 2, ..OpusFormat::default() };
        let mut encoder = Encoder::new(rate, channels).expect("make encoder");
        let settings = EncoderSettings { bitrate, expected_loss: 20, format };
        encoder.configure(&settings).expect("configure encoder");
        for frame in 0..12_u32 {
            let sample = |index: u32| {
                let time = f64::from(frame * rate / 50 + index / channels) / f64::from(rate);
                ((time * 900.0).sin() * (time * 9.0).sin() * 9_000.0 + (time * 40_000.0).sin() * 500.0) as i16
            };
            let samples: Vec<i16> = (0..rate / 50 * channels).map(sample).collect();
            let mut payload = [0; 1275];
            let length = encoder.encode(&samples, &mut payload).expect("encode");
            payloads.push(payload[..length].to_vec());
        }
    }
    payloads
}
