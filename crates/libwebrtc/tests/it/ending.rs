//! A connection whose task is ended by a panic, or with its runtime: whoever waits for it is told.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use futures::StreamExt;
use livekit::prelude::*;
use livekit::webrtc::audio_stream::native::NativeAudioStream;
use livekit::webrtc::prelude::*;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::participant::Participant;
use crate::peer::Peer;
use crate::server::Server;
use crate::tone::Tone;

const PATIENCE: Duration = Duration::from_secs(60);

/// A panic in whoever wakes it.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a panic that the test wants");
    }
}

/// Asks a connection's task something, so that its answer panics there.
fn ask_with_a_panic<Q: Future>(ask: impl Fn() -> Q) {
    let waker = Waker::from(Arc::new(Panics));
    loop {
        let mut question = Box::pin(ask());
        if question.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            // The answer must find who waits for it.
            std::mem::forget(question);
            return;
        }
    }
}

fn states(connection: &PeerConnection) -> UnboundedReceiver<PeerConnectionState> {
    let (state_tx, state_rx) = unbounded_channel();
    connection
        .on_connection_state_change(Some(Box::new(move |state| state_tx.send(state).unwrap_or_default())));
    state_rx
}

async fn wait_for_failure(states: &mut UnboundedReceiver<PeerConnectionState>) {
    let failed = async {
        while let Some(state) = states.recv().await {
            if state == PeerConnectionState::Failed {
                return;
            }
        }
        panic!("the connection was forgotten before it failed");
    };
    tokio::time::timeout(PATIENCE, failed).await.expect("nobody is told of the failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_fails_the_connection_and_ends_all_that_is_its() {
    let mut first = Peer::new(RtcConfiguration::default());
    let mut second = Peer::new(RtcConfiguration::default());
    let _channels = first.connect(&mut second).await;
    let mut states = states(&first.connection);
    let open = first.connection.create_data_channel("open", DataChannelInit::default()).expect("channel");
    let (closed_tx, mut closed_rx) = unbounded_channel();
    open.on_state_change(Some(Box::new(move |state| closed_tx.send(state).unwrap_or_default())));

    ask_with_a_panic(|| {
        let asked = first.connection.clone();
        async move { asked.get_stats().await }
    });
    wait_for_failure(&mut states).await;
    assert_eq!(first.connection.connection_state(), PeerConnectionState::Failed);
    let closed = async { while closed_rx.recv().await.expect("closed") != DataChannelState::Closed {} };
    tokio::time::timeout(PATIENCE, closed).await.expect("the channel is not closed");
    open.send(b"too late", true).expect_err("sends on a channel of nothing");

    let connection = &first.connection;
    connection
        .create_data_channel("new", DataChannelInit::default())
        .expect_err("opens a channel of nothing");
    connection.create_offer(OfferOptions::default()).await.expect_err("offers what nothing carries out");
    let candidate = IceCandidate::parse("0", 0, "candidate:1 1 udp 1 127.0.0.1 9 typ host").expect("parse");
    connection.add_ice_candidate(candidate).await.expect_err("adds a candidate to nothing");
    connection.get_stats().await.expect_err("reports on nothing");
    connection.close();
    assert_eq!(connection.connection_state(), PeerConnectionState::Closed);
}

#[test]
fn a_connection_fails_with_the_runtime_it_runs_on() {
    let runtime = tokio::runtime::Runtime::new().expect("start a runtime");
    let (peer, mut states, channel) = runtime.block_on(async {
        let peer = Peer::new(RtcConfiguration::default());
        let states = states(&peer.connection);
        let (channel, _) = peer.offer().await;
        (peer, states, channel)
    });
    drop(runtime);
    assert_eq!(states.blocking_recv(), Some(PeerConnectionState::Failed));
    assert_eq!(peer.connection.connection_state(), PeerConnectionState::Failed);
    assert_eq!(channel.state(), DataChannelState::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_goes_on_when_its_connection_panics() {
    let server = Server::start().await;
    let mut listener = Participant::join(&server, "call", "listener").await;
    let speaker = Participant::join(&server, "call", "speaker").await;
    let _tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;
    let track = listener
        .wait_for("subscribed audio track", |event| match event {
            RoomEvent::TrackSubscribed { track: RemoteTrack::Audio(track), .. } => Some(track),
            _ => None,
        })
        .await;
    let mut stream = NativeAudioStream::new(track.rtc_track(), 16_000, 1);
    stream.next().await.expect("a frame");

    let began = Instant::now();
    ask_with_a_panic(|| {
        let track = track.clone();
        async move { track.get_stats().await }
    });
    let ended = pin!(async { while stream.next().await.is_some() {} });
    tokio::time::timeout(PATIENCE, ended).await.expect("the stream of a dead connection goes on");
    // In a track that is subscribed to anew, before or after the room says that it is back.
    listener.wait_for_tone(440.0).await;
    tracing::info!("heard again after {:?}", began.elapsed());
}
