//! The gateway's model: thoughts in its content, calls of tools as text, and calls that are signed.

use serde_json::{Value, json};

use crate::openai::chat::{answer, events, request};
use crate::openai::simulator::{LIVEKIT_SECRET, Simulator};
use crate::openai::socket::token;

async fn ask(simulator: &Simulator, request: &Value) -> reqwest::Response {
    let call = reqwest::Client::new().post(format!("{}/v1/chat/completions", simulator.url));
    call.bearer_auth(token(LIVEKIT_SECRET)).json(request).send().await.unwrap()
}

/// The parts in which content comes.
async fn content(simulator: &Simulator, fault: Value) -> Vec<String> {
    simulator.inject(json!([fault])).await;
    let mut request = request(json!([{ "role": "user", "content": "hello" }]));
    request["stream"] = true.into();
    let events = events(&ask(simulator, &request).await.text().await.unwrap());
    let parts = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str());
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[tokio::test]
async fn thoughts_come_in_content_and_are_broken_anywhere() {
    let simulator = Simulator::with_persona();
    let said = "Happy to help. How many people on your team send documents?";
    let whole = format!("<think>hm</think>{said}");
    let fault = json!({ "endpoint": "chat", "kind": "think", "text": "hm" });
    assert_eq!(content(&simulator, fault).await.concat(), whole);
    for at in 0..=whole.find("Happy").unwrap() {
        let fault = json!({ "endpoint": "chat", "kind": "think", "text": "hm", "split_at": at });
        let parts = content(&simulator, fault).await;
        assert_eq!(parts.concat(), whole);
        assert_eq!(parts[0].len(), if at == 0 { whole.len() } else { at });
    }
    let fault = json!({ "endpoint": "chat", "kind": "channel", "text": "hm" });
    assert_eq!(content(&simulator, fault).await.concat(), format!("<|channel>thought hm <channel|>{said}"));
    let fault = json!({ "endpoint": "chat", "kind": "prefix", "text": "hm</think>" });
    assert_eq!(content(&simulator, fault).await.concat(), format!("hm</think>{said}"));
    assert_eq!(content(&simulator, json!({ "endpoint": "tts", "kind": "cut" })).await.concat(), said);
}

#[tokio::test]
async fn calls_of_tools_can_come_as_text() {
    let simulator = Simulator::with_persona();
    for (form, begin) in [("hermes", "<tool_call>\n{"), ("json", "{\"arguments\""), ("fence", "```json\n{")] {
        simulator.inject(json!([{ "endpoint": "chat", "kind": "tool_text", "text": form }])).await;
        let reply: Value = ask(&simulator, &answer("twelve")).await.json().await.unwrap();
        let message = &reply["choices"][0]["message"];
        assert!(message["content"].as_str().unwrap().starts_with(begin), "{message}");
        assert!(
            message["content"].as_str().unwrap().contains("record_signals")
                && message["tool_calls"].is_null()
        );
    }
}

#[tokio::test]
async fn signed_calls_want_their_signatures_back() {
    let simulator = Simulator::with_persona();
    let mut request = answer("we are twelve people and we use hubspot");
    request["model"] = "google/gemini-3-flash".into();
    request["stream"] = true.into();
    let events = events(&ask(&simulator, &request).await.text().await.unwrap());
    let calls: Vec<_> =
        events.iter().filter_map(|event| event["choices"][0]["delta"]["tool_calls"].as_array()).collect();
    assert_eq!((calls.len(), calls[0].len()), (1, 2), "both calls come whole, and in one event");
    let signed = calls[0][0].clone();
    assert!(signed["extra_content"]["google"]["thought_signature"].is_string());

    let back = |call: Value| {
        let mut request = request.clone();
        let result = json!({ "role": "tool", "tool_call_id": call["id"], "content": "recorded" });
        let messages = request["messages"].as_array_mut().unwrap();
        messages.extend([json!({ "role": "assistant", "tool_calls": [call] }), result]);
        request
    };
    assert_eq!(ask(&simulator, &back(signed.clone())).await.status(), 200);
    let mut unsigned = signed;
    unsigned.as_object_mut().unwrap().remove("extra_content");
    let refused = ask(&simulator, &back(unsigned.clone())).await;
    assert_eq!(refused.status(), 400);
    let body: Value = refused.json().await.unwrap();
    assert!(body["error"]["message"].as_str().unwrap().contains("thought_signature"), "{body}");
    let mut other = back(unsigned);
    other["model"] = "openai/gpt-4.1".into();
    assert_eq!(ask(&simulator, &other).await.status(), 200, "other models know of no signatures");
}

#[tokio::test]
async fn reasoning_models_refuse_parameters() {
    let simulator = Simulator::with_persona();
    let mut request = answer("twelve");
    request["model"] = "openai/gpt-5-mini".into();
    request["temperature"] = 0.3.into();
    let refused = ask(&simulator, &request).await;
    assert_eq!(refused.status(), 400);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"]["param"], "temperature");
    request["model"] = "openai/gpt-4.1-mini".into();
    assert_eq!(ask(&simulator, &request).await.status(), 200);
}
