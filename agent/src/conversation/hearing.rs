use futures::StreamExt as _;
use futures::stream::SelectAll;
use livekit::prelude::RemoteAudioTrack;
use livekit::webrtc::audio_stream::native::NativeAudioStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{CHANNELS, SAMPLE_RATE};
use crate::spool::Journal;

/// How much is heard between two entries in the journal, seconds.
const STEP_SECONDS: f64 = 1.0;

/// Counts the seconds of audio heard, over all tracks, until it is told to hang up.
pub(super) async fn count(
    tracks: &mut mpsc::UnboundedReceiver<RemoteAudioTrack>,
    journal: &Journal,
    hang_up: &CancellationToken,
) {
    let mut streams = SelectAll::new();
    let mut heard = 0.0;
    loop {
        tokio::select! {
            Some(track) = tracks.recv() => {
                streams.push(NativeAudioStream::new(track.rtc_track(), SAMPLE_RATE as i32, CHANNELS as i32));
            }
            Some(frame) = streams.next() => {
                heard += f64::from(frame.samples_per_channel) / f64::from(frame.sample_rate);
                if heard >= STEP_SECONDS {
                    enter(journal, &mut heard);
                }
            }
            () = hang_up.cancelled() => break,
        }
    }
    enter(journal, &mut heard);
}

fn enter(journal: &Journal, heard: &mut f64) {
    let seconds = std::mem::take(heard);
    journal.update(|session| session.metrics_summary.audio_received_seconds += seconds);
}
