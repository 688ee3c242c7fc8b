//! The target delay of the jitter buffer: a histogram of how late packets come, and how long the buffer should hold them
//! so that few come too late.

use super::ticks::Ticks;

/// The least and the most the buffer aims at.
const MIN_TARGET: Ticks = Ticks::from_millis(20);
const MAX_TARGET: Ticks = Ticks::from_millis(500);
/// Delay is told against the fastest packet of so long: eight intervals. A path that became longer is known after it,
/// and a sender's clock that is off by 200 ppm moves by less than a millisecond in it.
const WINDOW: usize = 8;
const INTERVAL: Ticks = Ticks::from_millis(500);
/// A packet later than the target counts at once, but a burst of them counts once.
const BURST: Ticks = Ticks::from_millis(100);
/// Of the intervals, this part shall pass without a packet that is too late: with 25 packets in each, more than 99 per
/// cent of the packets are in time.
const QUANTILE: f32 = 0.9;
/// Weight of what was known, at each new value. The third late burst in half a minute raises the target.
const KEEP: f32 = 0.96;
const BIN: Ticks = Ticks::from_millis(5);
const BINS: usize = MAX_TARGET.divided_by(BIN) as usize;

/// What is known of the arrivals.
pub(super) struct ArrivalDelay {
    /// The least transit (arrival less media time) of each of the last intervals, the current one first.
    fastest: [Ticks; WINDOW],
    interval_started: Ticks,
    /// The most a packet was late since the histogram was last told.
    slowest: Ticks,
    told: Ticks,
    histogram: Histogram,
    target: Ticks,
}

impl ArrivalDelay {
    pub(super) fn new() -> Self {
        Self {
            fastest: [Ticks::MAX; WINDOW],
            interval_started: Ticks::ZERO,
            slowest: Ticks::ZERO,
            told: Ticks::ZERO,
            histogram: Histogram::new(),
            target: MIN_TARGET,
        }
    }

    /// Another sender, or another time line: what is known about the network stays.
    pub(super) fn start_anew(&mut self, now: Ticks) {
        self.fastest = [Ticks::MAX; WINDOW];
        self.interval_started = now;
        self.slowest = Ticks::ZERO;
        self.told = now;
    }

    /// How long a packet should be able to wait for those that are slower.
    pub(super) fn target(&self) -> Ticks {
        self.target
    }

    /// When a packet of this media time arrives if it is as fast as the fastest.
    pub(super) fn expected_arrival(&self, time: Ticks) -> Ticks {
        time.saturating_add(self.least_transit().unwrap_or_default())
    }

    /// How much later than the fastest a packet is, negative for one that is faster; `None` before the first.
    pub(super) fn lateness(&self, time: Ticks, now: Ticks) -> Option<Ticks> {
        self.least_transit().map(|fastest| now.saturating_sub(time).saturating_sub(fastest))
    }

    pub(super) fn observe(&mut self, time: Ticks, now: Ticks) {
        let intervals = (now - self.interval_started) / INTERVAL;
        if intervals > 0 {
            self.interval_started += INTERVAL * intervals;
            let expired = usize::try_from(intervals).unwrap_or(WINDOW).min(WINDOW);
            self.fastest.rotate_right(expired);
            self.fastest[..expired].fill(Ticks::MAX);
        }
        self.fastest[0] = self.fastest[0].min(now.saturating_sub(time));
        let late = self.lateness(time, now).unwrap_or_default();
        self.slowest = self.slowest.max(late);
        let since_told = now - self.told;
        if since_told >= INTERVAL || (late > self.target && since_told >= BURST) {
            self.histogram.add(self.slowest);
            self.target = self.histogram.quantile().clamp(MIN_TARGET, MAX_TARGET);
            self.slowest = Ticks::ZERO;
            self.told = now;
        }
    }

    fn least_transit(&self) -> Option<Ticks> {
        self.fastest.iter().copied().min().filter(|transit| *transit != Ticks::MAX)
    }
}

/// Weights of delays, by bins, that fade as others come. Their sum is 1.
struct Histogram {
    weights: [f32; BINS],
}

impl Histogram {
    fn new() -> Self {
        let mut weights = [0.0; BINS];
        weights[0] = 1.0;
        Self { weights }
    }

    fn add(&mut self, delay: Ticks) {
        for weight in &mut self.weights {
            *weight *= KEEP;
        }
        let bin = usize::try_from(delay / BIN).unwrap_or_default().min(BINS - 1);
        self.weights[bin] += 1.0 - KEEP;
    }

    /// The upper end of the bin at the quantile.
    fn quantile(&self) -> Ticks {
        let mut sum = 0.0;
        let below = self.weights.iter().take_while(|weight| {
            sum += **weight;
            sum < QUANTILE
        });
        BIN * (below.count() as i64 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells of a packet each 20 ms, `seconds` long, as late as `late` says for its number.
    fn run(delay: &mut ArrivalDelay, from: i64, seconds: i64, late: impl Fn(i64) -> i64) {
        for packet in 0..seconds * 50 {
            let time = Ticks::from_millis(from * 1_000 + packet * 20);
            delay.observe(time, time + Ticks::from_millis(late(packet)));
        }
    }

    fn milliseconds(delay: &ArrivalDelay) -> i64 {
        delay.target().as_millis()
    }

    #[test]
    fn the_target_rises_at_once_and_falls_slowly() {
        let mut delay = ArrivalDelay::new();
        run(&mut delay, 0, 60, |packet| packet % 3);
        assert_eq!(milliseconds(&delay), 20);
        run(&mut delay, 60, 1, |packet| packet * 37 % 80);
        assert!((50..=80).contains(&milliseconds(&delay)), "{}", milliseconds(&delay));
        run(&mut delay, 61, 9, |packet| packet * 37 % 80);
        assert_eq!(milliseconds(&delay), 80);
        run(&mut delay, 70, 5, |packet| packet % 3);
        assert_eq!(milliseconds(&delay), 80);
        run(&mut delay, 75, 30, |packet| packet % 3);
        assert_eq!(milliseconds(&delay), 20);
    }

    #[test]
    fn one_spike_does_not_raise_it_and_it_is_never_above_the_cap() {
        let mut delay = ArrivalDelay::new();
        run(&mut delay, 0, 2, |_| 0);
        run(&mut delay, 2, 1, |packet| (300 - packet * 20).max(0));
        assert_eq!(milliseconds(&delay), 20);
        run(&mut delay, 3, 20, |packet| if packet % 10 == 0 { 0 } else { 2000 });
        assert_eq!(milliseconds(&delay), 500);
    }

    #[test]
    fn a_clock_that_drifts_and_a_path_that_became_longer_are_followed() {
        let mut delay = ArrivalDelay::new();
        // 200 ppm: a tick in 5,000.
        for packet in 0..50 * 300 {
            let time = Ticks::from_millis(packet * 20);
            delay.observe(time, time + time / 5_000);
        }
        assert_eq!(milliseconds(&delay), 20);
        run(&mut delay, 400, 5, |_| 70);
        let (time, arrival) = (Ticks::from_millis(405_000), Ticks::from_millis(405_070));
        assert_eq!(delay.lateness(time, arrival), Some(Ticks::ZERO));
    }
}
