//! The audio of a remote track, on its way to the streams that read it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::jitter_buffer::{JitterBuffer, JitterBufferStatistics};
use super::packet::AudioPacket;
use super::sink::StreamSink;

/// The streams of one remote track. Each decodes for itself, at the rate it was asked for.
#[derive(Default)]
pub(crate) struct RemoteAudio {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    streams: Vec<Stream>,
    closed: bool,
}

struct Stream {
    sink: Arc<StreamSink>,
    buffer: JitterBuffer,
}

impl RemoteAudio {
    /// Decodes for `sink` from the next packet on. Closes it, with an error in the log, when that is not possible.
    pub(crate) fn attach(&self, sink: &Arc<StreamSink>, sample_rate: i32, num_channels: i32) {
        let format = (u32::try_from(sample_rate), u32::try_from(num_channels));
        let buffer = match format {
            (Ok(rate @ 8_000..=192_000), Ok(channels @ (1 | 2))) => JitterBuffer::new(rate, channels),
            _ => Err("the rate or the number of channels is not supported".to_owned()),
        };
        let mut state = self.state.lock();
        match buffer {
            Ok(buffer) if !state.closed => state.streams.push(Stream { sink: sink.clone(), buffer }),
            Ok(_) => sink.close(),
            Err(error) => {
                tracing::error!(error, sample_rate, num_channels, "open audio stream");
                sink.close();
            }
        }
    }

    pub(crate) fn detach(&self, sink: &Arc<StreamSink>) {
        self.state.lock().streams.retain(|stream| !Arc::ptr_eq(&stream.sink, sink));
    }

    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        for stream in state.streams.drain(..) {
            stream.sink.close();
        }
    }

    pub(crate) fn receive(&self, packet: &AudioPacket, now: Instant) {
        self.for_each_stream(|stream| {
            stream.buffer.receive(packet, now);
            stream.hand_out(now);
        });
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.state.lock().streams.iter().filter_map(|stream| stream.buffer.next_timeout()).min()
    }

    pub(crate) fn handle_timeout(&self, now: Instant) {
        self.for_each_stream(|stream| stream.hand_out(now));
    }

    /// A stranger's bytes are decoded in here: a panic ends the stream, and neither the other streams nor the connection.
    fn for_each_stream(&self, mut act: impl FnMut(&mut Stream)) {
        self.state.lock().streams.retain_mut(|stream| {
            let acted = catch_unwind(AssertUnwindSafe(|| act(stream)));
            if acted.is_err() {
                tracing::error!("decoding audio panicked: the stream ends");
                stream.sink.close();
            }
            acted.is_ok()
        });
    }

    /// What the jitter buffer counted of the stream that was attached first.
    pub(crate) fn statistics(&self) -> Option<JitterBufferStatistics> {
        self.state.lock().streams.first().map(|stream| *stream.buffer.statistics())
    }
}

impl Stream {
    fn hand_out(&mut self, now: Instant) {
        let (sample_rate, num_channels) = self.buffer.format();
        while let Some(samples) = self.buffer.next_samples(now) {
            self.sink.push(samples, sample_rate, num_channels);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Wake, Waker};
    use std::time::Duration;

    use super::*;

    struct Panics;

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("as the decoder might");
        }
    }

    #[test]
    fn a_panic_ends_its_stream_alone() {
        let remote = RemoteAudio::default();
        let sinks = [(); 2].map(|()| {
            let sink = Arc::new(StreamSink::new(100));
            remote.attach(&sink, 48_000, 1);
            sink
        });
        let poll = |sink: &StreamSink, waker: &Waker| {
            sink.poll_frame(&mut Context::from_waker(waker)).map(|frame| frame.is_some())
        };
        assert_eq!(poll(&sinks[0], &Waker::from(Arc::new(Panics))), Poll::Pending);
        let payload: Arc<[u8]> = Arc::from([0xf8, 0xff, 0xfe]);
        remote.receive(&AudioPacket { ssrc: 1, sequence: 0, time: 0, payload }, Instant::now());
        assert_eq!(poll(&sinks[0], Waker::noop()), Poll::Ready(false));
        assert_eq!(poll(&sinks[1], Waker::noop()), Poll::Ready(true));
        assert_eq!(remote.state.lock().streams.len(), 1);
    }

    #[test]
    fn each_stream_is_at_the_rate_it_was_asked_for_and_statistics_are_the_first_ones() {
        let remote = RemoteAudio::default();
        let sinks = [16_000, 48_000].map(|rate| {
            let sink = Arc::new(StreamSink::new(100));
            remote.attach(&sink, rate, 2);
            sink
        });
        let start = Instant::now();
        // 20 ms of silence.
        let payload: Arc<[u8]> = Arc::from([0xf8, 0xff, 0xfe]);
        for index in 0..10 {
            let now = start + Duration::from_millis(20) * index;
            let (sequence, time) = (index.into(), u64::from(index) * 960);
            remote.receive(&AudioPacket { ssrc: 1, sequence, time, payload: payload.clone() }, now);
        }
        let samples = || remote.statistics().map_or(0, |statistics| statistics.total_samples_received);
        assert_eq!(samples(), 3_200);
        let timeout = remote.next_timeout().expect("a timer");
        assert_eq!(timeout, start + Duration::from_millis(220));
        remote.handle_timeout(timeout);
        assert_eq!(samples(), 3_360);
        remote.detach(&sinks[0]);
        assert_eq!(samples(), 48 * 210);
        remote.close();
        assert_eq!((samples(), remote.next_timeout()), (0, None));
    }
}
