//! The jitter buffer of one stream: packets go in as they come, samples come out in order, without gaps and in real time.
//!
//! It is adaptive, with the parts that Google's NetEQ has: an estimate of the network's delay, a decision about what each
//! piece of sound is made of, packet loss concealment (PLC), and time-scale modification.
//!
//! The samples follow a clock: each is due at the beginning plus the samples before it, whatever the packets do. They
//! are handed out up to [`EARLY`] before they are due when they are there, so on a quiet network a packet is heard as it
//! comes, and no timer runs; when the next packet is not there, a timer at the due time makes up for it.
//!
//! The delay of the stream is the time from when a packet comes if it is as fast as the fastest, until it is due. It
//! should be as long as nearly all packets take ([`delay`]). When a packet is missing at its due time, [`decision`] says
//! what is handed out instead, and [`playout`] makes it: its repetition in the next packet (forward error correction, FEC),
//! or what [`concealment`] makes up. When packets are there behind it, its time is over; when none is, the stream stays in
//! place and the delay grows. Delay that is not needed is paid back by playing faster ([`pace`], [`stretch`]): silence first.

mod clock;
mod concealment;
mod decision;
mod delay;
mod pace;
mod packets;
mod playout;
mod statistics;
mod stretch;
mod ticks;

#[cfg(test)]
mod tests;

use std::time::Instant;

use super::RTP_CLOCK_RATE;
use super::opus::SAMPLE_RATES;
use super::packet::AudioPacket;
use super::resample::Resampler;
use clock::{Clock, Timeline};
use concealment::{ConcealingDecoder, Sound};
use decision::{Action, Next, Situation};
use delay::ArrivalDelay;
use pace::Pace;
use packets::{Packet, Packets};
use playout::Pending;
pub(crate) use statistics::JitterBufferStatistics;
use ticks::Ticks;

/// How long before they are due samples are handed out when they are there.
const EARLY: Ticks = Ticks::from_millis(20);
/// Handed out at a time, unless what is left then is hardly more than half of it.
const CHUNK: Ticks = Ticks::from_millis(20);
const LONG_CHUNK: Ticks = Ticks::from_millis(30);
/// Without a packet for so long, silence is handed out so much later, several chunks at a time.
const IDLE_AFTER: Ticks = Ticks::from_millis(1_000);
const IDLE_STEP: Ticks = Ticks::from_millis(80);
/// When the timers are later than this, as after the machine slept, the time is not made up.
const MAX_LAG: Ticks = Ticks::from_millis(5_000);
/// A packet whose time is so far from the others' begins a time line of its own.
const MAX_JUMP: Ticks = Ticks::from_millis(3_000);
/// A sequence number so far below is not a late packet but a sender that counts anew.
const MAX_BEHIND: u64 = 3_000;
/// So are packets that all come too late, so many in a row.
const MAX_TOO_LATE: u32 = 20;

/// Orders, decodes and paces the packets of one stream.
pub(super) struct JitterBuffer {
    sample_rate: u32,
    clock: Option<Clock>,
    timeline: Option<Timeline>,
    next: Option<Next>,
    /// Packets in a row that came too late.
    too_late: u32,
    packets: Packets,
    delay: ArrivalDelay,
    decoder: ConcealingDecoder,
    pace: Pace,
    pending: Pending,
    /// What was made up while the stream stayed in place.
    held: Ticks,
    /// The packet from which the one before it was recovered last.
    recovered_from: Option<u64>,
    resampler: Option<Resampler>,
    resampled: Vec<i16>,
    statistics: JitterBufferStatistics,
}

impl JitterBuffer {
    /// `sample_rate` in Hz, `channels` 1 or 2.
    pub(super) fn new(sample_rate: u32, channels: u32) -> Result<Self, String> {
        let decoder_rate = if SAMPLE_RATES.contains(&sample_rate) { sample_rate } else { RTP_CLOCK_RATE };
        let resampler =
            (decoder_rate != sample_rate).then(|| Resampler::new(decoder_rate, sample_rate, channels));
        Ok(Self {
            sample_rate,
            clock: None,
            timeline: None,
            next: None,
            too_late: 0,
            packets: Packets::default(),
            delay: ArrivalDelay::new(),
            decoder: ConcealingDecoder::new(decoder_rate, channels).map_err(|error| error.to_string())?,
            pace: Pace::default(),
            pending: Pending {
                samples: Vec::new(),
                handed_out: 0,
                sound: Sound::Silent,
                arrived: Ticks::ZERO,
            },
            held: Ticks::ZERO,
            recovered_from: None,
            resampler: resampler.transpose().map_err(|error| error.to_string())?,
            resampled: Vec::new(),
            statistics: JitterBufferStatistics::default(),
        })
    }

    /// Sample rate and channels.
    pub(super) fn format(&self) -> (u32, u32) {
        (self.sample_rate, self.decoder.channels() as u32)
    }

    pub(super) fn statistics(&self) -> &JitterBufferStatistics {
        &self.statistics
    }

