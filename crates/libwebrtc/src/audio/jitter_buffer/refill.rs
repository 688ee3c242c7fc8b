//! Making the next samples, as was decided.

use super::concealment::Sound;
use super::decision::{Action, Next};
use super::pace::Direction;
use super::stretch::Stretch;
use super::{JitterBuffer, MILLISECOND};

/// Changes of pace work best on so much sound.
const STRETCHED: i64 = 30 * MILLISECOND;

/// Decoded samples that were not handed out.
pub(super) struct Pending {
    pub(super) samples: Vec<i16>,
    pub(super) handed_out: usize,
    pub(super) sound: Sound,
    /// When the packet they are from came.
    pub(super) arrived: i64,
}

impl JitterBuffer {
    pub(super) fn act(&mut self, action: Action, now: i64, due: i64) {
        match (action, &mut self.next) {
            (Action::Play, _) => self.play(now, due),
            (Action::Drop, next) => {
                self.packets.pop_front();
                self.statistics.packets_discarded += 1;
                if let (Some(next), Some(front)) = (next, self.packets.front()) {
                    *next = Next { sequence: front.sequence, time: front.time };
                }
            }
            (Action::Skip(ticks), Some(next)) => {
                next.time += ticks;
                self.held -= ticks;
            }
            (Action::Shorten(ticks), Some(next)) => {
                next.time += ticks;
                self.statistics.removed_samples_for_acceleration +=
                    (ticks / self.voice.ticks_per_sample()) as u64;
            }
            (Action::Recover(ticks), Some(next)) => {
                next.time += ticks;
                self.recover(ticks, now);
            }
            (Action::Conceal(ticks), Some(next)) => {
                next.time += ticks;
                self.make_up(ticks);
            }
            (Action::Wait(ticks) | Action::Conceal(ticks) | Action::Recover(ticks), _) => {
                self.held += ticks;
                self.make_up(ticks);
            }
            (Action::Skip(_) | Action::Shorten(_), None) => {}
        }
    }

    fn make_up(&mut self, ticks: i64) {
        self.pending.sound = self.voice.conceal(ticks, self.pending.refill());
    }

    fn recover(&mut self, ticks: i64, now: i64) {
        let Some(front) = self.packets.front() else { return };
        self.recovered_from = Some(front.sequence);
        self.pending.arrived = now;
        self.pending.sound = Sound::Received;
        if let Err(error) = self.voice.recover(&front.payload, ticks, self.pending.refill()) {
            tracing::debug!(%error, "recover audio packet");
            self.make_up(ticks);
        }
    }

    /// Decodes the first packet, and changes the pace if need be.
    fn play(&mut self, now: i64, due: i64) {
        let change = self.next.and_then(|next| {
            let situation = self.situation(now, due);
            self.pace.change(situation.margin(next), situation.level(next), self.delay.target())
        });
        self.pending.refill();
        self.decode_first();
        let Some(change) = change else { return };
        let missing = STRETCHED - self.pending_ticks();
        if missing > 0 && matches!(self.situation(now, due).decide(), Action::Play) {
            self.decode_first();
        }
        let stretch = Stretch {
            samples: &mut self.pending.samples,
            sample_rate: self.voice.sample_rate() as usize,
            channels: self.voice.channels(),
            least_likeness: change.least_likeness,
        };
        let stretched = match change.direction {
            Direction::Faster => stretch.compress(),
            Direction::Slower => stretch.expand(),
        };
        let Some(stretched) = stretched else { return };
        let frames = stretched.frames as u64;
        match change.direction {
            Direction::Faster => self.statistics.removed_samples_for_acceleration += frames,
            Direction::Slower => self.statistics.inserted_samples_for_deceleration += frames,
        }
        self.pace.changed(stretched, stretched.frames as i64 * self.voice.ticks_per_sample());
    }

    /// Appends the first packet's samples to those that are pending.
    fn decode_first(&mut self) {
        let Some(packet) = self.packets.pop_front() else { return };
        let recovered = self.recovered_from == Some(packet.sequence);
        self.statistics.fec_packets_discarded += u64::from(packet.has_fec && !recovered);
        self.next = Some(Next { sequence: packet.sequence + 1, time: packet.time + packet.duration });
        self.held = 0;
        self.pending.sound = Sound::Received;
        self.pending.arrived = packet.arrived;
        if let Err(error) = self.voice.decode(&packet.payload, &mut self.pending.samples) {
            tracing::debug!(%error, "decode audio packet");
            self.pending.sound = self.voice.conceal(packet.duration, &mut self.pending.samples);
        }
    }

    fn pending_ticks(&self) -> i64 {
        let frames = self.pending.left().len() / self.voice.channels();
        frames as i64 * self.voice.ticks_per_sample()
    }
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.left().is_empty()
    }

    fn left(&self) -> &[i16] {
        &self.samples[self.handed_out..]
    }

    /// Forgets what was handed out.
    fn refill(&mut self) -> &mut Vec<i16> {
        self.samples.clear();
        self.handed_out = 0;
        &mut self.samples
    }
}
