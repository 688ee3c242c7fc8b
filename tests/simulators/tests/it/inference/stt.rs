//! Speech to text over the gateway's socket.

use serde_json::{Value, json};

use crate::openai::caller::{Voice, say};
use crate::openai::simulator::Simulator;
use crate::openai::socket::{End, Socket, kinds};

pub(crate) const NOVA: &str = "/v1/stt?model=deepgram/nova-3";

/// A session that has begun.
pub(crate) async fn session(simulator: &Simulator, model: &str, rate: u32, extra: Value) -> Socket {
    let mut socket = Socket::gateway(simulator, &format!("/v1/stt?model={model}")).await;
    socket.send(create(model, rate, extra)).await;
    assert_eq!(socket.next().await.unwrap()["type"], "session.created");
    socket
}

pub(crate) fn create(model: &str, rate: u32, extra: Value) -> Value {
    json!({
        "type": "session.create", "model": model, "connection": { "timeout": 10.0, "retries": 3 },
        "settings": { "sample_rate": rate.to_string(), "encoding": "pcm_s16le", "language": "multi", "extra": extra },
    })
}

pub(crate) fn speech(text: &str, rate: u32) -> Vec<i16> {
    let mut samples = say(text, Voice::Flite, rate);
    samples.extend(vec![0; rate as usize / 2]);
    samples
}

#[tokio::test]
async fn words_come_before_the_sentence_ends_and_have_times() {
    let simulator = Simulator::with_persona();
    let mut socket = session(&simulator, "deepgram/nova-3", 16_000, json!({})).await;
    let samples = speech("we send thirty contracts a month", 16_000);
    assert!(socket.speak(&samples, 16_000, "input_audio").await);
    let frames = socket.until("final_transcript").await;
    assert!(kinds(&frames).starts_with(&["interim_transcript"]), "{frames:#?}");
    let last = frames.last().unwrap();
    assert_eq!(last["transcript"], "we send thirty contracts a month");
    assert_eq!(last["language"], "en");
    let words = last["words"].as_array().unwrap();
    assert_eq!(words.len(), 6);
    let times = words.iter().flat_map(|word| [&word["start"], &word["end"]]);
    let times: Vec<_> = times.map(|time| time.as_f64().unwrap()).collect();
    assert!(times.is_sorted() && times[0] > 0.1 && times[11] < 3.0, "{times:?}");
    let (start, duration) = (last["start"].as_f64().unwrap(), last["duration"].as_f64().unwrap());
    assert!((start - times[0]).abs() < 0.3 && (start + duration - times[11]).abs() < 0.4, "{last:#}");

    // A second sentence has times from the begin of the socket.
    assert!(socket.speak(&speech("we use hubspot", 16_000), 16_000, "input_audio").await);
    let second = socket.until("final_transcript").await.pop().unwrap();
    assert_eq!(second["transcript"], "we use hubspot");
    assert!(second["words"][0]["start"].as_f64().unwrap() > times[11]);
    socket.send(json!({ "type": "session.close" })).await;
    let (frames, end) = socket.rest().await;
    assert_eq!((kinds(&frames), end), (vec!["session.closed"], End::Closed));
    assert_eq!(simulator.all_closed("stt").await, 1);
}

#[tokio::test]
async fn some_models_wait_for_the_client() {
    let simulator = Simulator::with_persona();
    let mut socket = session(&simulator, "openai/gpt-live-transcribe", 24_000, json!({})).await;
    let samples = speech("we are twelve people", 24_000);
    assert!(socket.speak(&samples, 24_000, "input_audio").await);
    assert!(socket.speak(&[0; 48_000], 24_000, "input_audio").await);
    let interim = socket.until("interim_transcript").await;
    assert_eq!(interim.len(), 1, "nothing is final before {interim:#?}");
    socket.send(json!({ "type": "session.finalize" })).await;
    let frames = socket.until("final_transcript").await;
    let kinds = kinds(&frames);
    assert!(
        kinds.contains(&"session.finalized") && kinds[kinds.len() - 1] == "final_transcript",
        "{kinds:?}"
    );
    assert_eq!(frames.last().unwrap()["transcript"], "we are twelve people");
    // Nobody said anything since.
    socket.send(json!({ "type": "session.finalize" })).await;
    assert_eq!(socket.next().await.unwrap()["type"], "session.finalized");
}

