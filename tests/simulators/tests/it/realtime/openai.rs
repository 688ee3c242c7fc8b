//! OpenAI's form.

use serde_json::{Value, json};

use crate::inference::stt::speech;
use crate::openai::simulator::{KEY, Simulator};
use crate::openai::socket::{Socket, kinds};

const PATH: &str = "/v1/realtime?intent=transcription";
const APPEND: &str = "input_audio_buffer.append";
const DELTA: &str = "conversation.item.input_audio_transcription.delta";
const COMPLETED: &str = "conversation.item.input_audio_transcription.completed";

async fn session(simulator: &Simulator, input: Value) -> Socket {
    let mut socket = Socket::open(simulator, PATH, KEY).await.unwrap();
    assert_eq!(socket.next().await.unwrap()["type"], "session.created");
    let session = json!({ "type": "transcription", "audio": { "input": input } });
    socket.send(json!({ "type": "session.update", "session": session })).await;
    assert_eq!(socket.next().await.unwrap()["type"], "session.updated");
    socket
}

fn server_vad() -> Value {
    json!({
        "format": { "type": "audio/pcm", "rate": 24_000 },
        "transcription": { "model": "gpt-4o-mini-transcribe", "language": "en" },
        "turn_detection": { "type": "server_vad", "silence_duration_ms": 350 },
    })
}

fn text(frames: &[Value]) -> String {
    frames.iter().filter_map(|frame| frame["delta"].as_str()).collect()
}

#[tokio::test]
async fn the_server_ends_utterances() {
    let simulator = Simulator::with_persona();
    let mut socket = session(&simulator, server_vad()).await;
    let mut previous = Value::Null;
    for said in ["we are twelve people", "we use hubspot"] {
        assert!(socket.speak(&speech(said, 24_000), 24_000, APPEND).await);
        let frames = socket.until(COMPLETED).await;
        let mut kinds = kinds(&frames);
        kinds.dedup();
        let order = [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            DELTA,
            COMPLETED,
        ];
        assert_eq!(kinds, order);
        let last = frames.last().unwrap();
        assert_eq!((text(&frames), &last["transcript"]), (said.to_owned(), &json!(said)));
        assert_eq!(last["usage"]["type"], "tokens");
        assert_eq!(last["usage"]["output_tokens"], said.split(' ').count());
        assert_eq!(frames[2]["previous_item_id"], previous);
        assert!(frames[1]["audio_end_ms"].as_u64() > frames[0]["audio_start_ms"].as_u64());
        for frame in [&frames[0], &frames[1], &frames[2], last] {
            assert_eq!(frame["item_id"], last["item_id"]);
        }
        previous = last["item_id"].clone();
    }
}

#[tokio::test]
async fn words_of_a_live_model_come_while_they_are_said_and_the_client_commits() {
    let simulator = Simulator::with_persona();
    let input = json!({ "transcription": { "model": "gpt-live-transcribe", "languages": ["en"] } });
    let mut socket = session(&simulator, input).await;
    assert!(socket.speak(&speech("we send thirty contracts a month", 24_000), 24_000, APPEND).await);
    let mut frames = socket.until(DELTA).await;
    assert_eq!(kinds(&frames), [DELTA], "nothing but words before the commit");
    socket.send(json!({ "type": "input_audio_buffer.commit" })).await;
    frames.extend(socket.until(COMPLETED).await);
    assert!(kinds(&frames).contains(&"input_audio_buffer.committed"));
    let last = frames.last().unwrap();
    assert_eq!(last["transcript"], "we send thirty contracts a month");
    assert_eq!(
        (text(&frames), &last["languages"]),
        (last["transcript"].as_str().unwrap().to_owned(), &json!([{ "code": "en" }]))
    );

    // A commit of silence is an item without words; one of next to nothing is an error.
    assert!(socket.speak(&[0; 4_800], 24_000, APPEND).await);
    socket.send(json!({ "type": "input_audio_buffer.commit" })).await;
    assert_eq!(socket.until(COMPLETED).await.pop().unwrap()["transcript"], "");
    socket.send(json!({ "type": "input_audio_buffer.commit" })).await;
    let error = socket.next().await.unwrap();
    assert_eq!(error["error"]["code"], "input_audio_buffer_commit_empty");
    socket.send(json!({ "type": "input_audio_buffer.clear" })).await;
    assert_eq!(socket.next().await.unwrap()["type"], "input_audio_buffer.cleared", "the session goes on");
}

#[tokio::test]
async fn transcriptions_fail_and_sessions_end() {
    let simulator = Simulator::with_persona();
    simulator.inject(json!([{ "endpoint": "realtime", "kind": "failed" }])).await;
    let mut socket = session(&simulator, server_vad()).await;
    assert!(socket.speak(&speech("hello", 24_000), 24_000, APPEND).await);
    let frames = socket.until("conversation.item.input_audio_transcription.failed").await;
    assert!(frames.last().unwrap()["error"]["message"].is_string());
    assert!(socket.speak(&speech("hello", 24_000), 24_000, APPEND).await);
    assert_eq!(socket.until(COMPLETED).await.pop().unwrap()["transcript"], "hello");
    drop(socket);

    for kind in ["cut", "close"] {
        simulator.inject(json!([{ "endpoint": "realtime", "kind": kind, "after_ms": 600 }])).await;
        let mut socket = session(&simulator, server_vad()).await;
        socket.speak(&speech("we are twelve people", 24_000), 24_000, APPEND).await;
        let (frames, _) = socket.rest().await;
        assert!(!kinds(&frames).contains(&COMPLETED));
    }
    simulator
        .inject(json!([{ "endpoint": "realtime", "kind": "error", "after_ms": 600, "status": 500 }]))
        .await;
    let mut socket = session(&simulator, server_vad()).await;
    assert!(socket.speak(&speech("we are twelve people", 24_000), 24_000, APPEND).await);
    let frames = socket.until(COMPLETED).await;
    let error = frames.iter().find(|frame| frame["type"] == "error").unwrap();
    assert_eq!(error["error"]["type"], "server_error");
    drop(socket);
    simulator.all_closed("realtime").await;
}

#[tokio::test]
async fn what_openai_refuses_is_refused() {
    let simulator = Simulator::with_persona();
    let refused = Socket::open(&simulator, PATH, "another key").await.err().unwrap();
    assert_eq!((refused.status, &refused.body["error"]["code"]), (401, &json!("invalid_api_key")));
    let refused = Socket::open(&simulator, "/v1/realtime", KEY).await.err().unwrap();
    assert_eq!((refused.status, &refused.body["error"]["param"]), (400, &json!("intent")));
    let mut socket = Socket::open(&simulator, PATH, KEY).await.unwrap();
    socket.next().await.unwrap();
    let mut rate = server_vad();
    rate["format"]["rate"] = 16_000.into();
    let session = json!({ "type": "transcription", "audio": { "input": rate } });
    for event in
        [json!({ "type": "session.update", "session": session }), json!({ "type": "response.create" })]
    {
        socket.send(event).await;
        assert_eq!(socket.next().await.unwrap()["type"], "error");
    }
}
