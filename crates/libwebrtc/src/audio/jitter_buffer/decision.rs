//! What the next samples are made of, when no decoded ones are left: the decision that NetEQ makes for each frame.

use super::delay::ArrivalDelay;
use super::packets::{Packet, Packets};
use super::ticks::Ticks;

/// The delay may differ from the target by so much before anything is done about it.
pub(super) const MAX_ABOVE: Ticks = Ticks::from_millis(15);
pub(super) const MAX_BELOW: Ticks = Ticks::from_millis(10);
/// More than this above the target is dropped at once; less is paid back by playing faster.
const MAX_EXCESS: Ticks = Ticks::from_millis(1_000);
/// Gaps of less are left out.
const MIN_GAP: Ticks = Ticks::from_millis(1);
/// Made up at a time: little while a packet may come that ends it.
const SHORT_STEP: Ticks = Ticks::from_millis(10);
const STEP: Ticks = Ticks::from_millis(20);
/// A missing packet is waited for at most so much longer than the delay allows: as long as made-up sound lasts.
const MAX_WAIT: Ticks = Ticks::from_millis(120);

/// The place up to which the stream was played.
#[derive(Debug, Clone, Copy)]
pub(super) struct Next {
    /// The lowest one that is not too late.
    pub(super) sequence: u64,
    /// On the stream's time line.
    pub(super) time: Ticks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Decode the first packet.
    Play,
    /// Drop the first packet: far too much is waiting.
    Drop,
    /// Leave out ticks for which something was handed out already.
    Skip(Ticks),
    /// Leave out ticks of a pause, since the delay is above the target.
    Shorten(Ticks),
    /// Take the ticks before the first packet from the coding of them that it has.
    Recover(Ticks),
    /// Make up ticks that will not come.
    Conceal(Ticks),
    /// Make up ticks and stay in place: what is missing may still come.
    Wait(Ticks),
}

/// What a decision rests on.
pub(super) struct Situation<'a> {
    pub(super) packets: &'a Packets,
    pub(super) delay: &'a ArrivalDelay,
    /// `None` at the beginning.
    pub(super) next: Option<Next>,
    pub(super) now: Ticks,
    /// When the samples are due.
    pub(super) due: Ticks,
    /// What was made up while the stream stayed in place.
    pub(super) held: Ticks,
    /// Nothing is heard at present, and since when nothing was received.
    pub(super) silent: bool,
    pub(super) concealed: Ticks,
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
    pub(super) fn margin(&self, next: Next) -> Ticks {
        self.due - self.delay.expected_arrival(next.time)
    }

    /// The margin as far as there are packets in it.
    pub(super) fn level(&self, next: Next) -> Ticks {
        let buffered =
            self.packets.end().unwrap_or(next.time) - next.time + (self.due - self.now).max(Ticks::ZERO);
        self.margin(next).min(buffered)
    }

    /// Decides about the time before the first packet, with the delay `above` the target.
    fn fill(&self, front: &Packet, next: Next, gap: Ticks, above: Ticks) -> Action {
        let lost = front.sequence > next.sequence;
        // What a packet can bring back is played, though something else was handed out in its place: it is heard late.
        let recoverable = if lost && front.has_fec { front.duration.min(gap) } else { Ticks::ZERO };
        if lost && recoverable == Ticks::ZERO && (-MAX_WAIT..-MAX_BELOW).contains(&above) {
            return Action::Wait(self.short_step());
        }
        let covered = self.held.min(gap - recoverable);
        if covered > Ticks::ZERO {
            return Action::Skip(covered);
        }
        if recoverable == Ticks::ZERO && above > MAX_ABOVE && (!lost || self.silent) {
            return Action::Shorten(gap.min(above));
        }
        if recoverable > Ticks::ZERO && gap < recoverable + MIN_GAP {
            return Action::Recover(gap);
        }
        Action::Conceal((gap - recoverable).min(STEP))
    }

    fn short_step(&self) -> Ticks {
        if self.concealed < MAX_WAIT { SHORT_STEP } else { STEP }
    }
}
