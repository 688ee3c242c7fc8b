//! The sound whose words are not final yet. It is kept, so that a new connection is sent it again: no word is lost where one
//! breaks, and none of those that are final comes twice. No IO.

use std::collections::VecDeque;
use std::time::Duration;

/// Sound on its way to words, on the time line of a call that counts samples.
#[derive(Debug)]
pub(super) struct Unsettled {
    /// Samples a second.
    rate: u32,
    samples: VecDeque<i16>,
    /// Where the first of them is.
    first: u64,
    /// Up to where the present connection has them.
    sent: u64,
    /// Where the first one is that the present connection was sent.
    connected_at: u64,
    most: usize,
}

impl Unsettled {
    /// `longest` is what is kept at most; older sound is lost where a service hears nothing final for so long.
    pub(super) fn new(rate: u32, longest: Duration) -> Self {
        let most = (longest.as_secs_f64() * f64::from(rate)) as usize;
        Self { rate, samples: VecDeque::new(), first: 0, sent: 0, connected_at: 0, most }
    }

    pub(super) fn push(&mut self, samples: &[i16]) {
        self.samples.extend(samples);
        let surplus = self.samples.len().saturating_sub(self.most);
        self.settle_to(self.first + surplus as u64);
    }

    /// The next piece to send: `length` samples, or less where `rest` says that less is enough.
    pub(super) fn next_piece(&mut self, length: usize, rest: bool) -> Option<Vec<i16>> {
        let from = usize::try_from(self.sent - self.first).ok()?;
        let left = self.samples.len() - from;
        let length = if rest { length.min(left) } else { length };
        if length == 0 || left < length {
            return None;
        }
        self.sent += length as u64;
        Some(self.samples.range(from..from + length).copied().collect())
    }

    /// Where in the call a time is that counts from the first sample of this connection; no further than that was sent sound.
    pub(super) fn position(&self, since_connected: Duration) -> Duration {
        let position = self.connected_at + (since_connected.as_secs_f64() * f64::from(self.rate)) as u64;
        self.duration(position.min(self.sent))
    }

    /// Up to where the present connection has the sound.
    pub(super) fn heard(&self) -> Duration {
        self.duration(self.sent)
    }

    fn duration(&self, samples: u64) -> Duration {
        Duration::from_secs_f64(samples as f64 / f64::from(self.rate))
    }

    /// Nothing of it is wanted any more but the last of it.
    pub(super) fn settle_all_but(&mut self, last: Duration) {
        let last = (last.as_secs_f64() * f64::from(self.rate)) as u64;
        self.settle_to((self.first + self.samples.len() as u64).saturating_sub(last));
    }

    /// What was received so far: where the call is.
    pub(super) fn now(&self) -> Duration {
        self.duration(self.first + self.samples.len() as u64)
    }

    /// All that is not settled.
    pub(super) fn all(&self) -> Vec<i16> {
        self.samples.iter().copied().collect()
    }

    /// All up to there in the call is settled.
    pub(super) fn settle_until(&mut self, position: Duration) {
        let received = self.first + self.samples.len() as u64;
        let position = (position.as_secs_f64() * f64::from(self.rate)).round() as u64;
        self.settle_to(position.min(received));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Another connection is to be sent all that is not settled.
    pub(super) fn reconnect(&mut self) {
        self.sent = self.first;
        self.connected_at = self.first;
    }

    fn settle_to(&mut self, position: u64) {
        let settled = usize::try_from(position.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.samples.drain(..settled.min(self.samples.len()));
        self.first = self.first.max(position);
        // What is never sent is not among what this connection counts.
        self.connected_at += self.first.saturating_sub(self.sent);
        self.sent = self.sent.max(self.first);
        if self.samples.is_empty() {
            self.samples.shrink_to(self.rate as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 1_000;

    fn unsettled() -> Unsettled {
        let mut unsettled = Unsettled::new(RATE, Duration::from_secs(10));
        unsettled.push(&(0..2_000).collect::<Vec<i16>>());
        unsettled
    }

    fn send_all(unsettled: &mut Unsettled) -> Vec<i16> {
        std::iter::from_fn(|| unsettled.next_piece(50, true)).flatten().collect()
    }

    /// Words are final that end there, as the present connection counts.
    fn settle(unsettled: &mut Unsettled, milliseconds: u64) {
        unsettled.settle_until(unsettled.position(Duration::from_millis(milliseconds)));
    }

    #[test]
    fn a_new_connection_gets_what_is_not_final_and_nothing_else() {
        let mut unsettled = unsettled();
        assert_eq!(send_all(&mut unsettled).len(), 2_000);
        settle(&mut unsettled, 700);
        unsettled.reconnect();
        assert_eq!(send_all(&mut unsettled), (700..2_000).collect::<Vec<i16>>());
        // Times count from the first sample that this connection was sent.
        settle(&mut unsettled, 300);
        unsettled.reconnect();
        assert_eq!(send_all(&mut unsettled)[0], 1_000);
        // A service cannot know more than it was sent.
        unsettled.push(&[7; 100]);
        settle(&mut unsettled, 1_000_000);
        unsettled.reconnect();
        assert_eq!(send_all(&mut unsettled), [7; 100]);
        settle(&mut unsettled, 1_000_000);
        unsettled.push(&[8; 10]);
        unsettled.reconnect();
        assert_eq!(send_all(&mut unsettled), [8; 10]);
    }

    #[test]
    fn pieces_are_whole_unless_the_rest_is_wanted() {
        let mut unsettled = Unsettled::new(RATE, Duration::from_secs(10));
        unsettled.push(&[1; 120]);
        assert_eq!(unsettled.next_piece(50, false).map(|piece| piece.len()), Some(50));
        assert_eq!(unsettled.next_piece(50, false).map(|piece| piece.len()), Some(50));
        assert_eq!(unsettled.next_piece(50, false), None);
        assert_eq!(unsettled.next_piece(50, true), Some(vec![1; 20]));
        assert_eq!(unsettled.next_piece(50, true), None);
    }

    #[test]
    fn what_was_forgotten_meanwhile_is_not_counted_twice() {
        let mut unsettled = unsettled();
        let end = unsettled.now();
        unsettled.settle_all_but(Duration::ZERO);
        unsettled.push(&[7; 100]);
        unsettled.settle_until(end);
        assert_eq!((unsettled.all(), unsettled.now()), (vec![7; 100], end + Duration::from_millis(100)));
        // There is nothing to settle beyond what was received.
        unsettled.settle_until(2 * end);
        unsettled.push(&[8; 10]);
        assert_eq!((unsettled.all(), unsettled.now()), (vec![8; 10], end + Duration::from_millis(110)));
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let mut unsettled = Unsettled::new(RATE, Duration::from_secs(1));
        for second in 0..100 {
            unsettled.push(&[second; 1_000]);
            assert!(unsettled.samples.len() <= 1_000);
        }
        assert_eq!(send_all(&mut unsettled), [99; 1_000]);
        unsettled.settle_all_but(Duration::ZERO);
        unsettled.reconnect();
        assert!(send_all(&mut unsettled).is_empty());
    }
}
