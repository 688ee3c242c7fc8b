//! Replies and tool calls, as they are streamed.

use serde_json::{Value, json};

use super::simulator::Simulator;

/// A request with the tools of the agent.
pub(crate) fn request(messages: Value) -> Value {
    let properties = json!({
        "team_size": { "type": "integer", "minimum": 1, "description": "How many people on your team send documents?" },
        "crm": { "type": "string", "enum": ["salesforce", "hubspot", "none"], "description": "Which CRM do you use?" },
    });
    let tool = |name: &str, properties: Value| {
        json!({ "type": "function", "function": {
            "name": name, "description": name,
            "parameters": { "type": "object", "properties": properties, "additionalProperties": false },
        } })
    };
    json!({
        "model": "simulated", "messages": messages,
        "tools": [tool("record_signals", properties), tool("end_call", json!({}))],
    })
}

/// A request with what one caller said to the first question.
pub(crate) fn answer(said: &str) -> Value {
    request(json!([
        { "role": "system", "content": "You ask." },
        { "role": "assistant", "content": "Happy to help. How many people on your team send documents?" },
        { "role": "user", "content": said },
    ]))
}

/// The objects of a stream's events; the last event must be the mark of its end.
pub(crate) fn events(stream: &str) -> Vec<Value> {
    let data: Vec<_> = stream.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let (done, data) = data.split_last().unwrap();
    assert_eq!(*done, "[DONE]");
    data.iter().map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn a_reply_comes_word_by_word() {
    let simulator = Simulator::with_persona();
    let mut request = request(json!([{ "role": "user", "content": "hello" }]));
    let whole: Value = simulator.chat(&request).await.json().await.unwrap();
    let text = "Happy to help. How many people on your team send documents?";
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(whole["choices"][0]["message"]["content"], text);
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    assert_eq!(whole["usage"]["prompt_tokens"], 1);
    assert_eq!(whole["usage"]["completion_tokens"], 11);

    request["stream"] = true.into();
    request["stream_options"] = json!({ "include_usage": true });
    let events = events(&simulator.chat(&request).await.text().await.unwrap());
    assert_eq!(events[0]["choices"][0]["delta"], json!({ "role": "assistant", "content": "" }));
    let words: Vec<_> =
        events[1..12].iter().map(|event| event["choices"][0]["delta"]["content"].as_str().unwrap()).collect();
    assert_eq!(words.concat(), text);
    assert_eq!(events[12]["choices"][0]["finish_reason"], "stop");
    assert_eq!(events[13]["choices"], json!([]));
    assert_eq!(events[13]["usage"], whole["usage"]);
    assert_eq!(events.len(), 14);

    request["stream_options"] = json!({ "include_usage": false });
    let stream = simulator.chat(&request).await.text().await.unwrap();
    assert!(!stream.contains("usage"));
}

#[tokio::test]
async fn an_answer_becomes_a_call_that_comes_in_pieces() {
    let simulator = Simulator::with_persona();
    let mut request = answer("we are twelve people and we use hubspot");
    let whole: Value = simulator.chat(&request).await.json().await.unwrap();
    let calls = &whole["choices"][0]["message"]["tool_calls"];
    assert_eq!(calls[0]["function"]["arguments"], r#"{"crm":"hubspot"}"#);
    assert_eq!(calls[1]["function"]["arguments"], r#"{"team_size":12}"#);
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    assert_eq!(whole["choices"][0]["message"]["content"], Value::Null);
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");

    request["stream"] = true.into();
    let events = events(&simulator.chat(&request).await.text().await.unwrap());
    for index in [0, 1] {
        let pieces: Vec<_> = events
            .iter()
            .filter_map(|event| event["choices"][0]["delta"]["tool_calls"].get(0))
            .filter(|call| call["index"] == index)
            .collect();
        assert_eq!(pieces[0]["id"], calls[index]["id"]);
        assert_eq!(pieces[0]["function"]["name"], "record_signals");
        let arguments: String =
            pieces.iter().map(|piece| piece["function"]["arguments"].as_str().unwrap()).collect();
        assert_eq!(arguments, calls[index]["function"]["arguments"].as_str().unwrap());
        assert!(pieces.len() > 2);
    }
    assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn calls_need_the_key_and_a_body_that_can_be_read() {
    let simulator = Simulator::with_persona();
    let request = answer("twelve");
    for path in ["/v1/chat/completions", "/v1/audio/speech", "/v1/audio/transcriptions"] {
        let call = reqwest::Client::new().post(format!("{}{path}", simulator.url)).bearer_auth("another key");
        let answer = call.json(&request).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{path}");
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["error"]["code"], "invalid_api_key");
    }
    for body in [json!({ "model": "m" }), json!({ "model": "m", "messages": [] })] {
        let answer = simulator.chat(&body).await;
        assert_eq!(answer.status(), 400);
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["error"]["type"], "invalid_request_error");
    }
    assert_eq!(simulator.get("/v1/nothing").send().await.unwrap().status(), 404);
    let models: Value = simulator.get("/v1/models").send().await.unwrap().json().await.unwrap();
    assert_eq!(models["data"][0]["object"], "model");
    assert_eq!(simulator.get("/healthz").send().await.unwrap().status(), 200);
}
