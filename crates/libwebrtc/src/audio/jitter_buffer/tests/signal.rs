//! Sounds to send, and what is told of those that came out.

use std::f64::consts::TAU;
use std::sync::Arc;

use crate::audio::opus::{Decoder, Encoder};
use crate::audio::opus_format::{EncoderSettings, OpusFormat};
use crate::audio::packet::AudioPacket;

/// Hz of the samples in these tests.
pub(super) const RATE: usize = 16_000;
/// Ticks of the RTP clock between packets.
const PACKET_TICKS: u64 = 960;

pub(super) fn tone(hertz: f64, seconds: f64) -> Vec<i16> {
    let sample = |n: usize| (8_000.0 * (n as f64 * hertz * TAU / RATE as f64).sin()) as i16;
    (0..(seconds * RATE as f64) as usize).map(sample).collect()
}

/// Words of half a second, of a voice whose pitch wanders, and pauses between them.
pub(super) fn speech(seconds: f64) -> Vec<i16> {
    let mut phase = 0.0;
    let sample = |n: usize| {
        let time = n as f64 / RATE as f64;
        phase += (130.0 + 30.0 * (time * 0.7 * TAU).sin()) / RATE as f64;
        let buzz: f64 = (1..20).map(|harmonic| (phase * f64::from(harmonic) * TAU).sin() / 5.0).sum();
        let word = time % 0.8;
        let envelope = if word < 0.5 { (word / 0.5 * TAU / 2.0).sin().sqrt() } else { 0.0 };
        (buzz * envelope * 6_000.0) as i16
    };
    (0..(seconds * RATE as f64) as usize).map(sample).collect()
}

pub(super) fn encoder(rate: u32, channels: u32, settings: EncoderSettings) -> Encoder {
    let mut encoder = Encoder::new(rate, channels).expect("make encoder");
    encoder.configure(&settings).expect("configure encoder");
    encoder
}

/// Packets of 20 ms.
pub(super) fn encode(samples: &[i16], fec: bool) -> Vec<AudioPacket> {
    let format = OpusFormat { fec, ..OpusFormat::default() };
    let bitrate = if fec { 28_000 } else { 96_000 };
    let mut encoder = encoder(RATE as u32, 1, EncoderSettings { bitrate, expected_loss: 20, format });
    let mut payload = [0; 1275];
    samples
        .chunks_exact(RATE / 50)
        .zip(0..)
        .map(|(frame, index)| {
            let length = encoder.encode(frame, &mut payload).expect("encode");
            AudioPacket {
                ssrc: 1,
                sequence: 1_000 + index,
                time: 50_000 + index * PACKET_TICKS,
                payload: Arc::from(&payload[..length]),
            }
        })
        .collect()
}

/// What a listener hears who misses nothing.
pub(super) fn decode(packets: &[AudioPacket]) -> Vec<i16> {
    let mut decoder = Decoder::new(RATE as u32, 1).expect("make decoder");
    let mut samples = Vec::new();
    for packet in packets {
        decoder.decode(&packet.payload, &mut samples).expect("decode");
    }
    samples
}

/// Milliseconds in which something is heard.
pub(super) fn audible(samples: &[i16]) -> usize {
    let loud = |frame: &&[i16]| {
        let energy: f64 = frame.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        (energy / frame.len() as f64).sqrt() > 400.0
    };
    // Windows of more than a period of a voice, each 5 ms.
    samples.windows(RATE / 50).step_by(RATE / 200).filter(loud).count() * 5
}

/// How many dB a tone stands above everything else, for each 50 ms.
pub(super) fn signal_to_noise(samples: &[i16], hertz: f64, rate: usize) -> Vec<f64> {
    samples.chunks_exact(rate / 20).map(|window| window_signal_to_noise(window, hertz, rate)).collect()
}

fn window_signal_to_noise(window: &[i16], hertz: f64, rate: usize) -> f64 {
    let phase = |n: usize| n as f64 * hertz * TAU / rate as f64;
    let values = || window.iter().enumerate().map(|(n, sample)| (phase(n), f64::from(*sample)));
    let part = |wave: fn(f64) -> f64| {
        values().map(|(phase, value)| value * wave(phase)).sum::<f64>() * 2.0 / window.len() as f64
    };
    let (sine, cosine) = (part(f64::sin), part(f64::cos));
    let noise: f64 =
        values().map(|(phase, value)| (value - sine * phase.sin() - cosine * phase.cos()).powi(2)).sum();
    10.0 * ((sine.powi(2) + cosine.powi(2)) / 2.0 * window.len() as f64 / noise.max(1e-9)).log10()
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
