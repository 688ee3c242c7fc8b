//! One stream of packets, in order and without gaps.
//!
//! A packet is decoded when it is its turn, which adds no delay when nothing is lost. A missing one is waited for
//! briefly and then concealed. When no packet comes at all, silence is made by the clock: that time is a debt, and it is
//! paid back by leaving out the gap the sender's timestamps show, or later silence, so that a stream is never longer
//! than the time it covers and late speech is not lost.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::RTP_CLOCK_RATE;
use super::level;
use super::opus::{self, Decoder, SAMPLE_RATES};
use super::receive::AudioPacket;
use super::resample::Resampler;

/// How long a missing packet is waited for once a later one is there.
const REORDER_WAIT: Duration = Duration::from_millis(60);
/// How many later packets end the wait.
const REORDER_PACKETS: usize = 5;
/// How long the stream may stand still before silence is made.
const HOLD: Duration = Duration::from_millis(100);
/// Ticks of silence made at a time.
const FILL_TICKS: u64 = 960;
/// The codec conceals this much of a gap; the rest is silence.
const CONCEALED_TICKS: u64 = 4_800;
/// A gap longer than this is a new beginning, and is not filled.
const MAX_GAP_TICKS: u64 = 10 * RTP_CLOCK_RATE as u64;
/// A debt above this is paid back with whatever comes.
const MAX_DEBT_TICKS: u64 = RTP_CLOCK_RATE as u64;
/// dB below full scale: a frame this quiet may be left out.
const QUIET: i8 = -50;

/// Orders and decodes the packets of one stream.
pub(super) struct Playout {
    sample_rate: u32,
    decoder: Decoder,
    resampler: Option<Resampler>,
    waiting: BTreeMap<u64, Waiting>,
    position: Option<Position>,
    /// Ticks of silence that were made by the clock and not paid back.
    debt: u64,
    /// Ticks concealed since the last packet.
    concealed: u64,
    decoded: Vec<i16>,
    samples: Vec<i16>,
}

struct Waiting {
    packet: AudioPacket,
    arrived: Instant,
}

/// Where the stream stands.
struct Position {
    ssrc: u32,
    /// Of the packet whose turn it is.
    sequence: u64,
    /// Ticks.
    time: u64,
    clock: Clock,
}

/// Says when a time of the sender's clock is due, by the packets that took the least time.
struct Clock {
    instant: Instant,
    /// Ticks.
    time: u64,
}

impl Playout {
    /// `sample_rate` in Hz, `channels` 1 or 2.
    pub(super) fn new(sample_rate: u32, channels: u32) -> Result<Self, String> {
        let decoder_rate = if SAMPLE_RATES.contains(&sample_rate) { sample_rate } else { 48_000 };
        let decoder = Decoder::new(decoder_rate, channels).map_err(|error| error.to_string())?;
        let resampler =
            (decoder_rate != sample_rate).then(|| Resampler::new(decoder_rate, sample_rate, channels));
        Ok(Self {
            sample_rate,
            decoder,
            resampler: resampler.transpose().map_err(|error| error.to_string())?,
            waiting: BTreeMap::new(),
            position: None,
            debt: 0,
            concealed: 0,
            decoded: Vec::new(),
            samples: Vec::new(),
        })
    }

    /// Sample rate and channels.
    pub(super) fn format(&self) -> (u32, u32) {
        (self.sample_rate, self.decoder.channels() as u32)
    }

    /// What was decoded; the caller takes it out.
    pub(super) fn samples(&mut self) -> &mut Vec<i16> {
        &mut self.samples
    }

    pub(super) fn receive(&mut self, packet: AudioPacket, now: Instant) {
        let position = self.position.take_if(|position| position.ssrc == packet.ssrc).unwrap_or_else(|| {
            // A sender that starts anew counts anew.
            self.waiting.clear();
            self.debt = 0;
            Position {
                ssrc: packet.ssrc,
                sequence: packet.sequence,
                time: packet.time,
                clock: Clock { instant: now, time: packet.time },
            }
        });
        let position = self.position.insert(position);
        if packet.sequence < position.sequence {
            return;
        }
        position.clock.observe(packet.time, now);
        if packet.sequence == position.sequence {
            self.play(&packet);
        } else {
            self.waiting.insert(packet.sequence, Waiting { packet, arrived: now });
        }
        self.play_waiting(now);
    }

