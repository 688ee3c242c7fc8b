//! The reports of streams that are sent and received.

use crate::audio::RTP_CLOCK_RATE;
use crate::audio::jitter_buffer::JitterBufferStatistics;
use crate::audio_track::AudioOrigin;
use crate::media_stream_track::MediaStreamTrack;
use crate::stats::{self, RtcStats, dictionaries};

use super::{Receiver, RoundTrips, Sender, Sources, TRANSPORT_ID};

impl Sources<'_> {
    pub(super) fn report_sender(&self, sender: &Sender, reports: &mut Vec<RtcStats>) {
        let ssrc = sender.ssrc();
        let sent = sender.transmission();
        let (payload_type, track) = {
            let state = sender.transceiver().state();
            (state.sender.payload_type, state.sender.track.as_ref().map(MediaStreamTrack::id))
        };
        let source_id = track.as_ref().map_or_else(String::new, |track| format!("S{track}"));
        let limited = sender.is_limited();
        reports.push(RtcStats::OutboundRtp(stats::OutboundRtpStats {
            rtc: self.rtc(format!("O{ssrc}")),
            stream: self.stream(ssrc, payload_type),
            sent: dictionaries::SentRtpStreamStats {
                packets_sent: sent.packets + sent.resent_packets,
                bytes_sent: sent.payload_bytes + sent.resent_bytes,
            },
            outbound: dictionaries::OutboundRtpStreamStats {
                mid: sender.mid().to_string(),
                media_source_id: source_id.clone(),
                remote_id: if sent.report.is_some() { format!("RI{ssrc}") } else { String::new() },
                header_bytes_sent: sent.header_bytes,
                retransmitted_packets_sent: sent.resent_packets,
                retransmitted_bytes_sent: sent.resent_bytes,
                target_bitrate: f64::from(sender.bitrate()),
                quality_limitation_reason: if limited {
                    stats::QualityLimitationReason::Bandwidth
                } else {
                    stats::QualityLimitationReason::None
                },
                nack_count: u32::try_from(sent.nacks).unwrap_or(u32::MAX),
                active: !sender.is_muted(),
                ..dictionaries::OutboundRtpStreamStats::default()
            },
        }));
        if let Some(track_identifier) = track {
            reports.push(RtcStats::MediaSource(stats::MediaSourceStats {
                rtc: self.rtc(source_id),
                source: dictionaries::MediaSourceStats { track_identifier, kind: "audio".to_owned() },
                audio: dictionaries::AudioSourceStats {
                    audio_level: sent.level,
                    total_audio_energy: sent.energy,
                    total_samples_duration: sent.duration,
                },
            }));
        }
        let Some(report) = sent.report else { return };
        let RoundTrips { last, total, count } = self.path.round_trips;
        reports.push(RtcStats::RemoteInboundRtp(stats::RemoteInboundRtpStats {
            rtc: self.rtc(format!("RI{ssrc}")),
            stream: self.stream(ssrc, payload_type),
            received: dictionaries::ReceivedRtpStreamStats {
                packets_received: sent.packets.saturating_sub(u64::from(report.packets_lost)),
                packets_lost: i64::from(report.packets_lost),
                jitter: f64::from(report.jitter) / f64::from(RTP_CLOCK_RATE),
            },
            remote_inbound: dictionaries::RemoteInboundRtpStreamStats {
                local_id: format!("O{ssrc}"),
                round_trip_time: last.as_secs_f64(),
                total_round_trip_time: total.as_secs_f64(),
                fraction_lost: f64::from(report.fraction_lost) / 256.0,
                round_trip_time_measurements: count,
            },
        }));
    }

    pub(super) fn report_receiver(&self, receiver: &Receiver, reports: &mut Vec<RtcStats>) {
        let ssrc = receiver.ssrc();
        let received = receiver.reception();
        let (payload_type, track) = {
            let state = receiver.transceiver().state();
            (state.receiver.payload_type, state.receiver.track.clone())
        };
        let ago = received.last_arrival.map_or(0, |at| self.now.saturating_duration_since(at).as_micros());
        let last_packet = (self.timestamp - i64::try_from(ago).unwrap_or_default()) as f64 / 1000.0;
        let mut inbound = dictionaries::InboundRtpStreamStats {
            track_identifier: track.as_ref().map_or_else(String::new, MediaStreamTrack::id),
            mid: receiver.mid().to_string(),
            remote_id: if received.sent.is_some() { format!("RO{ssrc}") } else { String::new() },
            last_packet_received_timestamp: received.last_arrival.map_or(0.0, |_| last_packet),
            header_bytes_received: received.header_bytes,
            bytes_received: received.payload_bytes,
            nack_count: u32::try_from(received.nacks).unwrap_or(u32::MAX),
            ..dictionaries::InboundRtpStreamStats::default()
        };
        if let Some(MediaStreamTrack::Audio(track)) = &track
            && let AudioOrigin::Remote(remote) = track.origin()
            && let Some(statistics) = remote.statistics()
        {
            report_jitter_buffer(&statistics, &mut inbound);
        }
        reports.push(RtcStats::InboundRtp(stats::InboundRtpStats {
            rtc: self.rtc(format!("I{ssrc}")),
            stream: self.stream(ssrc, payload_type),
            received: dictionaries::ReceivedRtpStreamStats {
                packets_received: received.packets,
                packets_lost: received.lost(),
                jitter: received.jitter(),
            },
            inbound,
        }));
        let Some((packets, bytes)) = received.sent else { return };
        reports.push(RtcStats::RemoteOutboundRtp(stats::RemoteOutboundRtpStats {
            rtc: self.rtc(format!("RO{ssrc}")),
            stream: self.stream(ssrc, payload_type),
            sent: dictionaries::SentRtpStreamStats {
                packets_sent: u64::from(packets),
                bytes_sent: u64::from(bytes),
            },
            remote_outbound: dictionaries::RemoteOutboundRtpStreamStats {
                local_id: format!("I{ssrc}"),
                reports_sent: received.sender_reports,
            },
        }));
    }

    fn stream(&self, ssrc: u32, payload_type: Option<u8>) -> dictionaries::RtpStreamStats {
        dictionaries::RtpStreamStats {
            ssrc,
            kind: "audio".to_owned(),
            transport_id: TRANSPORT_ID.to_owned(),
            codec_id: payload_type.map_or_else(String::new, |payload_type| format!("C{payload_type}")),
        }
    }
}

