//! Playout: the next samples are made as `decision` says, from a packet, by concealment, or by forward error correction.

use super::JitterBuffer;
use super::concealment::Sound;
use super::decision::{Action, Next};
use super::pace::Direction;
use super::stretch::Stretch;
use super::ticks::Ticks;

/// Changes of pace work best on so much sound.
const STRETCHED: Ticks = Ticks::from_millis(30);

/// Decoded samples that were not handed out.
pub(super) struct Pending {
    pub(super) samples: Vec<i16>,
    pub(super) handed_out: usize,
    pub(super) sound: Sound,
    /// When the packet they are from came.
    pub(super) arrived: Ticks,
}

impl JitterBuffer {
    pub(super) fn act(&mut self, action: Action, now: Ticks, due: Ticks) {
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
                    (ticks / self.decoder.sample_duration()) as u64;
            }
            (Action::Recover(ticks), Some(next)) => {
                next.time += ticks;
                self.recover(ticks, now);
            }
            (Action::Conceal(ticks), Some(next)) => {
                next.time += ticks;
                self.conceal(ticks);
            }
            (Action::Wait(ticks) | Action::Conceal(ticks) | Action::Recover(ticks), _) => {
                self.held += ticks;
                self.conceal(ticks);
            }
            (Action::Skip(_) | Action::Shorten(_), None) => {}
        }
    }

    fn conceal(&mut self, ticks: Ticks) {
        self.pending.sound = self.decoder.conceal(ticks, self.pending.restart());
    }

    fn recover(&mut self, ticks: Ticks, now: Ticks) {
        let Some(front) = self.packets.front() else { return };
        self.recovered_from = Some(front.sequence);
        self.pending.arrived = now;
        self.pending.sound = Sound::Received;
        if let Err(error) = self.decoder.recover(&front.payload, ticks, self.pending.restart()) {
            tracing::debug!(%error, "recover audio packet");
            self.conceal(ticks);
        }
    }

    /// Decodes the first packet, and changes the pace if need be.
    fn play(&mut self, now: Ticks, due: Ticks) {
        let change = self.next.and_then(|next| {
            let situation = self.situation(now, due);
            self.pace.change(situation.margin(next), situation.level(next), self.delay.target())
        });
        self.pending.restart();
        self.decode_first();
        let Some(change) = change else { return };
        let missing = STRETCHED - self.pending_ticks();
        if missing > Ticks::ZERO && matches!(self.situation(now, due).decide(), Action::Play) {
            self.decode_first();
        }
        let stretch = Stretch {
            samples: &mut self.pending.samples,
            sample_rate: self.decoder.sample_rate() as usize,
            channels: self.decoder.channels(),
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
        self.pace.changed(stretched, self.decoder.sample_duration() * stretched.frames as i64);
    }

    /// Appends the first packet's samples to those that are pending.
    fn decode_first(&mut self) {
        let Some(packet) = self.packets.pop_front() else { return };
        let recovered = self.recovered_from == Some(packet.sequence);
        self.statistics.fec_packets_discarded += u64::from(packet.has_fec && !recovered);
        self.next = Some(Next { sequence: packet.sequence + 1, time: packet.time + packet.duration });
        self.held = Ticks::ZERO;
        self.pending.sound = Sound::Received;
        self.pending.arrived = packet.arrived;
        if let Err(error) = self.decoder.decode(&packet.payload, &mut self.pending.samples) {
            tracing::debug!(%error, "decode audio packet");
            self.pending.sound = self.decoder.conceal(packet.duration, &mut self.pending.samples);
        }
    }

    fn pending_ticks(&self) -> Ticks {
        let frames = self.pending.left().len() / self.decoder.channels();
        self.decoder.sample_duration() * frames as i64
    }
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.left().is_empty()
    }

    fn left(&self) -> &[i16] {
        &self.samples[self.handed_out..]
    }

    /// Drops what was handed out, and answers where to append the next samples.
    fn restart(&mut self) -> &mut Vec<i16> {
        self.samples.clear();
        self.handed_out = 0;
        &mut self.samples
    }
}
