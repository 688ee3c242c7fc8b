//! RTP between tracks and the transport.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use str0m::Rtc;
use str0m::media::{MediaKind as TransportKind, Mid};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use tokio::sync::Notify;

use crate::audio::receive::AudioPacket;
use crate::audio::send::{AudioSender, EncodedFrame};
use crate::audio_track::{AudioOrigin, RtcAudioTrack};
use crate::media_stream_track::MediaStreamTrack;
use crate::negotiation::NegotiatedMedia;
use crate::negotiation::transceiver::{MediaKind, Transceiver};

/// Bits per second when the encoding has no limit: LiveKit's preset for speech.
const DEFAULT_BITRATE: u32 = 24_000;

#[derive(Default)]
pub(super) struct Media {
    declared: HashSet<Mid>,
    senders: Vec<Sender>,
    /// By SSRC.
    receivers: HashMap<u32, Receiver>,
    /// For packets whose SSRC was not announced.
    by_mid: HashMap<Mid, Arc<Transceiver>>,
    samples_arrived: Arc<Notify>,
    video_reported: bool,
}

struct Sender {
    mid: Mid,
    ssrc: u32,
    payload_type: u8,
    audio_level: bool,
    transceiver: Arc<Transceiver>,
    audio: Option<AudioSender>,
    sequence: u64,
    timestamp: u32,
}

struct Receiver {
    mid: Mid,
    transceiver: Arc<Transceiver>,
}

impl Media {
    /// Notified when a source that is sent has samples.
    pub(super) fn samples_arrived(&self) -> Arc<Notify> {
        self.samples_arrived.clone()
    }

    /// Follows the last exchange of offer and answer.
    pub(super) fn apply(&mut self, rtc: &mut Rtc, negotiated: &[NegotiatedMedia], now: Instant) {
        let audio = || negotiated.iter().filter(|media| media.transceiver.kind() == MediaKind::Audio);
        if !self.video_reported
            && negotiated.len() > audio().count()
            && negotiated.iter().any(is_received_video)
        {
            self.video_reported = true;
            tracing::warn!("a remote video track is received and not decoded: video is not supported");
        }
        for media in audio() {
            let mid = Mid::from(media.mid.as_str());
            if self.declared.insert(mid) {
                rtc.direct_api().declare_media(mid, TransportKind::Audio);
            }
            self.by_mid.insert(mid, media.transceiver.clone());
        }
        self.apply_senders(rtc, audio());
        self.apply_receivers(rtc, audio());
        self.refresh_senders(now);
    }

    fn apply_senders<'a>(&mut self, rtc: &mut Rtc, negotiated: impl Iterator<Item = &'a NegotiatedMedia>) {
        let mut senders = Vec::new();
        for media in negotiated {
            let Some(payload_type) = media.send else { continue };
            let mid = Mid::from(media.mid.as_str());
            let index = self.senders.iter().position(|sender| sender.mid == mid);
            let mut sender = match index {
                Some(index) => self.senders.swap_remove(index),
                None => {
                    let ssrc = media.transceiver.state().sender.ssrc;
                    rtc.direct_api().declare_stream_tx(ssrc.into(), None, mid, None);
                    Sender {
                        mid,
                        ssrc,
                        payload_type,
                        audio_level: media.audio_level,
                        transceiver: media.transceiver.clone(),
                        audio: None,
                        // Low, so that it does not wrap before the peer has seen a packet.
                        sequence: rand::random_range(0..30_000),
                        timestamp: rand::random(),
                    }
                }
            };
            sender.payload_type = payload_type;
            sender.audio_level = media.audio_level;
            senders.push(sender);
        }
        for ended in std::mem::replace(&mut self.senders, senders) {
            rtc.direct_api().remove_stream_tx(ended.ssrc.into());
        }
    }

    fn apply_receivers<'a>(&mut self, rtc: &mut Rtc, negotiated: impl Iterator<Item = &'a NegotiatedMedia>) {
        let mut receivers = HashMap::new();
        for media in negotiated {
            let mid = Mid::from(media.mid.as_str());
            for ssrc in &media.receive {
                let known = self.receivers.remove(ssrc).is_some_and(|receiver| receiver.mid == mid);
                if !known {
                    let mut api = rtc.direct_api();
                    api.remove_stream_rx((*ssrc).into());
                    api.expect_stream_rx((*ssrc).into(), None, mid, None).suppress_nack(true);
                }
                receivers.insert(*ssrc, Receiver { mid, transceiver: media.transceiver.clone() });
            }
        }
        for ended in std::mem::replace(&mut self.receivers, receivers).into_keys() {
            rtc.direct_api().remove_stream_rx(ended.into());
        }
    }

    /// Follows replaced and removed tracks.
    pub(super) fn refresh_senders(&mut self, now: Instant) {
        for sender in &mut self.senders {
            sender.refresh(&self.samples_arrived, now);
        }
    }

    /// Ends the pauses of sources that have samples.
    pub(super) fn wake_senders(&mut self, now: Instant) {
        for audio in self.senders.iter_mut().filter_map(|sender| sender.audio.as_mut()) {
            audio.wake(now);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let send =
            self.senders.iter().filter_map(|sender| sender.audio.as_ref().map(AudioSender::next_at)).min();
        let receive = self.by_mid.values().filter_map(|transceiver| {
            let track = remote_track(transceiver)?;
            let AudioOrigin::Remote(remote) = track.origin() else { return None };
            remote.next_timeout()
        });
        send.into_iter().chain(receive).min()
    }

    /// Sends the frames that are due, while `connected`, and fills what is missing of those received.
    pub(super) fn handle_timeout(&mut self, rtc: &mut Rtc, now: Instant, connected: bool) {
        for sender in &mut self.senders {
            sender.send_due(rtc, now, connected);
        }
        for transceiver in self.by_mid.values() {
            if let Some(track) = remote_track(transceiver)
                && let AudioOrigin::Remote(remote) = track.origin()
            {
                remote.handle_timeout(now);
            }
        }
    }

    pub(super) fn receive(&self, packet: &RtpPacket, now: Instant) {
        let header = &packet.header;
        let announced = self.receivers.get(&*header.ssrc).map(|receiver| &receiver.transceiver);
        let transceiver = announced.or_else(|| self.by_mid.get(&header.ext_vals.mid?));
        let Some(transceiver) = transceiver else {
            tracing::trace!(ssrc = %header.ssrc, "a packet of an unknown stream is dropped");
            return;
        };
        let state = transceiver.state();
        let receiver = &state.receiver;
        if receiver.forbidden || receiver.payload_type != Some(*header.payload_type) {
            return;
        }
        let Some(MediaStreamTrack::Audio(track)) = receiver.track.clone() else { return };
        drop(state);
        if let AudioOrigin::Remote(remote) = track.origin()
            && track.enabled()
        {
            let packet = AudioPacket {
                ssrc: *header.ssrc,
                sequence: *packet.seq_no,
                time: packet.time.numer(),
                payload: packet.payload.clone(),
            };
            remote.receive(&packet, now);
        }
    }
}

