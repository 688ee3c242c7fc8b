//! The samples a program pushed and no encoder has taken yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::RtcError;
use crate::audio_frame::AudioFrame;

/// Samples a source that never waits holds at most, in ms.
const DIRECT_LIMIT_MS: u32 = 200;

/// A queue that one published track drains. While none does, the samples are discarded in real time, so that whoever
/// pushes them is paced the same.
pub(crate) struct SourceQueue {
    sample_rate: u32,
    num_channels: u32,
    /// Interleaved samples above which pushing waits; `None`: it never does.
    limit: Option<usize>,
    state: Mutex<State>,
    /// Samples were taken, or the consumer came or went.
    changed: Notify,
}

struct State {
    samples: VecDeque<i16>,
    consumer: Option<Consumer>,
    /// Until when samples without a consumer have been discarded.
    discarded_until: Instant,
}

struct Consumer {
    id: u64,
    samples_arrived: Arc<Notify>,
}

impl SourceQueue {
    pub(crate) fn new(sample_rate: u32, num_channels: u32, queue_size_ms: u32) -> Self {
        let limit = (queue_size_ms > 0).then(|| samples_in(queue_size_ms, sample_rate, num_channels));
        let state = State { samples: VecDeque::new(), consumer: None, discarded_until: Instant::now() };
        Self { sample_rate, num_channels, limit, state: Mutex::new(state), changed: Notify::new() }
    }

    pub(crate) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    pub(crate) fn num_channels(&self) -> u32 {
        self.num_channels
    }

    pub(crate) fn clear(&self) {
        self.state.lock().samples.clear();
        self.changed.notify_waiters();
    }

    /// Queues a frame and waits while more than the limit is queued.
    pub(crate) async fn capture(&self, frame: &AudioFrame<'_>) -> Result<(), RtcError> {
        if frame.sample_rate != self.sample_rate || frame.num_channels != self.num_channels {
            return Err(RtcError::invalid_state("the frame's rate and channels are not the source's"));
        }
        let channels = self.num_channels as usize;
        if !frame.data.len().is_multiple_of(channels) {
            return Err(RtcError::invalid_state("the frame's length is not a multiple of its channels"));
        }
        let Some(limit) = self.limit else {
            if frame.data.len() != samples_in(10, self.sample_rate, self.num_channels) {
                return Err(RtcError::invalid_state("a source without a queue takes frames of 10 ms"));
            }
            self.push(&frame.data);
            return Ok(());
        };
        for chunk in frame.data.chunks(limit) {
            self.push(chunk);
            self.wait_below(limit).await;
        }
        Ok(())
    }

    /// Makes `id` the consumer; one that was there before gets nothing more.
    pub(crate) fn attach(&self, id: u64, samples_arrived: Arc<Notify>) {
        let mut state = self.state.lock();
        self.discard(&mut state, Instant::now());
        state.consumer = Some(Consumer { id, samples_arrived });
        drop(state);
        self.changed.notify_waiters();
    }

    pub(crate) fn detach(&self, id: u64) {
        let mut state = self.state.lock();
        if state.consumer.as_ref().is_some_and(|consumer| consumer.id == id) {
            state.consumer = None;
            state.discarded_until = Instant::now();
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Appends queued samples until there are `wanted`.
    pub(crate) fn take(&self, id: u64, wanted: usize, samples: &mut Vec<i16>) {
        let mut state = self.state.lock();
        if state.consumer.as_ref().is_none_or(|consumer| consumer.id != id) {
            return;
        }
        let count = wanted.saturating_sub(samples.len()).min(state.samples.len());
        samples.extend(state.samples.drain(..count));
        drop(state);
        if count > 0 {
            self.changed.notify_waiters();
        }
    }

    fn push(&self, samples: &[i16]) {
        let mut state = self.state.lock();
        self.discard(&mut state, Instant::now());
        state.samples.extend(samples);
        if self.limit.is_none() {
            let limit = samples_in(DIRECT_LIMIT_MS, self.sample_rate, self.num_channels);
            let surplus = state.samples.len().saturating_sub(limit);
            state.samples.drain(..surplus);
        }
        if let Some(consumer) = &state.consumer {
            consumer.samples_arrived.notify_one();
        }
    }

    async fn wait_below(&self, limit: usize) {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            let discarded_in = {
                let mut state = self.state.lock();
                self.discard(&mut state, Instant::now());
                let surplus = state.samples.len().saturating_sub(limit);
                if surplus == 0 {
                    return;
                }
                state.consumer.is_none().then(|| self.duration_of(surplus))
            };
            match discarded_in {
                None => changed.await,
                Some(duration) => tokio::select! {
                    () = changed => {}
                    () = tokio::time::sleep(duration) => {}
                },
            }
        }
    }

    /// Without a consumer: drops what would have been sent by now.
    fn discard(&self, state: &mut State, now: Instant) {
        if state.consumer.is_some() {
            return;
        }
        let elapsed = now.saturating_duration_since(state.discarded_until);
        let frames = (elapsed.as_secs_f64() * f64::from(self.sample_rate)) as usize;
        let due = frames * self.num_channels as usize;
        if due >= state.samples.len() {
            state.samples.clear();
            state.discarded_until = now;
        } else if due > 0 {
            state.samples.drain(..due);
            state.discarded_until += self.duration_of(due);
        }
    }

    fn duration_of(&self, samples: usize) -> Duration {
        let frames = samples.div_ceil(self.num_channels as usize);
        Duration::from_secs_f64(frames as f64 / f64::from(self.sample_rate))
    }
}

fn samples_in(milliseconds: u32, sample_rate: u32, num_channels: u32) -> usize {
    (u64::from(milliseconds) * u64::from(sample_rate) / 1000) as usize * num_channels as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(samples: u32) -> AudioFrame<'static> {
        AudioFrame::new(16_000, 1, samples)
    }

    #[tokio::test]
    async fn without_a_consumer_pushing_is_paced_in_real_time() {
        let queue = SourceQueue::new(16_000, 1, 50);
        let started = Instant::now();
        for _ in 0..15 {
            queue.capture(&frame(320)).await.expect("capture");
        }
        let elapsed = started.elapsed();
        // 300 ms were pushed and 50 may still be queued.
        assert!(elapsed >= Duration::from_millis(240), "{elapsed:?}");
        assert!(elapsed < Duration::from_millis(400), "{elapsed:?}");
    }

    #[tokio::test]
    async fn a_consumer_lets_the_pusher_go_on() {
        let queue = Arc::new(SourceQueue::new(16_000, 1, 20));
        let arrived = Arc::new(Notify::new());
        queue.attach(1, arrived.clone());
        let pusher = tokio::spawn({
            let queue = queue.clone();
            async move { queue.capture(&frame(960)).await }
        });
        let mut samples = Vec::new();
        while samples.len() < 960 {
            arrived.notified().await;
            let wanted = samples.len() + 320;
            queue.take(1, wanted, &mut samples);
            arrived.notify_one();
            tokio::task::yield_now().await;
        }
        pusher.await.expect("join").expect("capture");
    }

    #[tokio::test]
    async fn the_wrong_format_is_refused() {
        let queue = SourceQueue::new(16_000, 1, 0);
        assert!(queue.capture(&AudioFrame::new(48_000, 1, 480)).await.is_err());
        assert!(queue.capture(&frame(320)).await.is_err());
        assert!(queue.capture(&frame(160)).await.is_ok());
    }
}
