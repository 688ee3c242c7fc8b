//! The processor time and memory that sessions cost.

use std::time::Duration;

use livekit::webrtc::audio_stream::native::NativeAudioStream;

use crate::participant::Participant;
use crate::process::{cpu_ticks, resident_kibibytes};
use crate::server::Server;
use crate::tone::{Tone, record};

const LISTENERS: usize = 10;
const MEASURED: Duration = Duration::from_secs(5);
/// Per cent of a core and KiB that a session that receives audio may take: about three times what it does take.
const MAX_CPU: f64 = 3.0;
const MAX_MEMORY: u64 = 2_048;

#[test]
fn listening_is_measured() {
    crate::alone::run("cost::a_session_that_listens_costs_little");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by listening_is_measured"]
async fn a_session_that_listens_costs_little() {
    let server = Server::start().await;
    let speaker = Participant::join(&server, "call", "speaker").await;
    let _tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;
    let (cpu_of_speaker, memory_before) = (cpu_over(MEASURED).await, resident_kibibytes());

    let mut listeners = Vec::new();
    for index in 0..LISTENERS {
        let mut listener = Participant::join(&server, "call", &format!("listener-{index}")).await;
        let mut stream = NativeAudioStream::new(listener.subscribed_audio().await, 16_000, 1);
        let reader = tokio::spawn(async move { record(&mut stream, MEASURED * 4).await.samples.len() });
        listeners.push((listener, reader));
    }
    let cpu = (cpu_over(MEASURED).await - cpu_of_speaker) / LISTENERS as f64;
    let memory = resident_kibibytes().saturating_sub(memory_before) / LISTENERS as u64;
    for (_, reader) in listeners {
        reader.abort();
    }
    tracing::info!("publishing {cpu_of_speaker:.2} % of a core, listening {cpu:.2} % and {memory} KiB");
    assert!(cpu < MAX_CPU, "a listening session takes {cpu} % of a core");
    assert!(memory < MAX_MEMORY, "a listening session takes {memory} KiB");
}

/// Per cent of a core this process takes.
async fn cpu_over(duration: Duration) -> f64 {
    let before = cpu_ticks();
    tokio::time::sleep(duration).await;
    // A tick is 10 ms.
    (cpu_ticks() - before) as f64 / duration.as_secs_f64()
}
