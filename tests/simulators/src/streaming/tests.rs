use serde_json::json;

use super::*;
use crate::openai::{Answers, Config};

/// A transcriber that hears the canned words, unless it is told others.
fn transcriber(settings: serde_json::Value) -> Transcriber {
    let config = Config { api_key: "key".into(), word_delay: Duration::ZERO, answers: Answers::Canned };
    let settings: Settings = serde_json::from_value(settings).expect("settings");
    let openai = OpenAi::new(config, None, settings.clone());
    let mut transcriber = Transcriber::new(&openai, Endpoint::Stt, Turns::of(&settings));
    transcriber.listener = Listener::new(Turns::of(&settings), listener::tests::loud());
    transcriber
}

fn say(transcriber: &mut Transcriber, milliseconds: usize, silence: usize) {
    transcriber.hear(&vec![1_000; 16 * milliseconds]);
    transcriber.hear(&vec![0; 16 * silence]);
}

/// The events up to the next final transcript.
async fn utterance(transcriber: &mut Transcriber) -> Vec<String> {
    let mut events = Vec::new();
    loop {
        let event = match transcriber.next().await {
            Event::SpeechStarted { .. } => "started".to_owned(),
            Event::SpeechStopped { .. } => "stopped".to_owned(),
            Event::Failed => "failed".to_owned(),
            Event::Interim(heard) => format!("interim {}", heard.text()),
            Event::Eager(heard) => format!("eager {}", heard.text()),
            Event::Final(heard) => format!("final {}", heard.text()),
        };
        let is_final = event.starts_with("final");
        events.push(event);
        if is_final {
            return events;
        }
    }
}

/// Says so much, and lets the recogniser answer.
async fn say_and_wait(transcriber: &mut Transcriber, milliseconds: usize, silence: usize) {
    say(transcriber, milliseconds, silence);
    let run = transcriber.runs.join_next().await.expect("something to recognise");
    transcriber.finish(run.expect("a run"));
}

#[tokio::test]
async fn words_come_while_they_are_said_and_the_last_when_it_is_quiet() {
    let mut transcriber = transcriber(json!({}));
    for _ in 0..4 {
        say_and_wait(&mut transcriber, 320, 0).await;
    }
    say_and_wait(&mut transcriber, 0, 160).await;
    say(&mut transcriber, 0, 160);
    assert_eq!(
        utterance(&mut transcriber).await,
        [
            "started",
            "interim we",
            "interim we are",
            "interim we are twelve",
            "interim we are twelve people",
            "eager we are twelve people",
            "stopped",
            "final we are twelve people",
        ]
    );
}

#[tokio::test]
async fn who_goes_on_after_a_pause_is_heard_to_the_end() {
    let mut transcriber = transcriber(json!({ "endpointing_ms": 400 }));
    say_and_wait(&mut transcriber, 640, 0).await;
    say(&mut transcriber, 0, 160);
    say(&mut transcriber, 640, 480);
    let events = utterance(&mut transcriber).await;
    assert_eq!(events.iter().filter(|event| event.starts_with("started")).count(), 1, "{events:?}");
    assert_eq!(events.last().map(String::as_str), Some("final we are twelve people"));
}

#[tokio::test]
async fn sound_that_comes_all_at_once_has_an_interim_transcript_too() {
    let mut transcriber = transcriber(json!({}));
    say(&mut transcriber, 900, 320);
    say(&mut transcriber, 900, 320);
    for _ in 0..2 {
        assert_eq!(
            utterance(&mut transcriber).await,
            ["started", "stopped", "interim we are twelve people", "final we are twelve people"]
        );
    }
}

#[tokio::test]
async fn what_is_said_can_be_told_and_the_client_can_end_it() {
    let mut transcriber = transcriber(json!({}));
    let fault = json!({ "endpoint": "stt", "kind": "say", "text": "wait stop" });
    let fault = serde_json::from_value(fault).expect("a fault");
    transcriber.openai.state().faults.set(vec![fault]);
    assert!(!transcriber.finalize());
    say(&mut transcriber, 900, 0);
    assert!(transcriber.finalize());
    assert_eq!(utterance(&mut transcriber).await.last().map(String::as_str), Some("final wait stop"));
}

#[tokio::test]
async fn a_final_transcript_comes_so_long_after_the_last_sound() {
    let mut transcriber = transcriber(json!({ "final_delay_ms": 600 }));
    let start = Instant::now();
    say(&mut transcriber, 900, 240);
    utterance(&mut transcriber).await;
    // The silence that came already counts.
    assert!(start.elapsed() >= Duration::from_millis(350), "{:?}", start.elapsed());
}
