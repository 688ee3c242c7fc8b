//! Sockets of the gateway that go wrong.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{stt, tts};
use crate::openai::simulator::{LIVEKIT_SECRET, Simulator};
use crate::openai::socket::{End, Socket, kinds, token};

/// A socket for speech to text that a fault strikes.
async fn listening(simulator: &Simulator, fault: Value) -> Socket {
    simulator.inject(json!([fault])).await;
    stt::session(simulator, "deepgram/nova-3", 16_000, json!({})).await
}

async fn say(socket: &mut Socket, text: &str) -> bool {
    socket.speak(&stt::speech(text, 16_000), 16_000, "input_audio").await
}

#[tokio::test]
async fn a_socket_breaks_in_the_middle_of_a_turn() {
    let simulator = Simulator::with_persona();
    let fault = json!({ "endpoint": "stt", "kind": "cut", "after_ms": 700 });
    let mut socket = listening(&simulator, fault).await;
    say(&mut socket, "we send thirty contracts a month").await;
    let (frames, end) = socket.rest().await;
    assert!(!kinds(&frames).contains(&"final_transcript"), "{frames:#?}");
    assert_eq!(end, End::Broken, "it breaks without a word");
    assert_eq!(simulator.sockets("stt").await["sound_ms"], 700);

    let fault = json!({ "endpoint": "stt", "kind": "cut", "after": 1 });
    let mut socket = listening(&simulator, fault).await;
    say(&mut socket, "we send thirty contracts a month").await;
    let (frames, end) = socket.rest().await;
    assert!(kinds(&frames).len() <= 1 && end == End::Broken, "{frames:#?}");

    // The next one is whole.
    let mut socket = stt::session(&simulator, "deepgram/nova-3", 16_000, json!({})).await;
    assert!(say(&mut socket, "we use hubspot").await);
    assert_eq!(socket.until("final_transcript").await.pop().unwrap()["transcript"], "we use hubspot");
    drop(socket);
    assert_eq!(simulator.all_closed("stt").await, 3);
}

#[tokio::test]
async fn a_session_is_closed_or_fails_though_nobody_asked_for_it() {
    let simulator = Simulator::with_persona();
    let fault = json!({ "endpoint": "stt", "kind": "close", "after_ms": 500 });
    let mut socket = listening(&simulator, fault).await;
    say(&mut socket, "hello").await;
    let (frames, end) = socket.rest().await;
    assert_eq!((*kinds(&frames).last().unwrap(), end), ("session.closed", End::Closed));

    let fault = json!({ "endpoint": "stt", "kind": "error", "status": 502, "text": "gone" });
    let mut socket = listening(&simulator, fault).await;
    let (frames, end) = socket.rest().await;
    assert_eq!((kinds(&frames), end), (vec!["error"], End::Closed));
    assert_eq!((&frames[0]["code"], &frames[0]["message"]), (&json!(502), &json!("gone")));

    simulator.inject(json!([{ "endpoint": "stt", "kind": "malformed_json" }])).await;
    let mut socket = Socket::gateway(&simulator, stt::NOVA).await;
    socket.send(stt::create("deepgram/nova-3", 16_000, json!({}))).await;
    assert!(serde_json::from_str::<Value>(&socket.text().await.unwrap()).is_ok());
    assert!(serde_json::from_str::<Value>(&socket.text().await.unwrap()).is_err());

    simulator.inject(json!([{ "endpoint": "stt", "kind": "status", "status": 503 }])).await;
    let refused = Socket::open(&simulator, stt::NOVA, &token(LIVEKIT_SECRET)).await.err().unwrap();
    assert_eq!(refused.status, 503);
}

