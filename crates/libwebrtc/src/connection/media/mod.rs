//! RTP between tracks and the transport.

mod loss;
mod receiver;
mod sender;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use str0m::Rtc;
use str0m::media::{MediaKind as TransportKind, Mid};
use str0m::rtp::RtpPacket;
use str0m::rtp::rtcp::Rtcp;
use tokio::sync::Notify;

use crate::audio_track::{AudioOrigin, RtcAudioTrack};
use crate::media_stream_track::MediaStreamTrack;
use crate::negotiation::NegotiatedMedia;
use crate::negotiation::transceiver::{MediaKind, Transceiver};

pub(super) use receiver::Receiver;
pub(super) use sender::Sender;

/// Streams that were not announced and are taken between two negotiations.
const MAX_UNANNOUNCED: usize = 64;

#[derive(Default)]
pub(super) struct Media {
    declared: HashSet<Mid>,
    senders: Vec<Sender>,
    /// The streams that are received, by SSRC.
    receivers: HashMap<u32, Receiver>,
    /// For packets whose SSRC was not announced.
    by_mid: HashMap<Mid, Arc<Transceiver>>,
    unannounced: usize,
    samples_arrived: Arc<Notify>,
    video_reported: bool,
}

impl Media {
    /// Notified when a source that is sent has samples.
    pub(super) fn samples_arrived(&self) -> Arc<Notify> {
        self.samples_arrived.clone()
    }

    pub(super) fn senders(&self) -> &[Sender] {
        &self.senders
    }

    pub(super) fn receivers(&self) -> impl Iterator<Item = &Receiver> {
        self.receivers.values()
    }

    pub(super) fn receiver_mut(&mut self, mid: Mid) -> Option<&mut Receiver> {
        self.receivers.values_mut().find(|receiver| receiver.mid() == mid)
    }

    /// Follows the last exchange of offer and answer.
    pub(super) fn apply(&mut self, rtc: &mut Rtc, negotiated: &[NegotiatedMedia], now: Instant) {
        let audio = || negotiated.iter().filter(|media| media.transceiver.kind() == MediaKind::Audio);
        if !self.video_reported && negotiated.iter().any(is_received_video) {
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
            let index = self.senders.iter().position(|sender| sender.mid() == mid);
            let mut sender = match index {
                Some(index) => self.senders.swap_remove(index),
                None => Sender::declare(rtc, mid, media),
            };
            sender.follow(payload_type, media);
            senders.push(sender);
        }
        for ended in std::mem::replace(&mut self.senders, senders) {
            rtc.direct_api().remove_stream_tx(ended.ssrc().into());
        }
    }

    fn apply_receivers<'a>(&mut self, rtc: &mut Rtc, negotiated: impl Iterator<Item = &'a NegotiatedMedia>) {
        let mut receivers = HashMap::new();
        self.unannounced = 0;
        for media in negotiated {
            let mid = Mid::from(media.mid.as_str());
            for ssrc in &media.receive {
                let known = self.receivers.remove(ssrc).filter(|receiver| receiver.mid() == mid);
                let receiver = known.unwrap_or_else(|| {
                    let mut api = rtc.direct_api();
                    api.remove_stream_rx((*ssrc).into());
                    api.expect_stream_rx((*ssrc).into(), None, mid, None).suppress_nack(!media.nack);
                    Receiver::new(*ssrc, mid, media.transceiver.clone())
                });
                receivers.insert(*ssrc, receiver);
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
        for sender in &mut self.senders {
            sender.wake(now);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let send = self.senders.iter().filter_map(Sender::next_at);
        let receive = self.by_mid.values().filter_map(|transceiver| {
            let track = remote_track(transceiver)?;
            let AudioOrigin::Remote(remote) = track.origin() else { return None };
            remote.next_timeout()
        });
        send.chain(receive).min()
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

    pub(super) fn receive(&mut self, packet: &RtpPacket, now: Instant) {
        let ssrc = *packet.header.ssrc;
        if let Some(receiver) = self.receivers.get_mut(&ssrc) {
            receiver.receive(packet, now);
            return;
        }
        let mid = packet.header.ext_vals.mid;
        let Some((mid, transceiver)) = mid.and_then(|mid| Some((mid, self.by_mid.get(&mid)?))) else {
            tracing::trace!(ssrc, "a packet of an unknown stream is dropped");
            return;
        };
        if self.unannounced == MAX_UNANNOUNCED {
            tracing::trace!(ssrc, "a packet of one more stream that was not announced is dropped");
            return;
        }
        self.unannounced += 1;
        let mut receiver = Receiver::new(ssrc, mid, transceiver.clone());
        receiver.receive(packet, now);
        self.receivers.insert(ssrc, receiver);
    }

    /// Follows what the peer reports, and sends again what it asks for.
    pub(super) fn receive_feedback(&mut self, rtc: &mut Rtc, feedback: &Rtcp, now: Instant) {
        let reports = match feedback {
            Rtcp::Nack(nack) => {
                if let Some(sender) = self.senders.iter_mut().find(|sender| sender.ssrc() == *nack.ssrc) {
                    sender.resend(rtc, nack.reports.iter().copied(), now);
                }
                return;
            }
            Rtcp::Remb(remb) => {
                for sender in &mut self.senders {
                    sender.limit_bitrate(remb.bitrate);
                }
                return;
            }
            Rtcp::SenderReport(report) => {
                if let Some(receiver) = self.receivers.get_mut(&*report.sender_info.ssrc) {
                    receiver.take_sender_report(&report.sender_info);
                }
                &report.reports
            }
            Rtcp::ReceiverReport(report) => &report.reports,
            _ => return,
        };
        for report in reports.iter() {
            if let Some(sender) = self.senders.iter_mut().find(|sender| sender.ssrc() == *report.ssrc) {
                sender.take_reception_report(report);
            }
        }
    }
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
