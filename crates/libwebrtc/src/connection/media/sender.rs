//! One stream that is sent.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::media::Mid;
use str0m::rtp::rtcp::{NackEntry, ReceptionReport};
use str0m::rtp::{ExtensionValues, RtpWrite};
use tokio::sync::Notify;

use crate::audio::RTP_CLOCK_RATE;
use crate::audio::level::AudioLevel;
use crate::audio::opus_format::{EncoderSettings, OpusFormat};
use crate::audio::send::{AudioSender, EncodedFrame};
use crate::audio_track::AudioOrigin;
use crate::media_stream_track::MediaStreamTrack;
use crate::negotiation::NegotiatedMedia;
use crate::negotiation::transceiver::Transceiver;

use super::loss::LossControl;

/// Bits per second when the encoding has no limit: LiveKit's preset for speech.
const DEFAULT_BITRATE: u32 = 24_000;
/// Packets that can be sent again: later than a second they are of no use.
const KEPT_PACKETS: usize = 50;
/// A packet is not sent again within this time: the request may have crossed the answer.
const RESEND_INTERVAL: Duration = Duration::from_millis(20);
const RTP_HEADER_BYTES: u64 = 12;

pub(in crate::connection) struct Sender {
    mid: Mid,
    ssrc: u32,
    payload_type: u8,
    audio_level: bool,
    opus: OpusFormat,
    transceiver: Arc<Transceiver>,
    audio: Option<AudioSender>,
    sequence: u64,
    timestamp: u32,
    kept: VecDeque<KeptPacket>,
    loss: LossControl,
    transmission: Transmission,
}

/// A packet that the peer may ask for again.
struct KeptPacket {
    sequence: u64,
    timestamp: u32,
    captured: Instant,
    sent: Instant,
    marker: bool,
    level: AudioLevel,
    payload: Arc<[u8]>,
}

/// What was sent, and what the peer says of it.
#[derive(Debug, Default, Clone)]
pub(in crate::connection) struct Transmission {
    pub(in crate::connection) packets: u64,
    pub(in crate::connection) payload_bytes: u64,
    pub(in crate::connection) header_bytes: u64,
    pub(in crate::connection) resent_packets: u64,
    pub(in crate::connection) resent_bytes: u64,
    pub(in crate::connection) nacks: u64,
    pub(in crate::connection) report: Option<ReceptionReport>,
    /// Of the last frame, 0 to 1, and summed by the rules of `totalAudioEnergy`.
    pub(in crate::connection) level: f64,
    pub(in crate::connection) energy: f64,
    /// Seconds of sound that were sent.
    pub(in crate::connection) duration: f64,
}

impl Sender {
    pub(super) fn declare(rtc: &mut Rtc, mid: Mid, media: &NegotiatedMedia) -> Self {
        let ssrc = media.transceiver.state().sender.ssrc;
        rtc.direct_api().declare_stream_tx(ssrc.into(), None, mid, None);
        Self {
            mid,
            ssrc,
            payload_type: 0,
            audio_level: false,
            opus: OpusFormat::default(),
            transceiver: media.transceiver.clone(),
            audio: None,
            // Low, so that it does not wrap before the peer has seen a packet.
            sequence: rand::random_range(0..30_000),
            timestamp: rand::random(),
            kept: VecDeque::with_capacity(KEPT_PACKETS),
            loss: LossControl::default(),
            transmission: Transmission::default(),
        }
    }

    /// Takes what was negotiated.
    pub(super) fn follow(&mut self, payload_type: u8, media: &NegotiatedMedia) {
        self.payload_type = payload_type;
        self.audio_level = media.audio_level;
        self.opus = media.opus;
    }

    pub(in crate::connection) fn mid(&self) -> Mid {
        self.mid
    }

    pub(in crate::connection) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(in crate::connection) fn transceiver(&self) -> &Arc<Transceiver> {
        &self.transceiver
    }

    pub(in crate::connection) fn transmission(&self) -> &Transmission {
        &self.transmission
    }

    /// Bits per second the encoder aims at.
    pub(in crate::connection) fn bitrate(&self) -> u32 {
        self.loss.bitrate(self.wanted_bitrate())
    }

    pub(in crate::connection) fn is_limited(&self) -> bool {
        self.loss.is_limiting()
    }

    /// Makes the encoder for the track there is.
    pub(super) fn refresh(&mut self, samples_arrived: &Arc<Notify>, now: Instant) {
        let source = match &self.transceiver.state().sender.track {
            Some(MediaStreamTrack::Audio(track)) => match track.origin() {
                AudioOrigin::Source(source) => Some(source.queue().clone()),
                AudioOrigin::Device | AudioOrigin::Remote(_) => None,
            },
            _ => None,
        };
        let Some(source) = source else {
            self.audio = None;
            return;
        };
        if self.audio.as_ref().is_some_and(|audio| audio.reads(&source)) {
            return;
        }
        self.audio = match AudioSender::new(source, self.settings(), samples_arrived.clone(), now) {
            Ok(audio) => Some(audio),
            Err(error) => {
                tracing::error!(error, "make audio encoder: the track is not sent");
                None
            }
        };
    }

    pub(super) fn wake(&mut self, now: Instant) {
        if let Some(audio) = &mut self.audio {
            audio.wake(now);
        }
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.audio.as_ref().map(AudioSender::next_at)
    }

