//! Who may call the gateway, how often, and how many at a time.

use std::time::Duration;

use livekit_api::access_token::{AccessToken, InferenceGrants, VideoGrants};
use serde_json::{Value, json};

use super::{stt, tts};
use crate::openai::chat::answer;
use crate::openai::simulator::{KEY, LIVEKIT_KEY, LIVEKIT_SECRET, Simulator};
use crate::openai::socket::{End, Socket, kinds, token};

#[tokio::test]
async fn tokens_of_others_open_nothing() {
    let simulator = Simulator::with_persona();
    let signed = |token: AccessToken| token.with_identity("agent").to_jwt().unwrap();
    let ours = || AccessToken::with_api_key(LIVEKIT_KEY, LIVEKIT_SECRET);
    let perform = || InferenceGrants::default().with_perform();
    let tokens = [
        ("a wrong secret", token("another secret of at least 32 characters")),
        ("expired", signed(ours().with_inference_grants(perform()).with_ttl(Duration::ZERO))),
        (
            "no grant",
            signed(ours().with_grants(VideoGrants {
                room_join: true,
                room: "r".into(),
                ..VideoGrants::default()
            })),
        ),
        (
            "another key",
            signed(AccessToken::with_api_key("other", LIVEKIT_SECRET).with_inference_grants(perform())),
        ),
        ("OpenAI's key", KEY.to_owned()),
        ("nothing", String::new()),
    ];
    for (what, token) in tokens {
        for path in [stt::NOVA, "/v1/tts?model=cartesia/sonic-3"] {
            let refused = Socket::open(&simulator, path, &token).await.err();
            let refused = refused.unwrap_or_else(|| panic!("{what} opens {path}"));
            assert_eq!(refused.status, 401, "{what}");
            assert!(refused.body["error"].is_string(), "{refused:?}");
        }
        if token != KEY {
            assert_eq!(chat(&simulator, &token).await.status(), 401, "{what}");
        }
    }
    assert_eq!(simulator.all_closed("stt").await, 0);
    assert_eq!(chat(&simulator, &token(LIVEKIT_SECRET)).await.status(), 200);
    assert_eq!(chat(&simulator, KEY).await.status(), 200);
    let models = reqwest::Client::new().get(format!("{}/v1/models", simulator.url));
    assert_eq!(models.bearer_auth(token(LIVEKIT_SECRET)).send().await.unwrap().status(), 200);
}

async fn chat(simulator: &Simulator, bearer: &str) -> reqwest::Response {
    let call = reqwest::Client::new().post(format!("{}/v1/chat/completions", simulator.url));
    call.bearer_auth(bearer).json(&answer("twelve")).send().await.unwrap()
}

#[tokio::test]
async fn there_are_so_many_sockets_at_a_time() {
    let simulator = Simulator::with_persona();
    simulator.set(json!({ "stt_sockets": 2, "tts_sockets": 1 })).await;
    let nova = async || stt::session(&simulator, "deepgram/nova-3", 16_000, json!({})).await;
    let (first, _second) = (nova().await, nova().await);
    let refused = Socket::open(&simulator, stt::NOVA, &token(LIVEKIT_SECRET)).await.err().unwrap();
    assert_eq!(refused.status, 429);
    assert_eq!(refused.body["type"], "inference_quota_exceeded");
    assert_eq!((&refused.body["quota_type"], &refused.body["remaining_limit"]), (&json!("stt"), &json!(0)));
    assert!(refused.body["error"].as_str().unwrap().contains("current_usage: 2"), "{}", refused.body);
    let _voice = tts::session(&simulator, json!({})).await;
    let refused = Socket::open(&simulator, "/v1/tts?model=m", &token(LIVEKIT_SECRET)).await.err().unwrap();
    assert_eq!((refused.status, &refused.body["quota_type"]), (429, &json!("tts")));

    drop(first);
    simulator.sockets_once("stt", |counters| counters["open"] == 1).await;
    nova().await;
    let counters = simulator.sockets("stt").await;
    assert_eq!(
        (&counters["opened"], &counters["refused"], &counters["most"]),
        (&json!(3), &json!(1), &json!(2))
    );
}

#[tokio::test]
async fn credits_and_requests_can_be_used_up() {
    let simulator = Simulator::with_persona();
    simulator.set(json!({ "llm_requests_per_minute": 2 })).await;
    let call = async || chat(&simulator, &token(LIVEKIT_SECRET)).await;
    for used in ["1", "2"] {
        let answer = call().await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["x-livekit-inference-rpm-limit"], "2");
        assert_eq!(answer.headers()["x-livekit-inference-rpm-used"], used);
    }
    let refused = call().await;
    assert_eq!(refused.status(), 429);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(
        (&body["quota_type"], &body["category"]),
        (&json!("llm"), &json!("MaxConcurrentGatewayLLMRpm"))
    );
    assert_eq!(chat(&simulator, KEY).await.status(), 200, "the limit is the gateway's alone");

    simulator.set(json!({ "llm_requests_per_minute": null, "credits_used_up": true })).await;
    let body: Value = call().await.json().await.unwrap();
    assert_eq!(body["category"], "MaxGatewayCredits");
    let refused = Socket::open(&simulator, stt::NOVA, &token(LIVEKIT_SECRET)).await.err().unwrap();
    assert_eq!((refused.status, &refused.body["category"]), (429, &json!("MaxGatewayCredits")));

    simulator.set(json!({ "credits_used_up": false })).await;
    simulator
        .inject(json!([{ "endpoint": "stt", "kind": "quota", "text": "MaxConcurrentGatewaySTT" }]))
        .await;
    let refused = Socket::open(&simulator, stt::NOVA, &token(LIVEKIT_SECRET)).await.err().unwrap();
    assert_eq!((refused.status, &refused.body["category"]), (429, &json!("MaxConcurrentGatewaySTT")));
    stt::session(&simulator, "deepgram/nova-3", 16_000, json!({})).await;
}

#[tokio::test]
async fn a_socket_ends_with_its_token() {
    let simulator = Simulator::with_persona();
    // Tokens count whole seconds.
    simulator.set(json!({ "token_lifetime_ms": 6_000 })).await;
    let old = token(LIVEKIT_SECRET);
    let mut socket = stt::session(&simulator, "deepgram/nova-3", 16_000, json!({})).await;
    let (frames, end) = socket.rest().await;
    assert_eq!((kinds(&frames), end), (vec!["error"], End::Closed));
    assert_eq!(frames[0]["code"], 401);
    let refused = Socket::open(&simulator, stt::NOVA, &old).await.err().unwrap();
    assert_eq!(refused.status, 401, "an old token is not taken again");
    stt::session(&simulator, "deepgram/nova-3", 16_000, json!({})).await;
}
