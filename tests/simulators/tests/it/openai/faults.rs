//! Fault injection, as callers meet it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::chat::answer;
use super::simulator::Simulator;

#[tokio::test]
async fn calls_are_slow_or_refused_as_often_as_was_asked_for() {
    let simulator = Simulator::with_persona();
    let faults = json!([
        { "endpoint": "chat", "kind": "slow", "delay_ms": 300 },
        { "endpoint": "chat", "kind": "status", "status": 429, "retry_after": 7, "times": 2 },
        { "endpoint": "speech", "kind": "status" },
    ]);
    assert_eq!(simulator.inject(faults).await.status(), 200);
    let started = Instant::now();
    assert_eq!(simulator.chat(&answer("twelve")).await.status(), 200);
    assert!(started.elapsed() >= Duration::from_millis(300));
    for _ in 0..2 {
        let refused = simulator.chat(&answer("twelve")).await;
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()["retry-after"]),
            (429, &"7".parse().unwrap())
        );
        let error: Value = refused.json().await.unwrap();
        assert_eq!(error["error"]["code"], "rate_limit_exceeded");
    }
    assert_eq!(simulator.chat(&answer("twelve")).await.status(), 200);
    let speech = json!({ "model": "m", "voice": "alloy", "input": "Hello." });
    assert_eq!(simulator.speech(&speech).await.status(), 500);
    assert_eq!(simulator.speech(&speech).await.status(), 200);
}

#[tokio::test]
async fn streams_are_cut_or_slow_or_no_json() {
    let simulator = Simulator::with_persona();
    let mut request = answer("what");
    request["stream"] = true.into();
    let whole = simulator.chat(&request).await.text().await.unwrap();

    simulator.inject(json!([{ "endpoint": "chat", "kind": "cut", "after": 3 }])).await;
    let mut answer = simulator.chat(&request).await;
    let mut received = Vec::new();
    let broken = loop {
        match answer.chunk().await {
            Ok(Some(part)) => received.extend(part),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken, "the stream ended as if it were whole");
    let events = String::from_utf8(received).unwrap().matches("data: ").count();
    assert!(events <= 4 && events < whole.matches("data: ").count(), "{events} events");

    simulator.inject(json!([{ "endpoint": "chat", "kind": "slow_stream", "delay_ms": 20 }])).await;
    let started = Instant::now();
    assert_eq!(simulator.chat(&request).await.text().await.unwrap().len(), whole.len());
    assert!(started.elapsed() >= Duration::from_millis(20 * 10));

    simulator.inject(json!([{ "endpoint": "chat", "kind": "malformed_json" }])).await;
    let stream = simulator.chat(&request).await.text().await.unwrap();
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let malformed = data.filter(|data| *data != "[DONE]" && serde_json::from_str::<Value>(data).is_err());
    assert_eq!(malformed.count(), 1);

    simulator.inject(json!([{ "endpoint": "transcriptions", "kind": "malformed_json" }])).await;
    let text =
        simulator.transcribe(super::caller::wav(&[0; 1_600], 16_000), "json").await.text().await.unwrap();
    assert!(serde_json::from_str::<Value>(&text).is_err(), "{text}");

    simulator.inject(json!([{ "endpoint": "speech", "kind": "cut", "after": 1 }])).await;
    let speech = json!({ "model": "m", "voice": "alloy", "input": "Hello there, how are you today?" });
    let answer = simulator.speech(&speech).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err(), "the sound ended as if it were whole");
}

#[tokio::test]
async fn the_model_misbehaves_when_it_is_told_to() {
    let simulator = Simulator::with_persona();
    let mut calls = Vec::new();
    for kind in ["bad_arguments", "unknown_tool", "set_tier", "loop", "loop"] {
        simulator.inject(json!([{ "endpoint": "chat", "kind": kind }])).await;
        let reply: Value = simulator.chat(&answer("hello")).await.json().await.unwrap();
        let message = &reply["choices"][0]["message"];
        assert_eq!(message["content"], Value::Null);
        let function = &message["tool_calls"][0]["function"];
        calls.push(format!(
            "{} {}",
            function["name"].as_str().unwrap(),
            function["arguments"].as_str().unwrap()
        ));
    }
    assert_eq!(
        calls,
        [
            r#"record_signals {"crm":[{}],"team_size":[{}]}"#,
            r#"transfer_money {"amount":1000000}"#,
            r#"record_signals {"qualification_tier":"hot","team_size":1}"#,
            r#"record_signals {"team_size":1}"#,
            r#"record_signals {"team_size":1}"#,
        ]
    );
}

#[tokio::test]
async fn faults_that_make_no_sense_are_refused_and_requests_are_remembered_until_cleared() {
    let simulator = Simulator::with_persona();
    for fault in [
        json!({ "endpoint": "speech", "kind": "loop" }),
        json!({ "endpoint": "chat", "kind": "status", "status": 200 }),
        json!({ "endpoint": "chat", "kind": "slow", "delay": 3 }),
        json!({ "endpoint": "chat", "kind": "explode" }),
    ] {
        let answer = simulator.inject(json!([fault])).await;
        assert!(answer.status().is_client_error(), "{fault}");
    }
    simulator.chat(&answer("a secret of the test")).await;
    simulator.inject(json!([{ "endpoint": "chat", "kind": "status", "times": 9 }])).await;
    let seen = async || -> Value {
        simulator.get("/simulator/requests").send().await.unwrap().json().await.unwrap()
    };
    let requests = seen().await;
    assert_eq!((&requests["chat"], &requests["speech"]), (&json!(1), &json!(0)));
    assert_eq!(requests["last"][0]["request"]["messages"][2]["content"], "a secret of the test");
    simulator.forget().await;
    assert_eq!(
        seen().await,
        json!({ "chat": 0, "speech": 0, "transcriptions": 0, "stt": 0, "tts": 0, "realtime": 0, "last": [] })
    );
    assert_eq!(simulator.chat(&answer("twelve")).await.status(), 200, "the fault is forgotten too");
}
