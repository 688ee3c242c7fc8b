//! The samples a program pushed and the encoders have not taken yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::RtcError;
use crate::audio_frame::AudioFrame;

/// Samples a source that never waits holds at most, in ms.
const DIRECT_LIMIT_MS: u32 = 200;

/// A queue for each published track of the source: while a session is replaced there are two. While there is none, the
/// samples are discarded in real time, so that whoever pushes them is paced the same.
pub(crate) struct SourceQueue {
    sample_rate: u32,
    num_channels: u32,
    /// Interleaved samples above which pushing waits; `None`: it never does.
    limit: Option<usize>,
    state: Mutex<State>,
    /// Samples were taken, or a consumer came or went.
    changed: Notify,
}

struct State {
    consumers: Vec<Consumer>,
    /// Samples while there is no consumer, and until when they have been discarded.
    unclaimed: VecDeque<i16>,
    discarded_until: Instant,
}

struct Consumer {
    id: u64,
    samples: VecDeque<i16>,
    samples_arrived: Arc<Notify>,
}

impl SourceQueue {
    pub(crate) fn new(sample_rate: u32, num_channels: u32, queue_size_ms: u32) -> Self {
        let limit = (queue_size_ms > 0).then(|| samples_in(queue_size_ms, sample_rate, num_channels));
        let state =
            State { consumers: Vec::new(), unclaimed: VecDeque::new(), discarded_until: Instant::now() };
        Self { sample_rate, num_channels, limit, state: Mutex::new(state), changed: Notify::new() }
    }

    pub(crate) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    pub(crate) fn num_channels(&self) -> u32 {
        self.num_channels
    }

    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        state.unclaimed.clear();
        for consumer in &mut state.consumers {
            consumer.samples.clear();
        }
        drop(state);
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
            self.wait_below(limit).await?;
        }
        Ok(())
    }

    /// Adds a consumer, which gets what is pushed from now on; the first one also gets what is queued.
    pub(crate) fn attach(&self, id: u64, samples_arrived: Arc<Notify>) {
        let mut state = self.state.lock();
        self.discard(&mut state, Instant::now());
        let samples = std::mem::take(&mut state.unclaimed);
        state.consumers.push(Consumer { id, samples, samples_arrived });
        drop(state);
        self.changed.notify_waiters();
    }

    pub(crate) fn detach(&self, id: u64) {
        let mut state = self.state.lock();
        if let Some(index) = state.consumers.iter().position(|consumer| consumer.id == id) {
            let detached = state.consumers.swap_remove(index);
            if state.consumers.is_empty() {
                state.unclaimed = detached.samples;
                state.discarded_until = Instant::now();
            }
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Appends samples of the consumer's queue until there are `wanted`.
    pub(crate) fn take(&self, id: u64, wanted: usize, samples: &mut Vec<i16>) {
        let mut state = self.state.lock();
        let Some(consumer) = state.consumers.iter_mut().find(|consumer| consumer.id == id) else { return };
        let count = wanted.saturating_sub(samples.len()).min(consumer.samples.len());
        samples.extend(consumer.samples.drain(..count));
        drop(state);
        if count > 0 {
            self.changed.notify_waiters();
        }
    }

    fn push(&self, samples: &[i16]) {
        let mut state = self.state.lock();
        self.discard(&mut state, Instant::now());
        if state.consumers.is_empty() {
            self.append(&mut state.unclaimed, samples);
        }
        for consumer in &mut state.consumers {
            self.append(&mut consumer.samples, samples);
            consumer.samples_arrived.notify_one();
        }
    }

    fn append(&self, queue: &mut VecDeque<i16>, samples: &[i16]) {
        queue.extend(samples);
        if self.limit.is_none() {
            let limit = samples_in(DIRECT_LIMIT_MS, self.sample_rate, self.num_channels);
            let surplus = queue.len().saturating_sub(limit);
            queue.drain(..surplus);
        }
    }

    async fn wait_below(&self, limit: usize) -> Result<(), RtcError> {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            let discarded_in = {
                let mut state = self.state.lock();
                self.discard(&mut state, Instant::now());
                let queues = state.consumers.iter().map(|consumer| &consumer.samples);
                let longest = queues.chain([&state.unclaimed]).map(VecDeque::len).max().unwrap_or_default();
                let surplus = longest.saturating_sub(limit);
                if surplus == 0 {
                    return Ok(());
                }
                state.consumers.is_empty().then(|| self.duration_of(surplus))
            };
            match discarded_in {
                None => changed.await,
                Some(duration) => {
                    let discarded = {
                        let runtime = crate::runtime::handle()?;
                        let _timers = runtime.enter();
                        tokio::time::sleep(duration)
                    };
                    tokio::select! {
                        () = changed => {}
                        () = discarded => {}
                    }
                }
            }
        }
    }

    /// Without a consumer: drops what would have been sent by now.
    fn discard(&self, state: &mut State, now: Instant) {
        if !state.consumers.is_empty() {
            return;
        }
        let elapsed = now.saturating_duration_since(state.discarded_until);
        let frames = (elapsed.as_secs_f64() * f64::from(self.sample_rate)) as usize;
        let due = frames * self.num_channels as usize;
        if due >= state.unclaimed.len() {
            state.unclaimed.clear();
            state.discarded_until = now;
        } else if due > 0 {
            state.unclaimed.drain(..due);
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
    async fn each_consumer_gets_all_samples_and_the_one_that_stays_goes_on() {
        let queue = SourceQueue::new(16_000, 1, 50);
        queue.attach(1, Arc::new(Notify::new()));
        queue.attach(2, Arc::new(Notify::new()));
        queue.capture(&frame(320)).await.expect("capture");
        for id in [1, 2] {
            let mut samples = Vec::new();
            queue.take(id, 1000, &mut samples);
            assert_eq!(samples.len(), 320);
        }
        queue.detach(2);
        queue.capture(&frame(320)).await.expect("capture");
        let mut samples = Vec::new();
        queue.take(1, 1000, &mut samples);
        assert_eq!(samples.len(), 320);
    }

    #[tokio::test]
    async fn the_wrong_format_is_refused() {
        let queue = SourceQueue::new(16_000, 1, 0);
        assert!(queue.capture(&AudioFrame::new(48_000, 1, 480)).await.is_err());
        assert!(queue.capture(&frame(320)).await.is_err());
        assert!(queue.capture(&frame(160)).await.is_ok());
    }
}
