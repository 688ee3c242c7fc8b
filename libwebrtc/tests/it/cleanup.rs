//! Nothing is left of a session that ended.

use std::net::Ipv4Addr;
use std::time::Duration;

use livekit::webrtc::audio_stream::native::NativeAudioStream;
use serde_json::json;

use crate::coturn::{Coturn, PASSWORD, USER};

use crate::participant::Participant;
use crate::server::Server;
use crate::tone::{Tone, record};

const CYCLES: usize = 20;
/// Cycles after which everything that is made once has been made.
const WARM_UP: usize = 4;
/// `livekit` lets an interrupted negotiation wait for ten seconds.
const PATIENCE: Duration = Duration::from_secs(15);

#[test]
fn ended_sessions_are_counted() {
    crate::alone::run("cleanup::tasks_and_files_of_ended_sessions_are_gone");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by ended_sessions_are_counted"]
async fn tasks_and_files_of_ended_sessions_are_gone() {
    // With a relay, which has connections and allocations of its own.
    let coturn = Coturn::start(Ipv4Addr::LOCALHOST.into(), None, &[]).await;
    let server = Server::start_with(|configuration| {
        configuration["rtc"]["turn_servers"] = json!([{
            "host": "127.0.0.1", "port": coturn.port, "protocol": "tcp", "username": USER, "credential": PASSWORD,
        }]);
    })
    .await;
    let mut listener = Participant::join(&server, "call", "listener").await;
    for cycle in 0..WARM_UP {
        join_publish_and_leave(&server, &mut listener, cycle).await;
    }
    let (tasks, files) = level();
    for cycle in WARM_UP..CYCLES {
        join_publish_and_leave(&server, &mut listener, cycle).await;
    }
    let settled = async {
        while level().0 > tasks || level().1 > files {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let settled = tokio::time::timeout(PATIENCE, settled).await;
    assert!(
        settled.is_ok(),
        "tasks and files: {:?} after {WARM_UP} cycles, {:?} in the end",
        (tasks, files),
        level()
    );
    // All but the listener's.
    coturn.wait_for("delete: realm", CYCLES).await;
}

async fn join_publish_and_leave(server: &Server, listener: &mut Participant, cycle: usize) {
    let speaker = Participant::join(server, "call", &format!("speaker-{cycle}")).await;
    let tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;
    let mut stream = NativeAudioStream::new(listener.subscribed_audio().await, 16_000, 1);
    record(&mut stream, Duration::from_millis(200)).await;
    speaker.room.close().await.expect("leave room");
    drop((tone, stream, speaker));
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// Tasks alive and files open.
fn level() -> (usize, usize) {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let files = std::fs::read_dir("/proc/self/fd").expect("list open files").count();
    (tasks, files)
}
