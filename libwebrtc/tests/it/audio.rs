//! Audio from one participant to another.

use std::time::{Duration, Instant};

use futures::StreamExt;
use livekit::prelude::*;
use livekit::webrtc::audio_stream::native::NativeAudioStream;

use crate::participant::Participant;
use crate::server::Server;
use crate::tone::{Tone, record, signal_to_noise};

/// What a tone must reach at the far end; Opus at 48 kbit/s leaves far more.
const CLEAN: f64 = 25.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_published_tone_arrives_clean_and_in_time() {
    let server = Server::start().await;
    let mut listener = Participant::join(&server, "call", "listener").await;
    let speaker = Participant::join(&server, "call", "speaker").await;
    let tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;

    let track = listener.subscribed_audio().await;
    let mut stream = NativeAudioStream::new(track.clone(), 16_000, 1);
    record(&mut stream, Duration::from_millis(500)).await;
    let started = Instant::now();
    let samples = record(&mut stream, Duration::from_secs(3)).await;
    let elapsed = started.elapsed().as_secs_f64();
    assert!((2.8..3.2).contains(&elapsed), "3 s of audio took {elapsed} s");
    let ratio = signal_to_noise(&samples, 440.0, 16_000);
    assert!(ratio > CLEAN, "{ratio} dB");
    assert!(signal_to_noise(&samples, 450.0, 16_000) < 10.0);

    // Another reader, at a rate Opus does not have, in stereo.
    let mut other = NativeAudioStream::new(track, 44_100, 2);
    let samples = record(&mut other, Duration::from_secs(1)).await;
    let left: Vec<i16> = samples.iter().step_by(2).copied().collect();
    let ratio = signal_to_noise(&left[8_820..], 440.0, 44_100);
    assert!(ratio > CLEAN, "{ratio} dB at 44.1 kHz");

    // The server sees who speaks by the level that goes with each packet.
    listener
        .wait_for("active speaker", |event| match event {
            RoomEvent::ActiveSpeakersChanged { speakers } if !speakers.is_empty() => Some(()),
            _ => None,
        })
        .await;

    // Muted, the stream goes on in silence; up to a second of the tone waits to be read.
    tone.publication.mute();
    record(&mut stream, Duration::from_secs(3)).await;
    let silence = record(&mut stream, Duration::from_millis(500)).await;
    assert!(silence.iter().all(|sample| sample.unsigned_abs() < 100), "a muted track is heard");

    // Unpublished, it ends.
    speaker.local().unpublish_track(&tone.publication.sid()).await.expect("unpublish track");
    let ended = async { while stream.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the stream goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reused_media_section_is_heard_again_and_again() {
    let server = Server::start().await;
    let mut listener = Participant::join(&server, "call", "listener").await;
    for (round, hertz) in [440.0, 660.0, 550.0, 770.0].into_iter().enumerate() {
        let speaker = Participant::join(&server, "call", &format!("speaker-{round}")).await;
        // 22.05 kHz goes through the resampler.
        let tone = Tone::publish(&speaker.local(), hertz, if round == 1 { 22_050 } else { 24_000 }).await;
        let track = listener.subscribed_audio().await;
        let mut stream = NativeAudioStream::new(track, 24_000, 1);
        record(&mut stream, Duration::from_millis(300)).await;
        let samples = record(&mut stream, Duration::from_secs(1)).await;
        let ratio = signal_to_noise(&samples, hertz, 24_000);
        assert!(ratio > CLEAN, "round {round}: {ratio} dB");
        drop(tone);
        speaker.room.close().await.expect("leave room");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_peer_connections_carry_audio_both_ways() {
    let server = Server::start().await;
    let mut options = RoomOptions::default();
    options.single_peer_connection = false;
    let mut first = Participant::join_with(&server, "call", "first", options.clone()).await;
    let mut second = Participant::join_with(&server, "call", "second", options).await;
    let _first_tone = Tone::publish(&first.local(), 440.0, 48_000).await;
    let _second_tone = Tone::publish(&second.local(), 660.0, 16_000).await;

    for (participant, hertz) in [(&mut first, 660.0), (&mut second, 440.0)] {
        let mut stream = NativeAudioStream::new(participant.subscribed_audio().await, 16_000, 1);
        record(&mut stream, Duration::from_millis(500)).await;
        let ratio = signal_to_noise(&record(&mut stream, Duration::from_secs(1)).await, hertz, 16_000);
        assert!(ratio > CLEAN, "{hertz} Hz: {ratio} dB");
    }
}
