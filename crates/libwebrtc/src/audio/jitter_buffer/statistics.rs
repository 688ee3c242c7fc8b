//! What the jitter buffer counts, in the names and meanings of the W3C's inbound RTP statistics.

use super::concealment::Sound;

/// Sums since the stream was attached. Samples are per channel, at the rate the stream is decoded at: the rate it was
/// asked for, or 48 kHz where Opus does not have that one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct JitterBufferStatistics {
    /// Packets that came too late, or that were dropped because too much was waiting.
    pub(crate) packets_discarded: u64,
    /// Packets with a coding of the packet before them, and those of them of which it was not needed.
    pub(crate) fec_packets_received: u64,
    pub(crate) fec_packets_discarded: u64,
    /// All samples that were handed out, made-up ones included.
    pub(crate) total_samples_received: u64,
    /// Samples that were made up: a part of them as silence, where the sender paused or after a long loss.
    pub(crate) concealed_samples: u64,
    pub(crate) silent_concealed_samples: u64,
    /// How often sound had to be made up after sound that was received.
    pub(crate) concealment_events: u64,
    /// Samples more and less than were received, for the sake of the buffer's delay.
    pub(crate) inserted_samples_for_deceleration: u64,
    pub(crate) removed_samples_for_acceleration: u64,
    /// Seconds, summed over the samples that were received and handed out, and the number of these: from arrival until
    /// they were handed out, and what was aimed at. The least possible delay is what is aimed at.
    pub(crate) jitter_buffer_delay: f64,
    pub(crate) jitter_buffer_target_delay: f64,
    pub(crate) jitter_buffer_minimum_delay: f64,
    pub(crate) jitter_buffer_emitted_count: u64,
    /// Root mean square of the last samples, 0 to 1.
    pub(crate) audio_level: f64,
    /// The square of the level times seconds, summed.
    pub(crate) total_audio_energy: f64,
    /// Seconds of sound that were handed out.
    pub(crate) total_samples_duration: f64,
    /// Whether the last samples were received.
    received: bool,
}

impl JitterBufferStatistics {
    /// Counts interleaved samples that are handed out, `seconds` of them.
    pub(super) fn count(&mut self, samples: &[i16], channels: usize, seconds: f64, sound: Sound) {
        let frames = (samples.len() / channels) as u64;
        self.total_samples_received += frames;
        self.total_samples_duration += seconds;
        if sound != Sound::Received {
            self.concealed_samples += frames;
        }
        if sound == Sound::Concealed && self.received {
            self.concealment_events += 1;
        }
        self.received = sound == Sound::Received;
        if sound == Sound::Silent {
            self.silent_concealed_samples += frames;
        }
        let energy: i64 = samples.iter().map(|sample| i64::from(*sample).pow(2)).sum();
        let mean = energy as f64 / samples.len().max(1) as f64 / f64::from(i16::MIN).powi(2);
        self.audio_level = mean.sqrt();
        self.total_audio_energy += mean * seconds;
    }

    /// Counts `frames` that were received: seconds since their arrival, and those aimed at.
    pub(super) fn count_delay(&mut self, frames: u64, delay: f64, target: f64) {
        self.jitter_buffer_delay += delay * frames as f64;
        self.jitter_buffer_target_delay += target * frames as f64;
        self.jitter_buffer_minimum_delay += target * frames as f64;
        self.jitter_buffer_emitted_count += frames;
    }
}