    /// When the wait for a packet ends, or silence has to be made.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let position = self.position.as_ref()?;
        let made_up = position.time + self.debt;
        Some(self.wait_ends().unwrap_or_else(|| position.clock.due(made_up + FILL_TICKS) + HOLD))
    }

    /// When the packet that has waited longest is played.
    fn wait_ends(&self) -> Option<Instant> {
        let oldest = self.waiting.values().map(|waiting| waiting.arrived).min()?;
        Some(oldest + REORDER_WAIT)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.play_waiting(now);
        while self.waiting.is_empty() && self.next_timeout().is_some_and(|timeout| timeout <= now) {
            self.conceal(FILL_TICKS);
            self.debt += FILL_TICKS;
        }
    }

    /// Plays every packet whose turn it is, and those whose wait for a missing one is over.
    fn play_waiting(&mut self, now: Instant) {
        while let (Some(position), Some(first)) = (&self.position, self.waiting.keys().next()) {
            let in_turn = *first <= position.sequence;
            let waited_enough =
                self.waiting.len() > REORDER_PACKETS || self.wait_ends().is_some_and(|ends| now >= ends);
            if !in_turn && !waited_enough {
                return;
            }
            if let Some((_, waiting)) = self.waiting.pop_first() {
                self.play(&waiting.packet);
            }
        }
    }

    fn play(&mut self, packet: &AudioPacket) {
        let Some(position) = &mut self.position else { return };
        let gap = packet.time.saturating_sub(position.time);
        position.sequence = packet.sequence + 1;
        let Some(ticks) = opus::duration(&packet.payload).map(u64::from) else { return };
        position.time = packet.time + ticks;
        if gap > MAX_GAP_TICKS {
            self.debt = 0;
        } else {
            let paid = gap.min(self.debt);
            self.debt -= paid;
            self.conceal(gap - paid);
        }
        self.concealed = 0;
        self.decoded.clear();
        if let Err(error) = self.decoder.decode(&packet.payload, &mut self.decoded) {
            tracing::debug!(%error, "decode audio packet");
            self.conceal(ticks);
            return;
        }
        if self.debt >= ticks
            && (self.debt > MAX_DEBT_TICKS || level::measure(&self.decoded).decibels <= QUIET)
        {
            self.debt -= ticks;
            return;
        }
        self.emit();
    }

    /// Fills `ticks`: with what the codec makes of the sound before, and after a while with silence.
    fn conceal(&mut self, ticks: u64) {
        let mut left = ticks;
        while left > 0 {
            // The codec conceals in units of 2.5 ms.
            let part = left.min(FILL_TICKS);
            let frames = (part * u64::from(self.decoder.sample_rate()) / u64::from(RTP_CLOCK_RATE)) as u32;
            let by_codec = self.concealed < CONCEALED_TICKS && part.is_multiple_of(120);
            self.decoded.clear();
            if !by_codec || self.decoder.conceal(frames, &mut self.decoded).is_err() {
                self.decoded.resize(frames as usize * self.decoder.channels(), 0);
            }
            self.concealed += part;
            left -= part;
            self.emit();
        }
    }

    fn emit(&mut self) {
        match &mut self.resampler {
            None => self.samples.extend(&self.decoded),
            Some(resampler) => {
                if let Err(error) = resampler.convert(&self.decoded, &mut self.samples) {
                    tracing::error!(%error, "resample received audio");
                }
            }
        }
    }
}

impl Clock {
    /// A packet that came early moves the clock at once, a late one a little, so that it follows a drift.
    fn observe(&mut self, time: u64, now: Instant) {
        let due = self.due(time);
        if now < due {
            self.instant -= due - now;
        } else {
            self.instant += (now - due) / 512;
        }
    }

    fn due(&self, time: u64) -> Instant {
        let ticks = |ticks: u64| Duration::from_secs_f64(ticks as f64 / f64::from(RTP_CLOCK_RATE));
        match time.checked_sub(self.time) {
            Some(after) => self.instant + ticks(after),
            None => self.instant.checked_sub(ticks(self.time - time)).unwrap_or(self.instant),
        }
    }
}

#[cfg(test)]
#[path = "playout_tests.rs"]
mod tests;