    pub(super) fn send_due(&mut self, rtc: &mut Rtc, now: Instant, connected: bool) {
        if self.audio.as_ref().is_none_or(|audio| audio.next_at() > now) {
            return;
        }
        let settings = self.settings();
        let muted = self.is_muted();
        let Some(mut audio) = self.audio.take() else { return };
        audio.configure(settings);
        while let Some(frame) = audio.tick(now, muted) {
            self.timestamp = self.timestamp.wrapping_add(frame.ticks);
            if connected {
                self.send(rtc, frame, now);
            }
        }
        self.audio = Some(audio);
    }

    fn send(&mut self, rtc: &mut Rtc, frame: EncodedFrame, now: Instant) {
        self.sequence += 1;
        self.transmission.count(&frame);
        let packet = KeptPacket {
            sequence: self.sequence,
            timestamp: self.timestamp,
            captured: now,
            sent: now,
            marker: frame.starts_talk,
            level: frame.level,
            payload: frame.payload,
        };
        self.write(rtc, &packet);
        if self.kept.len() >= KEPT_PACKETS {
            self.kept.pop_front();
        }
        self.kept.push_back(packet);
    }

    /// Sends the packets again that the peer has not got. There is no stream of its own for that (RFC 4588 is for video
    /// in LiveKit), so they are the same packets.
    pub(super) fn resend(&mut self, rtc: &mut Rtc, missing: impl Iterator<Item = NackEntry>, now: Instant) {
        let mut kept = std::mem::take(&mut self.kept);
        for sequence in missing.flat_map(missing_sequences) {
            self.transmission.nacks += 1;
            let packet = kept.iter_mut().find(|packet| packet.sequence as u16 == sequence);
            let Some(packet) = packet.filter(|packet| now >= packet.sent + RESEND_INTERVAL) else { continue };
            packet.sent = now;
            self.transmission.resent_packets += 1;
            self.transmission.resent_bytes += packet.payload.len() as u64;
            self.write(rtc, packet);
        }
        self.kept = kept;
    }

    fn write(&self, rtc: &mut Rtc, packet: &KeptPacket) {
        let extensions = ExtensionValues {
            audio_level: self.audio_level.then_some(packet.level.decibels),
            voice_activity: self.audio_level.then_some(packet.level.voice),
            ..ExtensionValues::default()
        };
        let packet = RtpWrite::new(
            self.payload_type.into(),
            packet.sequence.into(),
            packet.timestamp,
            packet.captured,
            packet.payload.clone(),
        )
        .marker(packet.marker)
        .ext_vals(extensions);
        if let Some(stream) = rtc.direct_api().stream_tx(&self.ssrc.into()) {
            stream.write_rtp(packet);
        }
    }

    pub(super) fn take_reception_report(&mut self, report: &ReceptionReport) {
        self.loss.report(f64::from(report.fraction_lost) / 256.0, self.wanted_bitrate());
        self.transmission.report = Some(*report);
    }

    /// The peer's estimate, in bits per second.
    pub(super) fn limit_bitrate(&mut self, bitrate: f32) {
        self.loss.limit(f64::from(bitrate));
    }

    fn wanted_bitrate(&self) -> u32 {
        let limit =
            self.transceiver.state().sender.encodings.first().and_then(|encoding| encoding.max_bitrate);
        let wanted = limit.map_or(DEFAULT_BITRATE, |limit| u32::try_from(limit).unwrap_or(u32::MAX));
        self.opus.max_bitrate.map_or(wanted, |limit| limit.min(wanted))
    }

    fn settings(&self) -> EncoderSettings {
        EncoderSettings {
            bitrate: self.bitrate(),
            expected_loss: self.loss.expected_loss(),
            format: self.opus,
        }
    }

    pub(in crate::connection) fn is_muted(&self) -> bool {
        let state = self.transceiver.state();
        let sender = &state.sender;
        let enabled = sender.track.as_ref().is_some_and(MediaStreamTrack::enabled);
        !enabled || sender.forbidden || sender.encodings.iter().any(|encoding| !encoding.active)
    }
}

impl Transmission {
    fn count(&mut self, frame: &EncodedFrame) {
        self.packets += 1;
        self.payload_bytes += frame.payload.len() as u64;
        self.header_bytes += RTP_HEADER_BYTES;
        let seconds = f64::from(frame.ticks) / f64::from(RTP_CLOCK_RATE);
        self.level = if frame.level.decibels <= -127 {
            0.0
        } else {
            10.0_f64.powf(f64::from(frame.level.decibels) / 20.0)
        };
        self.energy += self.level.powi(2) * seconds;
        self.duration += seconds;
    }
}

/// The packet named and those of the 16 after it whose bit is set (RFC 4585, section 6.2.1).
fn missing_sequences(entry: NackEntry) -> impl Iterator<Item = u16> {
    let following = (0..16).filter(move |bit| entry.blp & (1 << bit) != 0);
    std::iter::once(entry.pid).chain(following.map(move |bit| entry.pid.wrapping_add(bit + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_a_packet_and_those_behind_it() {
        let missing: Vec<u16> = missing_sequences(NackEntry { pid: 65_534, blp: 0b101 }).collect();
        assert_eq!(missing, [65_534, 65_535, 1]);
    }
}
