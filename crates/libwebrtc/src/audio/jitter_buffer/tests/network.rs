//! Packets on their way, by a clock of the test's.

use std::time::{Duration, Instant};

use super::*;

pub(super) const FRAME: Duration = Duration::from_millis(20);

/// Numbers that look random and are the same in each run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % limit
    }
}

pub(super) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// When each packet arrives, from when it was sent: one each 20 ms.
pub(super) fn arrivals(
    packets: &[AudioPacket],
    mut delay: impl FnMut(u32) -> Option<Duration>,
) -> Vec<(Duration, AudioPacket)> {
    let mut arrivals: Vec<_> = packets
        .iter()
        .zip(0..)
        .filter_map(|(packet, index)| Some((FRAME * index + delay(index)?, packet.clone())))
        .collect();
    arrivals.sort_by_key(|(at, _)| *at);
    arrivals
}

/// A buffer, what it handed out, and the test's clock.
pub(super) struct Listener {
    pub(super) buffer: JitterBuffer,
    pub(super) samples: Vec<i16>,
    pub(super) timeouts: u32,
    pub(super) most_waiting: usize,
    start: Instant,
    first: Option<Instant>,
}

impl Listener {
    pub(super) fn new(rate: u32, channels: u32) -> Self {
        Self {
            buffer: JitterBuffer::new(rate, channels).expect("make jitter buffer"),
            samples: Vec::new(),
            timeouts: 0,
            most_waiting: 0,
            start: Instant::now(),
            first: None,
        }
    }

    /// Hears it all, at 16 kHz, until `end`.
    pub(super) fn hear(arrivals: &[(Duration, AudioPacket)], end: Duration) -> Self {
        let mut listener = Self::new(signal::RATE as u32, 1);
        for (at, packet) in arrivals {
            listener.receive(packet, *at);
        }
        listener.run(end);
        listener
    }

    pub(super) fn receive(&mut self, packet: &AudioPacket, at: Duration) {
        self.run(at);
        let now = self.start + at;
        self.first.get_or_insert(now);
        self.buffer.receive(packet, now);
        self.take(now);
    }

    /// Serves the timers, as late as `end`.
    pub(super) fn run(&mut self, end: Duration) {
        let end = self.start + end;
        while let Some(timeout) = self.buffer.next_timeout().filter(|timeout| *timeout <= end) {
            self.timeouts += 1;
            assert!(self.take(timeout) > 0, "a timer for nothing");
        }
        self.take(end);
    }

    fn take(&mut self, now: Instant) -> usize {
        self.most_waiting = self.most_waiting.max(self.buffer.packets.len());
        let mut taken = 0;
        while let Some(samples) = self.buffer.next_samples(now) {
            taken += 1;
            self.samples.extend_from_slice(samples);
        }
        self.check_pace(now);
        taken
    }

    /// Never ahead of the clock by more than is handed out at a time; behind it by the first delay, or by what an idle
    /// stream hands out at a time.
    fn check_pace(&self, now: Instant) {
        let Some(first) = self.first else { return };
        let (rate, channels) = self.buffer.format();
        let handed_out = self.samples.len() as f64 * 1000.0 / f64::from(rate * channels);
        let elapsed = (now - first).as_secs_f64() * 1000.0;
        // The resampler keeps up to 10 ms.
        let kept = if self.buffer.resampler.is_some() { 11.0 } else { 0.0 };
        let behind = elapsed - handed_out;
        assert!(
            (-30.5..=20.5 + 80.0 + kept).contains(&behind),
            "{behind} ms behind the clock at {elapsed} ms"
        );
    }

    pub(super) fn statistics(&self) -> &JitterBufferStatistics {
        self.buffer.statistics()
    }

    /// What was handed out, in ms at 16 kHz.
    pub(super) fn milliseconds(&self) -> usize {
        self.samples.len() * 1000 / signal::RATE
    }

    pub(super) fn target_ms(&self) -> i64 {
        self.buffer.delay.target().as_millis()
    }

    /// The delay of what is due next, in ms.
    pub(super) fn delay_ms(&self) -> i64 {
        let due = self.buffer.clock.as_ref().expect("a clock").due;
        let situation = self.buffer.situation(due, due);
        situation.margin(self.buffer.next.expect("a place")).as_millis()
    }
}
