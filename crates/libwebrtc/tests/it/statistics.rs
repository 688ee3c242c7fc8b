//! What `get_stats` says of a call.

use std::time::Duration;

use livekit::webrtc::audio_stream::native::NativeAudioStream;
use livekit::webrtc::stats::RtcStats;

use crate::participant::Participant;
use crate::server::Server;
use crate::tone::{Tone, record};

/// Of the connection that both directions share.
async fn reports(participant: &Participant) -> Vec<RtcStats> {
    participant.room.get_stats().await.expect("get statistics").publisher_stats
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ends_of_a_stream_are_reported() {
    let server = Server::start().await;
    let mut listener = Participant::join(&server, "call", "listener").await;
    let speaker = Participant::join(&server, "call", "speaker").await;
    let _tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;
    let mut stream = NativeAudioStream::new(listener.subscribed_audio().await, 16_000, 1);
    record(&mut stream, Duration::from_secs(6)).await;

    let heard = reports(&listener).await;
    let inbound = heard.iter().find_map(|report| match report {
        RtcStats::InboundRtp(inbound) => Some(inbound),
        _ => None,
    });
    let inbound = inbound.expect("an inbound stream");
    assert!(inbound.received.packets_received > 250, "{inbound:?}");
    assert_eq!(inbound.received.packets_lost, 0, "{inbound:?}");
    assert!(inbound.inbound.total_samples_received > 5 * 16_000, "{inbound:?}");
    assert!((0.1..0.5).contains(&inbound.inbound.audio_level), "{inbound:?}");
    let delay = inbound.inbound.jitter_buffer_delay / inbound.inbound.jitter_buffer_emitted_count as f64;
    assert!((0.0..0.5).contains(&delay), "{delay} s in the jitter buffer");

    let spoken = reports(&speaker).await;
    let outbound = spoken.iter().find_map(|report| match report {
        RtcStats::OutboundRtp(outbound) => Some(outbound),
        _ => None,
    });
    let outbound = outbound.expect("an outbound stream");
    assert!(outbound.sent.packets_sent > 250 && outbound.outbound.active, "{outbound:?}");
    assert!(spoken.iter().any(|report| report_id(report) == Some(outbound.stream.codec_id.as_str())));
    let remote = spoken.iter().find_map(|report| match report {
        RtcStats::RemoteInboundRtp(remote) => Some(remote),
        _ => None,
    });
    let remote = remote.expect("the server reports what it receives");
    assert_eq!(remote.remote_inbound.local_id, outbound.rtc.id);
    assert_eq!(remote.remote_inbound.fraction_lost, 0.0);
    let pair = spoken.iter().find_map(|report| match report {
        RtcStats::CandidatePair(pair) => Some(&pair.candidate_pair),
        _ => None,
    });
    let pair = pair.expect("a candidate pair");
    assert!(pair.current_round_trip_time > 0.0 && pair.current_round_trip_time < 1.0, "{pair:?}");

    // A track has its own.
    let track =
        speaker.local().track_publications().into_values().next().and_then(|publication| publication.track());
    let own = track.expect("a track").get_stats().await.expect("get statistics");
    assert!(own.iter().any(|report| report_id(report) == Some(outbound.rtc.id.as_str())));
    assert!(!own.iter().any(|report| matches!(report, RtcStats::DataChannel(_))));
}

fn report_id(report: &RtcStats) -> Option<&str> {
    Some(match report {
        RtcStats::Codec(codec) => &codec.rtc.id,
        RtcStats::OutboundRtp(outbound) => &outbound.rtc.id,
        _ => return None,
    })
}