#[tokio::test]
async fn an_eager_model_says_that_the_turn_may_be_over() {
    let simulator = Simulator::with_persona();
    simulator.set(json!({ "endpointing_ms": 900 })).await;
    let extra = json!({ "eager_eot_threshold": 0.4 });
    let mut socket = session(&simulator, "deepgram/flux-general", 16_000, extra).await;
    assert!(socket.speak(&speech("we use hubspot", 16_000), 16_000, "input_audio").await);
    let frames = socket.until("preflight_transcript").await;
    assert_eq!(frames[0]["type"], "start_of_speech");
    assert_eq!(frames.last().unwrap()["transcript"], "we use hubspot");
    assert!(!kinds(&frames).contains(&"final_transcript"));
    assert!(socket.speak(&[0; 16_000], 16_000, "input_audio").await);
    let frames = socket.until("final_transcript").await;
    assert_eq!(frames.last().unwrap()["transcript"], "we use hubspot");
}

#[tokio::test]
async fn sessions_that_the_gateway_would_refuse_are_refused() {
    let simulator = Simulator::with_persona();
    let mut number = create("deepgram/nova-3", 16_000, json!({}));
    number["settings"]["sample_rate"] = 16_000.into();
    let mut encoding = create("deepgram/nova-3", 16_000, json!({}));
    encoding["settings"]["encoding"] = "opus".into();
    for (frame, message) in [
        (create("openai/gpt-live-transcribe", 16_000, json!({})), "takes audio at 24000 Hz only"),
        (number, "not understood"),
        (encoding, "pcm_s16le"),
        (json!({ "type": "input_audio", "audio": "" }), "the first frame is session.create"),
        (json!({ "type": "shoe" }), "not understood"),
    ] {
        let mut socket = Socket::gateway(&simulator, NOVA).await;
        socket.send(frame).await;
        let (frames, end) = socket.rest().await;
        assert_eq!((kinds(&frames), end), (vec!["error"], End::Closed));
        assert!(frames[0]["message"].as_str().unwrap().contains(message), "{frames:?}");
        assert_eq!(frames[0]["code"], 400);
    }
    assert_eq!(simulator.all_closed("stt").await, 5);
}

#[tokio::test]
async fn what_was_sent_can_be_seen() {
    let simulator = Simulator::with_persona();
    let mut socket = session(&simulator, "deepgram/nova-3", 16_000, json!({ "keyterm": ["HubSpot"] })).await;
    assert!(socket.speak(&[0; 16_000], 16_000, "input_audio").await);
    let update = json!({ "language": "de", "extra": { "keyterm": [] } });
    socket.send(json!({ "type": "session.update", "settings": update })).await;
    socket.send(json!({ "type": "session.finalize" })).await;
    socket.until("session.finalized").await;
    let counters = simulator.sockets("stt").await;
    assert_eq!(
        (&counters["open"], &counters["most"], &counters["sound_ms"]),
        (&json!(1), &json!(1), &json!(1_000))
    );
    let taken = json!({ "input_audio": 20, "session.create": 1, "session.finalize": 1, "session.update": 1 });
    assert_eq!(counters["taken"], taken);
    assert_eq!(counters["sent"], json!({ "session.created": 1, "session.finalized": 1 }));
    let requests: Value = simulator.get("/simulator/requests").send().await.unwrap().json().await.unwrap();
    assert_eq!(requests["stt"], 1);
    assert_eq!(requests["last"][0]["request"]["settings"]["extra"], json!({ "keyterm": ["HubSpot"] }));
    assert_eq!(requests["last"][0]["request"]["query"], "deepgram/nova-3");
    drop(socket);
    assert_eq!(simulator.all_closed("stt").await, 1, "a client that just goes away");
}
