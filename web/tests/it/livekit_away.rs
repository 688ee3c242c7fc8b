//! LiveKit that is not there, and calls at a time: over a real livekit-server.

use std::time::Duration;

use chrono::Utc;
use serde_json::{Value, json};
use test_servers::http::readyz;
use test_servers::{KEY, LiveKitServer, SECRET, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::Client;
use crate::running::Running;

#[tokio::test]
async fn visitors_are_told_when_livekit_is_away_and_calls_go_on_when_it_is_back() {
    let mut livekit = LiveKitServer::spawn();
    eventually("livekit-server listens", async || livekit.answers()).await;
    let service = Running::start_beside(&livekit, &["--web-livekit-interval=1s"]);
    readyz(service.operations_http, 200, "ready").await;
    let mut visitor = Client::connect(1, service.http).await;
    assert_eq!(visitor.token("").await.status, 200);

    livekit.kill();
    let told = readyz(service.operations_http, 200, "degraded: LiveKit cannot be reached").await;
    assert!(!told.contains("eyJ"), "no token is shown: {told}");
    let answer = visitor.token("").await;
    assert_eq!((answer.status, answer.retry_after), (503, Some(5)));
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(problem["code"], "livekit_unreachable");
    assert!(problem["detail"].as_str().unwrap().contains("Please try again"), "{problem}");
    assert_eq!(service.metric("web_livekit_reachable").await, 0);

    livekit.spawn_again();
    eventually("calls are possible again", async || visitor.token("").await.status == 200).await;
    readyz(service.operations_http, 200, "ready").await;
}

#[tokio::test]
async fn a_key_that_livekit_does_not_take_is_told_before_a_visitor_finds_out() {
    let mut livekit = LiveKitServer::spawn();
    eventually("livekit-server listens", async || livekit.answers()).await;
    let secret = "--livekit-api-secret=another secret of thirty-two characters";
    let service = Running::start_beside(&livekit, &["--web-livekit-interval=1s", secret]);
    readyz(service.operations_http, 200, "degraded: LiveKit cannot be reached: it answers 401").await;
    assert_eq!(Client::connect(1, service.http).await.token("").await.status, 503);
}

#[tokio::test]
async fn livekit_is_asked_by_the_clock_and_never_by_a_visitor() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("--livekit-url=ws://{}", listener.local_addr().unwrap());
    let service = Running::start(&[&url, "--web-livekit-interval=1h", "--web-tokens-per-address=0"]);
    let (mut asked, _) = listener.accept().await.unwrap();
    tokio::spawn(async move {
        assert!(asked.read(&mut [0; 4_096]).await.unwrap() > 0);
        // An empty list.
        asked.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    readyz(service.operations_http, 200, "ready").await;
    let mut visitor = Client::connect(1, service.http).await;
    for _ in 0..200 {
        assert_eq!(visitor.token("").await.status, 200);
    }
    let more = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
    assert!(more.is_err(), "LiveKit was asked for a visitor");
}

#[tokio::test]
async fn calls_at_a_time_are_those_of_livekit_and_those_on_their_way() {
    let mut livekit = LiveKitServer::spawn();
    eventually("livekit-server listens", async || livekit.answers()).await;
    let flags = ["--web-livekit-interval=1s", "--web-calls=3", "--room-prefix=call"];
    let service = Running::start_beside(&livekit, &flags);
    make_room(&livekit, "call_of_another_replica").await;
    make_room(&livekit, "meeting").await;
    eventually("the room is seen", async || service.metric("web_calls").await == 1).await;
    let mut visitor = Client::connect(1, service.http).await;
    for status in [200, 200, 429] {
        assert_eq!(visitor.token("").await.status, status);
    }
    let answer = visitor.token("").await;
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.retry_after, &problem["limit"]), (Some(30), &json!("calls")));
    assert!(problem["detail"].as_str().unwrap().contains("lines are busy"), "{problem}");
    assert_eq!(service.metric("web_connection_details_limited_total{limit=\"calls\"}").await, 2);
    // Those who did not come give their places back.
    eventually("there is room again", async || visitor.token("").await.status == 200).await;
}

async fn make_room(livekit: &LiveKitServer, name: &str) {
    let now = Utc::now().timestamp();
    let claims = json!({ "iss": KEY, "nbf": now - 60, "exp": now + 60, "video": { "roomCreate": true } });
    let token = service::shared_secret_token(SECRET, &claims).unwrap();
    let url = format!("{}/twirp/livekit.RoomService/CreateRoom", livekit.url().replacen("ws", "http", 1));
    drop(rustls::crypto::ring::default_provider().install_default());
    let request = reqwest::Client::new()
        .post(url)
        .bearer_auth(token)
        .json(&json!({ "name": name, "empty_timeout": 300 }));
    assert!(request.send().await.unwrap().status().is_success());
}
