//! Audio from one participant of this stack to another: rates, channels, time.

use std::time::{Duration, Instant};

use futures::StreamExt;
use livekit::prelude::*;
use livekit::webrtc::audio_stream::native::NativeAudioStream;

use crate::participant::Participant;
use crate::server::Server;
use crate::tone::{Tone, hear_clean, record};

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
    let heard = record(&mut stream, Duration::from_secs(3)).await;
    let elapsed = started.elapsed().as_secs_f64();
    // Never faster than it sounds; slower where the machine is busy.
    assert!((2.8..6.0).contains(&elapsed), "3 s of audio took {elapsed} s");
    let ratio = heard.signal_to_noise(440.0);
    assert!(ratio > CLEAN, "{ratio} dB");

    // Another reader, at a rate Opus does not have, in stereo.
    let mut other = NativeAudioStream::new(track, 44_100, 2);
    let mut heard = record(&mut other, Duration::from_secs(1)).await;
    heard.samples = heard.samples.iter().step_by(2).skip(8_820).copied().collect();
    let ratio = heard.signal_to_noise(440.0);
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
    let heard = record(&mut stream, Duration::from_millis(500)).await;
    assert!(heard.is_silent(), "a muted track is heard");

    // Unpublished, it ends.
    speaker.local().unpublish_track(&tone.publication.sid()).await.expect("unpublish track");
    let ended = async { while stream.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(60), ended).await.expect("the stream goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reused_media_section_is_heard_again_and_again() {
    let server = Server::start().await;
    let mut listener = Participant::join(&server, "call", "listener").await;
    for (round, hertz) in [440.0, 660.0, 540.0, 780.0].into_iter().enumerate() {
        let speaker = Participant::join(&server, "call", &format!("speaker-{round}")).await;
        // 22.05 kHz goes through the resampler.
        let tone = Tone::publish(&speaker.local(), hertz, if round == 1 { 22_050 } else { 24_000 }).await;
        let track = listener.subscribed_audio().await;
        let mut stream = NativeAudioStream::new(track, 24_000, 1);
        record(&mut stream, Duration::from_millis(300)).await;
        hear_clean(&mut stream, hertz, CLEAN).await;
        drop(tone);
        speaker.room.close().await.expect("leave room");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a stream has nothing before the first packet after it was opened"]
async fn a_stream_that_is_opened_on_a_muted_track_is_silent() {
    let server = Server::start().await;
    let mut listener = Participant::join(&server, "call", "listener").await;
    let speaker = Participant::join(&server, "call", "speaker").await;
    let tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;
    let track = listener.subscribed_audio().await;
    tone.publication.mute();
    listener.wait_for("mute", |event| matches!(event, RoomEvent::TrackMuted { .. }).then_some(())).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut stream = NativeAudioStream::new(track, 16_000, 1);
    assert!(record(&mut stream, Duration::from_secs(1)).await.is_silent());
}