impl Sender {
    /// Makes the encoder for the track there is.
    fn refresh(&mut self, samples_arrived: &Arc<Notify>, now: Instant) {
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
        self.audio = match AudioSender::new(source, self.bitrate(), samples_arrived.clone(), now) {
            Ok(audio) => Some(audio),
            Err(error) => {
                tracing::error!(error, "make audio encoder: the track is not sent");
                None
            }
        };
    }

    fn bitrate(&self) -> u32 {
        let limit =
            self.transceiver.state().sender.encodings.first().and_then(|encoding| encoding.max_bitrate);
        limit.map_or(DEFAULT_BITRATE, |limit| u32::try_from(limit).unwrap_or(u32::MAX))
    }

    fn send_due(&mut self, rtc: &mut Rtc, now: Instant, connected: bool) {
        if self.audio.as_ref().is_none_or(|audio| audio.next_at() > now) {
            return;
        }
        let bitrate = self.bitrate();
        let muted = self.is_muted();
        let Some(audio) = &mut self.audio else { return };
        audio.set_bitrate(bitrate);
        while let Some(frame) = audio.tick(now, muted) {
            self.timestamp = self.timestamp.wrapping_add(frame.ticks);
            if !connected {
                continue;
            }
            let mut api = rtc.direct_api();
            let Some(stream) = api.stream_tx(&self.ssrc.into()) else { continue };
            self.sequence += 1;
            stream.write_rtp(rtp(
                frame,
                self.payload_type,
                self.sequence,
                self.timestamp,
                self.audio_level,
                now,
            ));
        }
    }

    fn is_muted(&self) -> bool {
        let state = self.transceiver.state();
        let sender = &state.sender;
        let enabled = sender.track.as_ref().is_some_and(MediaStreamTrack::enabled);
        !enabled || sender.forbidden || sender.encodings.iter().any(|encoding| !encoding.active)
    }
}

fn rtp(
    frame: EncodedFrame,
    payload_type: u8,
    sequence: u64,
    timestamp: u32,
    audio_level: bool,
    now: Instant,
) -> RtpWrite {
    let extensions = ExtensionValues {
        audio_level: audio_level.then_some(frame.level.decibels),
        voice_activity: audio_level.then_some(frame.level.voice),
        ..ExtensionValues::default()
    };
    RtpWrite::new(payload_type.into(), sequence.into(), timestamp, now, frame.payload)
        .marker(frame.starts_talk)
        .ext_vals(extensions)
}

fn remote_track(transceiver: &Transceiver) -> Option<RtcAudioTrack> {
    match &transceiver.state().receiver.track {
        Some(MediaStreamTrack::Audio(track)) => Some(track.clone()),
        _ => None,
    }
}

fn is_received_video(media: &NegotiatedMedia) -> bool {
    media.transceiver.kind() == MediaKind::Video && !media.receive.is_empty()
}
