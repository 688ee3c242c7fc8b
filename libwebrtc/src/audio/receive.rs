//! Remote audio.
use crate::audio_frame::AudioFrame;
use std::sync::Arc;
use std::task::{Context, Poll};
pub(crate) struct RemoteAudio;
impl RemoteAudio {
    pub(crate) fn close(&self) {}
    pub(crate) fn attach(&self, _s: &Arc<StreamSink>, _r: i32, _c: i32) {}
    pub(crate) fn detach(&self, _s: &Arc<StreamSink>) {}
}
pub(crate) struct StreamSink;
impl StreamSink {
    pub(crate) fn new(_c: usize) -> Self {
        Self
    }
    pub(crate) fn close(&self) {}
    pub(crate) fn poll_frame(&self, _c: &mut Context<'_>) -> Poll<Option<AudioFrame<'static>>> {
        Poll::Ready(None)
    }
}