fn report_jitter_buffer(
    statistics: &JitterBufferStatistics,
    inbound: &mut dictionaries::InboundRtpStreamStats,
) {
    inbound.packets_discarded = statistics.packets_discarded;
    inbound.fec_packets_received = statistics.fec_packets_received;
    inbound.fec_packets_discarded = statistics.fec_packets_discarded;
    inbound.total_samples_received = statistics.total_samples_received;
    inbound.concealed_samples = statistics.concealed_samples;
    inbound.silent_concealed_samples = statistics.silent_concealed_samples;
    inbound.concealment_events = statistics.concealment_events;
    inbound.inserted_samples_for_deceleration = statistics.inserted_samples_for_deceleration;
    inbound.removed_samples_for_acceleration = statistics.removed_samples_for_acceleration;
    inbound.jitter_buffer_delay = statistics.jitter_buffer_delay;
    inbound.jitter_buffer_target_delay = statistics.jitter_buffer_target_delay;
    inbound.jitter_buffer_minimum_delay = statistics.jitter_buffer_minimum_delay;
    inbound.jitter_buffer_emitted_count = statistics.jitter_buffer_emitted_count;
    inbound.audio_level = statistics.audio_level;
    inbound.total_audio_energy = statistics.total_audio_energy;
    inbound.total_samples_duration = statistics.total_samples_duration;
}
