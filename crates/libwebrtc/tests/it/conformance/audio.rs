//! Tones from one side to the other.

use std::time::Duration;

use livekit::prelude::*;
use livekit::webrtc::audio_stream::native::NativeAudioStream;
use serde_json::json;

use super::peer::{Peer, Stack, THEIR_HERTZ};
use super::{Call, ROOM, THEM};
use crate::participant::Participant;
use crate::sound::Recording;
use crate::tone::{RATE, Tone, record};

/// dB that a tone has to stand above everything else.
const CLEAN: f64 = 40.0;
/// A period is 100 samples of 48 kHz, for the reason that the peer's tone has.
const OUR_HERTZ: f64 = 480.0;
/// Until new audio has come through. A stream that was not read for a while holds a second of what was before.
const SETTLE: Duration = Duration::from_millis(1_500);
const LISTEN: Duration = Duration::from_secs(1);
/// One of so many seconds has to be clean: on a busy machine a browser does not always make its sound in time.
const SECONDS: usize = 8;

pub(super) async fn tones_arrive_both_ways_clean_and_in_tune(stack: Stack) {
    let Call { mut us, mut them, server: _server } = Call::start(stack).await;
    talk(&mut us, &mut them).await;
}

pub(super) async fn a_muted_track_is_silent_and_comes_back_both_ways(stack: Stack) {
    let Call { mut us, mut them, server: _server } = Call::start(stack).await;
    let Talk { ours, mut theirs } = talk(&mut us, &mut them).await;

    ours.publication.mute();
    them.tell("mute").await;
    us.wait_for("mute", |event| matches!(event, RoomEvent::TrackMuted { .. }).then_some(())).await;
    assert!(record_there(&mut them).await.is_silent(), "our muted track is heard there");
    assert!(record_here(&mut theirs).await.is_silent(), "their muted track is heard here");

    ours.publication.unmute();
    them.tell("unmute").await;
    us.wait_for("unmute", |event| matches!(event, RoomEvent::TrackUnmuted { .. }).then_some(())).await;
    assert_clean_there(&mut them).await;
    assert_clean_here(&mut theirs).await;
}

pub(super) async fn a_track_that_is_published_again_is_heard_both_ways(stack: Stack) {
    let Call { mut us, mut them, server: _server } = Call::start(stack).await;
    let Talk { ours, .. } = talk(&mut us, &mut them).await;

    us.local().unpublish_track(&ours.publication.sid()).await.expect("unpublish track");
    them.tell("unhear").await;
    them.tell("unpublish").await;
    us.wait_for("unpublished track", |event| {
        matches!(event, RoomEvent::TrackUnsubscribed { .. }).then_some(())
    })
    .await;
    talk(&mut us, &mut them).await;
}

/// Each time in the media section that the time before left behind.
pub(super) async fn a_peer_that_comes_back_is_heard_again_and_again(stack: Stack) {
    let Call { mut us, mut them, server } = Call::start(stack).await;
    let Talk { ours: _ours, .. } = talk(&mut us, &mut them).await;
    for _round in 0..3 {
        them.tell("leave").await;
        them.enter(&server, ROOM, THEM, json!({})).await;
        them.publish().await;
        assert_clean_here(&mut us.hear().await).await;
        assert_clean_there(&mut them).await;
    }
}

/// What is said here, and what is heard here.
pub(super) struct Talk {
    ours: Tone,
    theirs: NativeAudioStream,
}

/// Publishes a tone on both sides and hears it on the other.
pub(super) async fn talk(us: &mut Participant, them: &mut Peer) -> Talk {
    let ours = Tone::publish(&us.local(), OUR_HERTZ, RATE).await;
    them.publish().await;
    let mut theirs = us.hear().await;
    assert_clean_here(&mut theirs).await;
    assert_clean_there(them).await;
    Talk { ours, theirs }
}

/// The track there is now, or will be. There may be one that ends soon, of a session that is being replaced.
pub(super) async fn wait_until_both_are_heard(us: &mut Participant, them: &mut Peer) {
    us.wait_for_tone(THEIR_HERTZ).await;
    assert_clean_there(them).await;
}

async fn record_here(theirs: &mut NativeAudioStream) -> Recording {
    record(theirs, SETTLE).await;
    record(theirs, LISTEN).await
}

async fn record_there(them: &mut Peer) -> Recording {
    them.record(SETTLE, LISTEN).await
}

async fn assert_clean_here(theirs: &mut NativeAudioStream) {
    let mut heard = record_here(theirs).await;
    for _ in 1..SECONDS {
        if is_clean(&heard, THEIR_HERTZ) {
            return;
        }
        heard = record(theirs, LISTEN).await;
    }
    assert!(is_clean(&heard, THEIR_HERTZ), "{THEIR_HERTZ} Hz are heard here as {}", heard.sound());
}

async fn assert_clean_there(them: &mut Peer) {
    let mut heard = record_there(them).await;
    for _ in 1..SECONDS {
        if is_clean(&heard, OUR_HERTZ) {
            return;
        }
        heard = record_there(them).await;
    }
    assert!(is_clean(&heard, OUR_HERTZ), "{OUR_HERTZ} Hz are heard there as {}", heard.sound());
}

fn is_clean(heard: &Recording, hertz: f64) -> bool {
    let sound = heard.sound();
    tracing::info!("{hertz} Hz are heard as {sound}");
    (sound.hertz - hertz).abs() < 1.0 && sound.signal_to_noise > CLEAN
}
