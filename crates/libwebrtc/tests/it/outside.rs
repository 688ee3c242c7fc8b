//! Programs without tokio: what is called outside of a runtime works.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use futures::executor::block_on;
use livekit::webrtc::audio_source::native::NativeAudioSource;
use livekit::webrtc::prelude::*;

const PATIENCE: Duration = Duration::from_secs(60);

fn peer() -> (PeerConnection, Receiver<IceCandidate>, Receiver<PeerConnectionState>) {
    let factory = PeerConnectionFactory::default();
    let peer = factory.create_peer_connection(RtcConfiguration::default()).expect("make peer connection");
    let (candidate_tx, candidate_rx) = channel();
    peer.on_ice_candidate(Some(Box::new(move |candidate| drop(candidate_tx.send(candidate)))));
    let (state_tx, state_rx) = channel();
    peer.on_connection_state_change(Some(Box::new(move |state| state_tx.send(state).unwrap_or_default())));
    (peer, candidate_rx, state_rx)
}

#[test]
fn peers_connect_without_a_runtime() {
    let (first, first_candidates, first_states) = peer();
    let (second, second_candidates, _) = peer();
    first.create_data_channel("test", DataChannelInit::default()).expect("channel");
    block_on(async {
        let offer = first.create_offer(OfferOptions::default()).await.expect("create offer");
        first.set_local_description(offer.clone()).await.expect("set offer");
        second.set_remote_description(offer).await.expect("take offer");
        let answer = second.create_answer(AnswerOptions::default()).await.expect("create answer");
        second.set_local_description(answer.clone()).await.expect("set answer");
        first.set_remote_description(answer).await.expect("take answer");
    });
    let began = Instant::now();
    while first_states.try_iter().all(|state| state != PeerConnectionState::Connected) {
        assert!(began.elapsed() < PATIENCE, "the peers do not connect");
        for (to, candidates) in [(&second, &first_candidates), (&first, &second_candidates)] {
            for candidate in candidates.try_iter() {
                block_on(to.add_ice_candidate(candidate)).expect("add candidate");
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_source_is_paced_without_a_runtime() {
    let source = NativeAudioSource::new(AudioSourceOptions::default(), 16_000, 1, 50);
    let began = Instant::now();
    for _ in 0..15 {
        block_on(source.capture_frame(&AudioFrame::new(16_000, 1, 320))).expect("capture frame");
    }
    // 300 ms, of which 50 may wait.
    assert!(began.elapsed() >= Duration::from_millis(240), "{:?}", began.elapsed());
}
