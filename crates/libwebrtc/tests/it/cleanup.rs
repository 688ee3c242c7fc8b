//! Nothing is left of a session that ended.

use std::net::Ipv4Addr;
use std::time::Duration;

use futures::StreamExt;
use livekit::webrtc::audio_stream::native::NativeAudioStream;
use serde_json::json;

use crate::coturn::{Coturn, PASSWORD, USER};
use crate::participant::Participant;
use crate::process::resident_kibibytes;
use crate::server::Server;
use crate::tone::{Tone, record};

/// Without CYCLES in the environment.
const CYCLES: usize = 50;
/// Cycles after which everything that is made once has been made, of 50 and of more.
const WARM_UP: usize = 10;
/// KiB that each cycle may add to what is resident. A session that is not given back is over a hundred; a list of
/// candidates that grew with every negotiation was five.
const MAX_GROWTH: f64 = 1.0;
/// KiB on top for all cycles together: what is kept for some seconds is still growing to its level at first.
const SETTLING: f64 = 1_536.0;
/// `livekit` lets an interrupted negotiation wait for ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn ended_sessions_are_counted() {
    crate::alone::run("cleanup::tasks_files_and_memory_of_ended_sessions_are_given_back");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by ended_sessions_are_counted"]
async fn tasks_files_and_memory_of_ended_sessions_are_given_back() {
    let cycles = std::env::var("CYCLES").map_or(CYCLES, |text| text.parse().expect("CYCLES is a number"));
    let warm_up = WARM_UP.max(cycles / 10);
    // With a relay, which has connections and allocations of its own.
    let coturn = Coturn::start(Ipv4Addr::LOCALHOST.into(), None, &[]).await;
    let server = Server::start_with(|configuration| {
        configuration["rtc"]["turn_servers"] = json!([{
            "host": "127.0.0.1", "port": coturn.port, "protocol": "tcp", "username": USER, "credential": PASSWORD,
        }]);
    })
    .await;
    let mut listener = Participant::join(&server, "call", "listener").await;
    let mut resident = Vec::new();
    let mut warm = level();
    for cycle in 0..cycles {
        join_publish_and_leave(&server, &mut listener, cycle).await;
        resident.push(resident_kibibytes() as f64);
        if cycle + 1 == warm_up {
            warm = level();
        }
        if (cycle + 1) % (cycles / 10).max(1) == 0 {
            let (tasks, files) = level();
            tracing::info!("cycle {}: {tasks} tasks, {files} files, {} KiB", cycle + 1, resident[cycle]);
        }
    }

    let settled = async {
        while level().0 > warm.0 || level().1 > warm.1 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let settled = tokio::time::timeout(PATIENCE, settled).await;
    assert!(settled.is_ok(), "tasks and files: {warm:?} when warm, {:?} in the end", level());
    let growth = slope(&resident[warm_up..]);
    let limit = MAX_GROWTH + SETTLING / (cycles - warm_up) as f64;
    tracing::info!("each cycle adds {growth:.1} KiB of at most {limit:.1}");
    assert!(growth < limit, "each cycle adds {growth} KiB");
    // All but the listener's.
    coturn.wait_for("delete: realm", cycles).await;
}

async fn join_publish_and_leave(server: &Server, listener: &mut Participant, cycle: usize) {
    let speaker = Participant::join(server, "call", &format!("speaker-{cycle}")).await;
    let tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;
    let mut stream = NativeAudioStream::new(listener.subscribed_audio().await, 16_000, 1);
    record(&mut stream, Duration::from_millis(100)).await;
    speaker.room.close().await.expect("leave room");
    drop((tone, speaker));
    let ended = async { while stream.next().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("the stream of a participant that left goes on");
}

/// Tasks alive and files open.
fn level() -> (usize, usize) {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let files = std::fs::read_dir("/proc/self/fd").expect("list open files").count();
    (tasks, files)
}

/// Of the straight line nearest to the values, for each step.
fn slope(values: &[f64]) -> f64 {
    let middle = (values.len() as f64 - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let offsets = values.iter().enumerate().map(|(step, value)| (step as f64 - middle, value - mean));
    let (products, squares) = offsets.fold((0.0, 0.0), |(products, squares), (step, value)| {
        (products + step * value, squares + step * step)
    });
    products / squares
}
