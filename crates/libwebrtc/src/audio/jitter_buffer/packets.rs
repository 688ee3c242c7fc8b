//! The packets that wait, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::audio::opus;

use super::ticks::Ticks;

/// A second and a half of packets of 2.5 ms, more than the buffer holds in time. Above it the oldest is dropped.
const CAPACITY: usize = 600;
/// Sequence numbers below the newest one in which a duplicate is recognised.
const REMEMBERED: u64 = 128;

/// A packet with its times.
pub(super) struct Packet {
    pub(super) sequence: u64,
    /// On the stream's time line.
    pub(super) time: Ticks,
    pub(super) duration: Ticks,
    pub(super) arrived: Ticks,
    pub(super) payload: Arc<[u8]>,
    /// Whether it has a coding of the packet before it.
    pub(super) has_fec: bool,
}

impl Packet {
    /// `None` for a payload that is malformed or, as in padding, empty.
    pub(super) fn new(sequence: u64, time: Ticks, arrived: Ticks, payload: Arc<[u8]>) -> Option<Self> {
        let duration = Ticks::new(opus::duration(&payload)?.into());
        let has_fec = opus::has_fec(&payload);
        Some(Self { sequence, time, duration, arrived, payload, has_fec })
    }
}

#[derive(Default)]
pub(super) struct Packets {
    waiting: VecDeque<Packet>,
    newest: u64,
    /// Bit n: the packet n below the newest was here.
    seen: u128,
}

impl Packets {
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.seen = 0;
    }

    /// Whether a packet was not here before, as far back as is remembered; it is remembered from now on.
    pub(super) fn is_first_time(&mut self, sequence: u64) -> bool {
        if self.seen == 0 {
            self.newest = sequence;
        }
        if let Some(ahead) = sequence.checked_sub(self.newest) {
            let shift = u32::try_from(ahead).unwrap_or(u32::MAX);
            let known = self.seen & 1 != 0 && ahead == 0;
            self.seen = self.seen.checked_shl(shift).unwrap_or(0) | 1;
            self.newest = sequence;
            return !known;
        }
        let behind = self.newest - sequence;
        if behind >= REMEMBERED {
            return true;
        }
        let known = self.seen >> behind & 1 != 0;
        self.seen |= 1 << behind;
        !known
    }

    /// Answers whether the oldest packet had to be dropped for it.
    pub(super) fn insert(&mut self, packet: Packet) -> bool {
        let behind = self.waiting.iter().rev().take_while(|other| other.sequence > packet.sequence).count();
        self.waiting.insert(self.waiting.len() - behind, packet);
        let full = self.waiting.len() > CAPACITY;
        if full {
            self.waiting.pop_front();
        }
        full
    }

    pub(super) fn front(&self) -> Option<&Packet> {
        self.waiting.front()
    }

    pub(super) fn pop_front(&mut self) -> Option<Packet> {
        self.waiting.pop_front()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Where the last packet ends on the time line.
    pub(super) fn end(&self) -> Option<Ticks> {
        self.waiting.back().map(|last| last.time + last.duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_recognised_in_any_order() {
        let mut packets = Packets::default();
        let mut is_first_time = |sequence| packets.is_first_time(sequence);
        assert!(is_first_time(100) && !is_first_time(100));
        assert!(is_first_time(103) && is_first_time(101) && is_first_time(102));
        assert!(!is_first_time(100) && !is_first_time(101) && !is_first_time(103));
        assert!(is_first_time(1_000_000_000_000) && !is_first_time(1_000_000_000_000));
        assert!(is_first_time(999_999_999_873) && !is_first_time(999_999_999_873));
    }

    #[test]
    fn packets_are_sorted_and_limited() {
        let mut packets = Packets::default();
        let packet = |sequence| {
            let time = Ticks::new(sequence as i64 * 960);
            Packet::new(sequence, time, Ticks::ZERO, Arc::from([0xf8, 0xff, 0xfe])).expect("a packet")
        };
        for sequence in [3, 1, 2] {
            assert!(!packets.insert(packet(sequence)));
        }
        assert_eq!(packets.end(), Some(Ticks::new(4 * 960)));
        assert_eq!(packets.pop_front().map(|packet| packet.sequence), Some(1));
        let dropped = (4..700).filter(|sequence| packets.insert(packet(*sequence))).count();
        assert_eq!((packets.len(), dropped), (CAPACITY, 698 - CAPACITY));
    }
}