#[tokio::test]
async fn a_service_that_is_silent_goes_on_listening() {
    let simulator = Simulator::with_persona();
    let fault = json!({ "endpoint": "stt", "kind": "silent", "delay_ms": 1_500 });
    // Silence begins with the session.
    let started = Instant::now();
    let mut socket = listening(&simulator, fault).await;
    assert!(say(&mut socket, "we use hubspot").await);
    let frames = socket.until("final_transcript").await;
    assert_eq!(frames.last().unwrap()["transcript"], "we use hubspot");
    assert!(started.elapsed() >= Duration::from_millis(1_500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn what_is_heard_can_be_told() {
    let simulator = Simulator::with_persona();
    let faults = json!([
        { "endpoint": "stt", "kind": "say", "text": "wir sind zwölf Leute" },
        { "endpoint": "transcriptions", "kind": "say", "text": "uh huh" },
    ]);
    assert_eq!(simulator.inject(faults).await.status(), 200);
    let mut socket = stt::session(&simulator, "deepgram/nova-3", 16_000, json!({})).await;
    for heard in ["wir sind zwölf Leute", "we use hubspot"] {
        assert!(say(&mut socket, "we use hubspot").await);
        let frames = socket.until("final_transcript").await;
        assert_eq!(frames.last().unwrap()["transcript"], heard);
        assert!(kinds(&frames).contains(&"interim_transcript"));
    }
    assert_eq!(simulator.hear(&stt::speech("we use hubspot", 16_000), 16_000).await, "uh huh");
}

#[tokio::test]
async fn a_sentence_that_is_not_finished_has_its_words() {
    let simulator = Simulator::with_persona();
    let mut socket = stt::session(&simulator, "deepgram/nova-3", 16_000, json!({})).await;
    assert!(say(&mut socket, "can you repeat").await);
    let last = socket.until("final_transcript").await.pop().unwrap();
    assert_eq!(last["transcript"], "can you repeat");
    // Over HTTP only whole sentences are answered.
    assert_eq!(simulator.hear(&stt::speech("can you repeat", 16_000), 16_000).await, "");
}

#[tokio::test]
async fn speech_is_cut_or_silent_or_late() {
    let simulator = Simulator::with_persona();
    let sentence = ["How many people on your team send documents?"];
    simulator.inject(json!([{ "endpoint": "tts", "kind": "cut", "after_ms": 500 }])).await;
    let mut socket = tts::session(&simulator, json!({})).await;
    tts::speak(&mut socket, &sentence).await;
    let (frames, end) = socket.rest().await;
    assert!(frames.len() <= 5 && end == End::Broken, "{:?}", kinds(&frames));

    simulator.inject(json!([{ "endpoint": "tts", "kind": "close", "after": 3 }])).await;
    let mut socket = tts::session(&simulator, json!({})).await;
    tts::speak(&mut socket, &sentence).await;
    let (frames, end) = socket.rest().await;
    assert_eq!(kinds(&frames), ["output_audio", "output_audio", "output_audio", "session.closed"]);
    assert_eq!(end, End::Closed);

    simulator.inject(json!([{ "endpoint": "tts", "kind": "silent", "after": 1, "delay_ms": 700 }])).await;
    let mut socket = tts::session(&simulator, json!({})).await;
    let started = Instant::now();
    tts::speak(&mut socket, &sentence).await;
    socket.until("done").await;
    assert!(started.elapsed() >= Duration::from_millis(700));

    simulator.set(json!({ "first_audio_delay_ms": 700 })).await;
    let started = Instant::now();
    tts::speak(&mut socket, &sentence).await;
    socket.until("output_audio").await;
    assert!(started.elapsed() >= Duration::from_millis(690));
}

#[tokio::test]
async fn answers_take_as_long_as_they_are_set_to() {
    let simulator = Simulator::with_persona();
    let delay = 700;
    simulator.set(json!({ "transcription_delay_ms": delay, "first_token_delay_ms": delay })).await;
    let delay = Duration::from_millis(delay);
    let started = Instant::now();
    simulator.hear(&[0; 1_600], 16_000).await;
    assert!(started.elapsed() >= delay);
    let started = Instant::now();
    simulator.chat(&crate::openai::chat::answer("twelve")).await;
    assert!(started.elapsed() >= delay);
}

#[tokio::test]
async fn faults_that_an_endpoint_cannot_have_are_refused() {
    let simulator = Simulator::with_persona();
    for fault in [
        json!({ "endpoint": "tts", "kind": "say" }),
        json!({ "endpoint": "chat", "kind": "close" }),
        json!({ "endpoint": "stt", "kind": "failed" }),
        json!({ "endpoint": "realtime", "kind": "quota" }),
        json!({ "endpoint": "stt", "kind": "think" }),
    ] {
        assert!(simulator.inject(json!([fault])).await.status().is_client_error(), "{fault}");
    }
}
