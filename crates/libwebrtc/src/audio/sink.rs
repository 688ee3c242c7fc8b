//! Frames of 10 ms between the connection's task and the program that reads a stream.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::audio_frame::AudioFrame;

/// A queue that drops its oldest frame when it is full.
pub(crate) struct StreamSink {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    frames: VecDeque<AudioFrame<'static>>,
    /// Samples of a frame that is not complete.
    partial: Vec<i16>,
    waker: Option<Waker>,
    closed: bool,
    dropped: u64,
}

impl StreamSink {
    /// A queue of so many frames.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    /// Ends the stream; frames that were not read are dropped.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.frames = VecDeque::new();
        state.partial = Vec::new();
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    pub(crate) fn poll_frame(&self, context: &mut Context<'_>) -> Poll<Option<AudioFrame<'static>>> {
        let mut state = self.state.lock();
        match state.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None if state.closed => Poll::Ready(None),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Cuts interleaved samples into frames.
    pub(super) fn push(&self, samples: &[i16], sample_rate: u32, num_channels: u32) {
        let per_channel = sample_rate / 100;
        let length = (per_channel * num_channels) as usize;
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        let mut complete = false;
        let mut rest = samples;
        while !rest.is_empty() {
            let missing = length.saturating_sub(state.partial.len()).min(rest.len());
            let (part, behind) = rest.split_at(missing);
            rest = behind;
            state.partial.extend(part);
            if state.partial.len() < length {
                break;
            }
            complete = true;
            let data = std::mem::replace(&mut state.partial, Vec::with_capacity(length));
            let frame =
                AudioFrame { data: data.into(), sample_rate, num_channels, samples_per_channel: per_channel };
            if state.frames.len() >= self.capacity {
                state.frames.pop_front();
                state.dropped += 1;
                if state.dropped.is_power_of_two() {
                    tracing::warn!(
                        dropped = state.dropped,
                        "an audio stream is read too slowly: frames are dropped"
                    );
                }
            }
            state.frames.push_back(frame);
        }
        if complete && let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sink: &StreamSink) -> Poll<Option<usize>> {
        let mut context = Context::from_waker(Waker::noop());
        sink.poll_frame(&mut context).map(|frame| frame.map(|frame| frame.data[0] as usize))
    }

    #[test]
    fn frames_are_cut_and_the_oldest_is_dropped() {
        let sink = StreamSink::new(2);
        assert_eq!(read(&sink), Poll::Pending);
        sink.push(&[1; 100], 8_000, 1);
        assert_eq!(read(&sink), Poll::Ready(Some(1)));
        assert_eq!(read(&sink), Poll::Pending);
        for marker in 2..=5 {
            sink.push(&[marker; 80], 8_000, 1);
        }
        // Each frame starts with the 20 samples that were left over.
        assert_eq!(read(&sink), Poll::Ready(Some(3)));
        sink.close();
        assert_eq!(read(&sink), Poll::Ready(None));
    }
}
