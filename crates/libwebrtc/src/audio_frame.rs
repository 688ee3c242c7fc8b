//! A piece of PCM audio.

use std::borrow::Cow;

/// Interleaved signed 16-bit PCM.
#[derive(Debug, Clone)]
pub struct AudioFrame<'a> {
    /// `samples_per_channel × num_channels` samples.
    pub data: Cow<'a, [i16]>,
    /// In Hz, of each channel.
    pub sample_rate: u32,
    pub num_channels: u32,
    pub samples_per_channel: u32,
}

impl AudioFrame<'_> {
    /// A frame of silence that owns its samples.
    pub fn new(sample_rate: u32, num_channels: u32, samples_per_channel: u32) -> Self {
        let samples = num_channels as usize * samples_per_channel as usize;
        Self { data: Cow::Owned(vec![0; samples]), sample_rate, num_channels, samples_per_channel }
    }
}
