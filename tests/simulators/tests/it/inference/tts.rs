//! Text to speech over the gateway's socket.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::openai::simulator::Simulator;
use crate::openai::socket::{End, Socket, kinds};

const SONIC: &str = "/v1/tts?model=cartesia/sonic-3";

/// A session that has begun.
pub(crate) async fn session(simulator: &Simulator, extra: Value) -> Socket {
    let mut socket = Socket::gateway(simulator, SONIC).await;
    socket
        .send(json!({
            "type": "session.create", "sample_rate": "24000", "encoding": "pcm_s16le", "model": "cartesia/sonic-3",
            "voice": "9626c31c-bec5-4cca-baa8-f8ba9e84c8bc", "language": "en", "extra": extra,
        }))
        .await;
    let created = socket.next().await.unwrap();
    assert_eq!(created["type"], "session.created");
    assert!(created["session_id"].is_string());
    socket
}

pub(crate) async fn speak(socket: &mut Socket, sentences: &[&str]) {
    for sentence in sentences {
        socket.send(text(sentence)).await;
    }
    socket.send(json!({ "type": "session.flush" })).await;
}

pub(crate) fn text(sentence: &str) -> Value {
    json!({
        "type": "input_transcript", "transcript": format!("{sentence} "), "extra": {},
        "generation_config": { "model": "cartesia/sonic-3" },
    })
}

fn seconds(frames: &[Value]) -> f64 {
    let bytes = frames.iter().filter_map(|frame| frame["audio"].as_str());
    bytes.map(|audio| BASE64_STANDARD.decode(audio).unwrap().len()).sum::<usize>() as f64 / 48_000.0
}

#[tokio::test]
async fn sentences_are_spoken_one_utterance_after_the_other_on_one_socket() {
    let simulator = Simulator::with_persona();
    let mut socket = session(&simulator, json!({})).await;
    speak(&mut socket, &["How many people are on your team?"]).await;
    let one = socket.until("done").await;
    assert!(one.iter().all(|frame| frame["session_id"] == one[0]["session_id"]), "{:?}", kinds(&one));
    assert!(kinds(&one)[..one.len() - 1].iter().all(|kind| *kind == "output_audio"));
    assert!(one.len() > 10, "it comes in pieces");
    assert!((1.0..4.0).contains(&seconds(&one)), "{} s", seconds(&one));
    speak(&mut socket, &["How many people are on your team?", "Which CRM do you use?"]).await;
    let two = socket.until("done").await;
    assert!(seconds(&two) > seconds(&one) * 1.4);
    let requests: Value = simulator.get("/simulator/requests").send().await.unwrap().json().await.unwrap();
    let texts = requests["last"].as_array().unwrap().iter().map(|last| &last["request"]["transcript"]);
    let texts: Vec<_> = texts.filter_map(Value::as_str).collect();
    let (crm, team) = ("Which CRM do you use? ", "How many people are on your team? ");
    assert_eq!(texts, [crm, team, team], "the newest first");
    // What has no word has no sound.
    speak(&mut socket, &["…"]).await;
    assert_eq!(kinds(&socket.until("done").await), ["done"]);
    socket.send(json!({ "type": "session.flush" })).await;
    assert_eq!(kinds(&socket.until("done").await), ["done"]);
    socket.send(json!({ "type": "session.close" })).await;
    assert_eq!(kinds(&socket.rest().await.0), ["session.closed"]);
    assert_eq!(simulator.all_closed("tts").await, 1);
}

#[tokio::test]
async fn words_have_times_where_they_are_asked_for() {
    let simulator = Simulator::with_persona();
    let mut socket = session(&simulator, json!({ "add_timestamps": true })).await;
    speak(&mut socket, &["Hello there.", "Which CRM do you use?"]).await;
    let frames = socket.until("done").await;
    let words = frames.iter().filter_map(|frame| frame["words"].as_array()).flatten();
    let words: Vec<_> = words.collect();
    let text: Vec<_> = words.iter().map(|word| word["word"].as_str().unwrap()).collect();
    assert_eq!(text.join(" "), "Hello there. Which CRM do you use?");
    let times = words.iter().flat_map(|word| [&word["start"], &word["end"]]);
    let times: Vec<_> = times.map(|time| time.as_f64().unwrap()).collect();
    assert!(times.is_sorted() && *times.last().unwrap() <= seconds(&frames), "{times:?}");
}

#[tokio::test]
async fn an_utterance_that_is_not_done_takes_no_further_text() {
    let simulator = Simulator::with_persona();
    let mut socket = session(&simulator, json!({})).await;
    // Slower than the client is: the next text comes before the end of the first utterance.
    simulator.set(json!({ "first_audio_delay_ms": 60_000 })).await;
    speak(&mut socket, &["Hello there."]).await;
    socket.send(text("And more.")).await;
    let (frames, end) = socket.rest().await;
    assert_eq!((kinds(&frames), end), (vec!["error"], End::Closed));
}

#[tokio::test]
async fn a_voice_that_is_interrupted_ends_with_its_socket() {
    // Minutes of sound: more than fits into the buffers of a connection that is not read from.
    let sentences = ["This sentence is spoken again and again."; 200];
    let simulator = Simulator::with_persona();
    let mut socket = session(&simulator, json!({})).await;
    speak(&mut socket, &sentences).await;
    socket.until("output_audio").await;
    let all_read = |counters: &Value| counters["taken"]["session.flush"] == 1;
    let counters = simulator.sockets_once("tts", all_read).await;
    assert_eq!(counters["characters"], json!(200 * "This sentence is spoken again and again. ".len()));
    drop(socket);
    assert_eq!(simulator.all_closed("tts").await, 1);
    let counters = simulator.sockets("tts").await;
    assert!(counters["sent"].get("done").is_none(), "{counters}");
}
