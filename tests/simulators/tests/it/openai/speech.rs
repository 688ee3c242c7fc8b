//! Speech: its length, its stream, and the processes behind it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::simulator::Simulator;

fn call(input: &str, format: &str) -> Value {
    json!({ "model": "m", "voice": "alloy", "input": input, "response_format": format })
}

#[tokio::test]
async fn speech_is_24_khz_and_takes_as_long_as_its_speed() {
    let simulator = Simulator::with_persona();
    let text = "Hello, how can I help you today?";
    let sound = async |request: Value| simulator.speech(&request).await.bytes().await.unwrap();
    let pcm = sound(call(text, "pcm")).await;
    let seconds = pcm.len() as f64 / 48_000.0;
    assert!((1.0..4.0).contains(&seconds), "{seconds} s");
    let loud =
        pcm.as_chunks::<2>().0.iter().filter(|sample| i16::from_le_bytes(**sample).abs() > 1_000).count();
    assert!(loud > pcm.len() / 20, "it is nearly silent");

    let wav = sound(call(text, "wav")).await;
    assert_eq!(wav.len(), pcm.len() + 44);
    let reader = hound::WavReader::new(&wav[..]).unwrap();
    assert_eq!((reader.spec().sample_rate, reader.spec().channels), (24_000, 1));
    assert_eq!(&wav[44..], &pcm[..]);

    let mut fast = call(text, "pcm");
    fast["speed"] = json!(2.0);
    assert!(sound(fast).await.len() * 4 < pcm.len() * 3);
    let mut other = call(text, "pcm");
    other["voice"] = json!("nova");
    assert_ne!(sound(other.clone()).await, pcm);
    other["voice"] = json!("front-desk");
    assert_eq!(sound(other).await, pcm, "the persona's own voice");
}

#[tokio::test]
async fn what_cannot_be_spoken_is_refused() {
    let simulator = Simulator::with_persona();
    let mut voice = call("Hello.", "pcm");
    voice["voice"] = json!("-w/tmp/file");
    for (request, param) in [
        (call(&"a".repeat(4_097), "pcm"), "input"),
        (call("  ", "pcm"), "input"),
        (call("Hello.", "opus"), "response_format"),
        (voice, "voice"),
    ] {
        let answer = simulator.speech(&request).await;
        assert_eq!(answer.status(), 400);
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["error"]["param"], param, "{error}");
    }
}

#[tokio::test]
async fn speech_is_streamed_and_its_process_ends_with_the_client() {
    let simulator = Simulator::with_persona();
    let text = "This sentence is spoken again and again. ".repeat(99);
    let mut answer = simulator.speech(&call(&text, "pcm")).await;
    assert!(answer.chunk().await.unwrap().is_some());
    assert_eq!(speakers(simulator.id()), 1, "the first sound comes before the last is made");
    drop(answer);
    let deadline = Instant::now() + Duration::from_secs(10);
    while speakers(simulator.id()) > 0 {
        assert!(Instant::now() < deadline, "espeak-ng speaks to nobody");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Processes of espeak-ng that the simulator has.
fn speakers(parent: u32) -> usize {
    let stats = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let stats = stats.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let parent = parent.to_string();
    stats
        .filter(|stat| {
            let (name, rest) = stat.rsplit_once(')').unwrap_or_default();
            let mut fields = rest.split_whitespace();
            let state = fields.next();
            name.ends_with("(espeak-ng") && state != Some("Z") && fields.next() == Some(&parent)
        })
        .count()
}
