//! speaches' form: the model is in the query, the session flat, and an error is not the end.

use serde_json::json;

use crate::inference::stt::speech;
use crate::openai::simulator::{KEY, Simulator};
use crate::openai::socket::{Socket, kinds};

const PATH: &str = "/v1/realtime?model=small&intent=transcription&language=en";
const COMPLETED: &str = "conversation.item.input_audio_transcription.completed";

#[tokio::test]
async fn nothing_needs_to_be_said_before_sound() {
    let simulator = Simulator::with_persona();
    let mut socket = Socket::open(&simulator, PATH, KEY).await.unwrap();
    let created = socket.next().await.unwrap();
    assert_eq!(
        created["session"]["input_audio_transcription"],
        json!({ "model": "small", "language": "en" })
    );
    assert_eq!(created["session"]["turn_detection"]["silence_duration_ms"], 350);
    let samples = speech("we send thirty contracts a month", 24_000);
    assert!(socket.speak(&samples, 24_000, "input_audio_buffer.append").await);
    let frames = socket.until(COMPLETED).await;
    let mut kinds = kinds(&frames);
    kinds.dedup();
    let partial = kinds.iter().filter(|kind| **kind == "input_audio_buffer.partial_transcription").count();
    assert!(partial >= 1, "{kinds:?}");
    kinds.retain(|kind| *kind != "input_audio_buffer.partial_transcription");
    let order = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.created",
        COMPLETED,
    ];
    assert_eq!(kinds, order);
    let last = frames.last().unwrap();
    assert_eq!(
        (&last["transcript"], &last["usage"]["type"]),
        (&json!("we send thirty contracts a month"), &json!("duration"))
    );
}

#[tokio::test]
async fn what_is_refused_is_no_end() {
    let simulator = Simulator::with_persona();
    let mut socket = Socket::open(&simulator, PATH, KEY).await.unwrap();
    socket.next().await.unwrap();
    let session = json!({ "input_audio_format": "pcm16", "turn_detection": { "prefix_padding_ms": 600 } });
    socket.send(json!({ "type": "session.update", "session": session })).await;
    let frames = socket.until("session.updated").await;
    assert_eq!(kinds(&frames), ["error", "error", "session.updated"]);
    socket.send(json!({ "type": "shoe" })).await;
    assert_eq!(socket.next().await.unwrap()["type"], "error");
    // OpenAI's nested form is passed over.
    let session = json!({ "type": "transcription", "audio": { "input": { "turn_detection": null } } });
    socket.send(json!({ "type": "session.update", "session": session })).await;
    assert_eq!(socket.next().await.unwrap()["type"], "session.updated");
    let samples = speech("we use hubspot", 24_000);
    assert!(socket.speak(&samples, 24_000, "input_audio_buffer.append").await);
    assert_eq!(socket.until(COMPLETED).await.pop().unwrap()["transcript"], "we use hubspot");
}

#[tokio::test]
async fn times_count_from_the_last_commit() {
    let simulator = Simulator::with_persona();
    let mut socket = Socket::open(&simulator, PATH, KEY).await.unwrap();
    socket.next().await.unwrap();
    let samples = speech("we use hubspot", 24_000);
    for _ in 0..2 {
        assert!(socket.speak(&samples, 24_000, "input_audio_buffer.append").await);
        let frames = socket.until(COMPLETED).await;
        let time = |name: &str| frames.iter().find_map(|frame| frame[name].as_u64()).unwrap();
        let (start, end) = (time("audio_start_ms"), time("audio_end_ms"));
        assert!(start < end && end <= samples.len() as u64 / 24, "{start} {end}");
    }
}

#[tokio::test]
async fn a_commit_before_the_end_of_speech_fails() {
    let simulator = Simulator::with_persona();
    let mut socket = Socket::open(&simulator, PATH, KEY).await.unwrap();
    socket.next().await.unwrap();
    let samples = speech("we send thirty contracts a month", 24_000);
    assert!(socket.speak(&samples[..samples.len() / 2], 24_000, "input_audio_buffer.append").await);
    let started = socket.until("input_audio_buffer.speech_started").await.pop().unwrap();
    socket.send(json!({ "type": "input_audio_buffer.commit" })).await;
    let mut frames = socket.until("error").await;
    frames.retain(|frame| frame["type"] != "input_audio_buffer.partial_transcription");
    assert_eq!(kinds(&frames), ["input_audio_buffer.committed", "error"]);
    assert_eq!(frames[0]["item_id"], started["item_id"]);
    let error = &frames[1]["error"];
    assert_eq!((&error["type"], &error["message"]), (&json!("server_error"), &json!("Transcription failed")));
    // The session goes on. What is left of the word is an utterance of its own, or none.
    assert!(socket.speak(&speech("we use hubspot", 24_000), 24_000, "input_audio_buffer.append").await);
    let mut heard = json!("");
    while heard == "" {
        heard = socket.until(COMPLETED).await.pop().unwrap()["transcript"].clone();
    }
    assert_eq!(heard, "we use hubspot");
}
