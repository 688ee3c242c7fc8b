//! Audio under loss, delay and disorder.

use std::time::Duration;

use crate::audio::level;
use crate::stats::{InboundRtpStats, OutboundRtpStats, RtcStats};

use super::link::{End, Link, Way};
use super::voice::Call;

const WHILE: Duration = Duration::from_secs(30);

fn inbound(link: &Link) -> InboundRtpStats {
    let reports = reports(&link.ends[1], link);
    reports
        .into_iter()
        .find_map(|report| match report {
            RtcStats::InboundRtp(inbound) => Some(inbound),
            _ => None,
        })
        .expect("an inbound stream")
}

fn outbound(link: &Link) -> OutboundRtpStats {
    let reports = reports(&link.ends[0], link);
    reports
        .into_iter()
        .find_map(|report| match report {
            RtcStats::OutboundRtp(outbound) => Some(outbound),
            _ => None,
        })
        .expect("an outbound stream")
}

fn reports(end: &End, link: &Link) -> Vec<RtcStats> {
    end.statistics(link.now)
}

/// Frames of 10 ms that are louder than -40 dB.
fn loud_frames(samples: &[i16]) -> usize {
    samples.chunks(160).filter(|frame| level::measure(frame).decibels > -40).count()
}

fn assert_duration(call: &Call, expected: Duration) {
    let ratio = call.duration().as_secs_f64() / expected.as_secs_f64();
    assert!((0.99..=1.01).contains(&ratio), "{:?} of {expected:?} were heard", call.duration());
}

#[test]
fn a_clear_link_delivers_every_sample() {
    let mut link = Link::new(1);
    let mut call = Call::start(&mut link, str::to_owned);
    call.run(&mut link, Duration::from_secs(10));
    assert_duration(&call, Duration::from_secs(10));
    let inbound = inbound(&link);
    assert_eq!(inbound.received.packets_lost, 0);
    assert_eq!(inbound.inbound.nack_count, 0);
    let voiced = inbound.inbound.concealed_samples - inbound.inbound.silent_concealed_samples;
    assert_eq!(voiced, 0, "{inbound:?}");
}

#[test]
fn lost_packets_are_asked_for_again_and_speech_keeps_its_length() {
    let mut link = Link::new(2);
    let mut call = Call::start(&mut link, str::to_owned);
    call.run(&mut link, Duration::from_secs(2));
    link.way = Way { loss: 0.1, delay: Duration::from_millis(20), jitter: Duration::from_millis(20) };
    call.run(&mut link, WHILE);
    assert_duration(&call, WHILE + Duration::from_secs(2));
    let (inbound, outbound) = (inbound(&link), outbound(&link));
    assert!(inbound.inbound.nack_count > 20, "{inbound:?}");
    assert!(outbound.outbound.retransmitted_packets_sent > 20, "{outbound:?}");
    // One in ten is lost; of those that were asked for again one in ten.
    assert!(inbound.received.packets_lost < 40, "{inbound:?}");
    assert!(loud_frames(&call.heard) > 1_200, "{}", loud_frames(&call.heard));
}

#[test]
fn without_retransmission_loss_is_concealed_and_speech_keeps_its_length() {
    let mut link = Link::new(3);
    let mut call = Call::start(&mut link, |offer| offer.replace("a=rtcp-fb:111 nack\r\n", ""));
    link.way = Way { loss: 0.1, ..Way::CLEAR };
    call.run(&mut link, WHILE);
    assert_duration(&call, WHILE);
    let inbound = inbound(&link);
    assert_eq!(inbound.inbound.nack_count, 0);
    assert!(inbound.received.packets_lost > 60, "{inbound:?}");
    assert!(inbound.inbound.concealment_events > 30, "{inbound:?}");
    assert!(inbound.inbound.concealed_samples > inbound.inbound.silent_concealed_samples, "{inbound:?}");
    let expected = outbound(&link).sent.packets_sent as f64;
    let lost = inbound.received.packets_lost as f64 / expected;
    assert!((0.06..0.14).contains(&lost), "{lost}");
}

#[test]
fn heavy_loss_is_survived_and_the_end_of_it_heard() {
    let mut link = Link::new(4);
    let mut call = Call::start(&mut link, str::to_owned);
    link.way = Way { loss: 0.3, delay: Duration::from_millis(40), jitter: Duration::from_millis(60) };
    call.run(&mut link, WHILE);
    assert_duration(&call, WHILE);
    assert!(outbound(&link).outbound.target_bitrate < 24_000.0);

    link.way = Way::CLEAR;
    call.run(&mut link, Duration::from_secs(10));
    let before = inbound(&link).inbound;
    call.heard.clear();
    call.run(&mut link, Duration::from_secs(10));
    let after = inbound(&link).inbound;
    assert_duration(&call, Duration::from_secs(10));
    let concealed = (after.concealed_samples - after.silent_concealed_samples)
        - (before.concealed_samples - before.silent_concealed_samples);
    assert_eq!(concealed, 0);
    // Four fifths of the time are phrases.
    assert!(loud_frames(&call.heard) > 600, "{}", loud_frames(&call.heard));
}

#[test]
fn a_link_that_stops_for_a_while_neither_loses_time_nor_runs_fast() {
    let mut link = Link::new(5);
    let mut call = Call::start(&mut link, str::to_owned);
    call.run(&mut link, Duration::from_secs(5));
    link.way = Way::CUT;
    call.run(&mut link, Duration::from_secs(2));
    link.way = Way::CLEAR;
    call.run(&mut link, Duration::from_secs(10));
    assert_duration(&call, Duration::from_secs(17));
}

#[test]
fn interrupted_speech_stops_at_once() {
    let mut link = Link::new(6);
    let mut call = Call::start_queued(&mut link, 10_000, str::to_owned);
    call.speak(Duration::from_millis(1_500));
    for _ in 0..50 {
        call.listen(&mut link, Duration::from_millis(10));
    }
    call.interrupt();
    call.heard.clear();
    for _ in 0..100 {
        call.listen(&mut link, Duration::from_millis(10));
    }
    // What is under way or in the far buffer is still heard, and dies away.
    assert!(
        loud_frames(&call.heard) <= 15,
        "{} frames were heard after the interruption",
        loud_frames(&call.heard)
    );
    // The source speaks again when it is given something to say.
    call.heard.clear();
    call.speak(Duration::from_millis(1_000));
    for _ in 0..120 {
        call.listen(&mut link, Duration::from_millis(10));
    }
    assert!(loud_frames(&call.heard) > 60, "{}", loud_frames(&call.heard));
}