    /// Takes a packet in. [`next_samples`](Self::next_samples) may have some then.
    pub(super) fn receive(&mut self, packet: &AudioPacket, now: Instant) {
        let due = self.delay.target();
        let now = self.clock.get_or_insert(Clock { epoch: now, due }).ticks(now);
        if !self.belongs(packet, now) || self.too_late >= MAX_TOO_LATE {
            self.start_anew(packet, now);
        }
        let Some(timeline) = &self.timeline else { return };
        let time = timeline.position(packet.time);
        let Some(packet) = Packet::new(packet.sequence, time, now, packet.payload.clone()) else { return };
        if !self.packets.is_first_time(packet.sequence) {
            return;
        }
        self.delay.observe(time, now);
        if self.is_too_late(&packet) {
            self.statistics.packets_discarded += 1;
            self.too_late += 1;
            return;
        }
        self.too_late = 0;
        self.statistics.fec_packets_received += u64::from(packet.has_fec);
        if self.packets.insert(packet) {
            self.statistics.packets_discarded += 1;
        }
    }

    /// When [`next_samples`](Self::next_samples) has some.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let clock = self.clock.as_ref()?;
        let at = if self.is_ready(clock.due - EARLY) {
            clock.due - EARLY
        } else if self.packets.is_empty() && self.decoder.concealed() >= IDLE_AFTER {
            clock.due + IDLE_STEP
        } else {
            clock.due
        };
        Some(clock.instant(at))
    }

    /// The next interleaved samples, when they are due or nearly. To be called until it answers `None`, after each packet
    /// and at each timeout.
    pub(super) fn next_samples(&mut self, now: Instant) -> Option<&[i16]> {
        let clock = self.clock.as_mut()?;
        let now = clock.ticks(now);
        if now - clock.due > MAX_LAG {
            tracing::warn!(late_ms = (now - clock.due).as_millis(), "audio is not handed out in time");
            clock.due = now;
        }
        let due = clock.due;
        if due - now > EARLY || due > now && !self.is_ready(now) {
            return None;
        }
        while self.pending.is_empty() {
            self.act(self.situation(now, due).decide(), now, due);
        }
        self.hand_out(now)
    }

    /// Whether the next samples do not have to be made up.
    fn is_ready(&self, now: Ticks) -> bool {
        let due = self.clock.as_ref().map_or(now, |clock| clock.due);
        !self.pending.is_empty() || matches!(self.situation(now, due).decide(), Action::Play)
    }

    fn situation(&self, now: Ticks, due: Ticks) -> Situation<'_> {
        Situation {
            packets: &self.packets,
            delay: &self.delay,
            next: self.next,
            now,
            due,
            held: self.held,
            silent: self.decoder.is_silent(),
            concealed: self.decoder.concealed(),
        }
    }

    /// Whether a packet goes on from those before it.
    fn belongs(&self, packet: &AudioPacket, now: Ticks) -> bool {
        let Some(timeline) = self.timeline.as_ref().filter(|timeline| timeline.ssrc == packet.ssrc) else {
            return false;
        };
        let behind = self.next.map_or(0, |next| next.sequence.saturating_sub(packet.sequence));
        let lateness = self.delay.lateness(timeline.position(packet.time), now);
        behind <= MAX_BEHIND && (behind > 0 || lateness.is_none_or(|late| late.saturating_abs() <= MAX_JUMP))
    }

    fn start_anew(&mut self, packet: &AudioPacket, now: Ticks) {
        let another = self.timeline.as_ref().is_some_and(|timeline| timeline.ssrc != packet.ssrc);
        if another && let Err(error) = self.decoder.start_anew() {
            tracing::error!(%error, "make audio decoder for another sender");
        }
        self.timeline = Some(Timeline { ssrc: packet.ssrc, origin: packet.time });
        self.next = None;
        self.held = Ticks::ZERO;
        self.too_late = 0;
        self.packets.clear();
        self.delay.start_anew(now);
    }

    /// Whether the time of the packet was filled.
    fn is_too_late(&self, packet: &Packet) -> bool {
        self.next.is_some_and(|next| {
            packet.sequence < next.sequence || packet.time + packet.duration / 2 <= next.time
        })
    }

    fn hand_out(&mut self, now: Ticks) -> Option<&[i16]> {
        let clock = self.clock.as_mut()?;
        let (channels, sample) = (self.decoder.channels(), self.decoder.sample_duration());
        let left = self.pending.samples.len() - self.pending.handed_out;
        let length_of = |ticks: Ticks| (ticks / sample) as usize * channels;
        let length = if left > length_of(LONG_CHUNK) { length_of(CHUNK) } else { left };
        let start = self.pending.handed_out;
        self.pending.handed_out += length;
        let samples = &self.pending.samples[start..start + length];
        let frames = (length / channels) as i64;
        let ticks = sample * frames;
        clock.due += ticks;
        self.pace.handed_out(ticks);
        self.statistics.count(samples, channels, ticks.as_secs_f64(), self.pending.sound);
        if self.pending.sound == Sound::Received {
            let delay = (now - self.pending.arrived).max(Ticks::ZERO);
            self.statistics.count_delay(
                frames as u64,
                delay.as_secs_f64(),
                self.delay.target().as_secs_f64(),
            );
        }
        let Some(resampler) = &mut self.resampler else { return Some(samples) };
        self.resampled.clear();
        if let Err(error) = resampler.convert(samples, &mut self.resampled) {
            tracing::error!(%error, "resample received audio");
        }
        Some(&self.resampled)
    }
}
