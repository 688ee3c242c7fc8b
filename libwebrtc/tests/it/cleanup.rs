//! Nothing is left of a session that ended.

use std::time::Duration;

use livekit::webrtc::audio_stream::native::NativeAudioStream;

use crate::participant::Participant;
use crate::server::Server;
use crate::tone::{Tone, record};

const CYCLES: usize = 20;
/// Cycles after which everything that is made once has been made.
const WARM_UP: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn tasks_and_files_of_ended_sessions_are_gone() {
    let server = Server::start().await;
    let mut listener = Participant::join(&server, "call", "listener").await;
    let mut levels = Vec::new();
    for cycle in 0..CYCLES {
        let speaker = Participant::join(&server, "call", &format!("speaker-{cycle}")).await;
        let tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;
        let mut stream = NativeAudioStream::new(listener.subscribed_audio().await, 16_000, 1);
        record(&mut stream, Duration::from_millis(200)).await;
        speaker.room.close().await.expect("leave room");
        drop((tone, stream, speaker));
        levels.push(settled_level().await);
    }
    let expected = levels[WARM_UP];
    let last = levels[CYCLES - 1];
    assert!(last.0 <= expected.0 && last.1 <= expected.1, "tasks and files after each cycle: {levels:?}");
}

/// Tasks alive and files open, once they stopped falling.
async fn settled_level() -> (usize, usize) {
    let mut level = level();
    let mut unchanged = 0;
    while unchanged < 3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let next = self::level();
        unchanged = if next < level { 0 } else { unchanged + 1 };
        level = level.min(next);
    }
    level
}

fn level() -> (usize, usize) {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let files = std::fs::read_dir("/proc/self/fd").expect("list open files").count();
    (tasks, files)
}
