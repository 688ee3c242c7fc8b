//! What the next samples are made of, when no decoded ones are left.

use super::MILLISECOND;
use super::delay::ArrivalDelay;
use super::packets::{Packet, Packets};

/// The delay may differ from the target by so much before anything is done about it.
pub(super) const MAX_ABOVE: i64 = 15 * MILLISECOND;
pub(super) const MAX_BELOW: i64 = 10 * MILLISECOND;
/// More than this above the target is dropped at once; less is paid back by playing faster.
const MAX_EXCESS: i64 = super::SECOND;
/// Gaps of less are left out.
const MIN_GAP: i64 = MILLISECOND;
/// Made up at a time: little while a packet may come that ends it.
const SHORT_STEP: i64 = 10 * MILLISECOND;
const STEP: i64 = 20 * MILLISECOND;
/// A missing packet is waited for at most so much longer than the delay allows: as long as made-up sound lasts.
const MAX_WAIT: i64 = 120 * MILLISECOND;

/// The place up to which the stream was played.
#[derive(Debug, Clone, Copy)]
pub(super) struct Next {
    /// The lowest one that is not too late.
    pub(super) sequence: u64,
    /// Ticks on the stream's time line.
    pub(super) time: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Decode the first packet.
    Play,
    /// Drop the first packet: far too much is waiting.
    Drop,
    /// Leave out ticks for which something was handed out already.
    Skip(i64),
    /// Leave out ticks of a pause, since the delay is above the target.
    Shorten(i64),
    /// Take the ticks before the first packet from the coding of them that it has.
    Recover(i64),
    /// Make up ticks that will not come.
    Conceal(i64),
    /// Make up ticks and stay in place: what is missing may still come.
    Wait(i64),
}

/// What a decision rests on; times in ticks.
pub(super) struct Situation<'a> {
    pub(super) packets: &'a Packets,
    pub(super) delay: &'a ArrivalDelay,
    /// `None` at the beginning.
    pub(super) next: Option<Next>,
    pub(super) now: i64,
    /// When the samples are due.
    pub(super) due: i64,
    /// What was made up while the stream stayed in place.
    pub(super) held: i64,
    /// Nothing is heard at present, and since when nothing was received.
    pub(super) silent: bool,
    pub(super) concealed: i64,
}

impl Situation<'_> {
    pub(super) fn decide(&self) -> Action {
        let Some(front) = self.packets.front() else { return Action::Wait(self.short_step()) };
        let target = self.delay.target();
        let Some(next) = self.next else {
            let missing = target - (self.due - self.delay.expected_arrival(front.time));
            return if missing < MIN_GAP { Action::Play } else { Action::Wait(missing.min(STEP)) };
        };
        if self.level(next) - target > MAX_EXCESS && self.packets.len() > 1 {
            return Action::Drop;
        }
        let margin = self.margin(next);
        let gap = front.time - next.time;
        if gap >= MIN_GAP {
            return self.fill(front, next, gap, margin - target);
        }
        // In silence it is not heard that the delay grows.
        if self.silent && margin < target - MAX_BELOW {
            return Action::Wait((target - margin).min(STEP));
        }
        Action::Play
    }

    /// The delay of what is played next: how long after the fastest packet of its time it is due.
    pub(super) fn margin(&self, next: Next) -> i64 {
        self.due - self.delay.expected_arrival(next.time)
    }

    /// The margin as far as there are packets in it.
    pub(super) fn level(&self, next: Next) -> i64 {
        let buffered = self.packets.end().unwrap_or(next.time) - next.time + (self.due - self.now).max(0);
        self.margin(next).min(buffered)
    }

    /// Decides about the time before the first packet, with the delay `above` the target.
    fn fill(&self, front: &Packet, next: Next, gap: i64, above: i64) -> Action {
        let lost = front.sequence > next.sequence;
        // What a packet can bring back is played, though something else was handed out in its place: it is heard late.
        let recoverable = if lost && front.has_fec { front.duration.min(gap) } else { 0 };
        if lost && recoverable == 0 && (-MAX_WAIT..-MAX_BELOW).contains(&above) {
            return Action::Wait(self.short_step());
        }
        let covered = self.held.min(gap - recoverable);
        if covered > 0 {
            return Action::Skip(covered);
        }
        if recoverable == 0 && above > MAX_ABOVE && (!lost || self.silent) {
            return Action::Shorten(gap.min(above));
        }
        if recoverable > 0 && gap < recoverable + MIN_GAP {
            return Action::Recover(gap);
        }
        Action::Conceal((gap - recoverable).min(STEP))
    }

    fn short_step(&self) -> i64 {
        if self.concealed < MAX_WAIT { SHORT_STEP } else { STEP }
    }
}
