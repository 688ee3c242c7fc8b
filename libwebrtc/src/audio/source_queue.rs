//! The samples a program pushed and the encoder has not taken.
use crate::{RtcError, audio_frame::AudioFrame};
pub(crate) struct SourceQueue {
    sample_rate: u32,
    num_channels: u32,
}
impl SourceQueue {
    pub(crate) fn new(sample_rate: u32, num_channels: u32, _q: u32) -> Self {
        Self { sample_rate, num_channels }
    }
    pub(crate) fn clear(&self) {}
    #[expect(clippy::unused_async, reason = "to be written")]
    pub(crate) async fn capture(&self, _frame: &AudioFrame<'_>) -> Result<(), RtcError> {
        Err(RtcError::not_supported("audio"))
    }
    pub(crate) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }
    pub(crate) fn num_channels(&self) -> u32 {
        self.num_channels
    }
}
