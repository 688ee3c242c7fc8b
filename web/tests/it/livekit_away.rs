//! LiveKit that is not there, and calls at a time: over a real livekit-server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::Utc;
use parking_lot::Mutex;
use serde_json::{Value, json};
use test_servers::http::readyz;
use test_servers::{KEY, LiveKitServer, SECRET, eventually};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

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
    assert_eq!(service.metric("postcall_web_livekit_reachable").await, 0);

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
    let livekit = Stub::start("200 OK").await;
    let service = Running::start(&[&livekit.url, "--web-livekit-interval=1h", "--web-tokens-per-address=0"]);
    readyz(service.operations_http, 200, "ready").await;
    let mut visitor = Client::connect(1, service.http).await;
    for _ in 0..200 {
        assert_eq!(visitor.token("").await.status, 200);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(livekit.asked(), 1, "LiveKit was asked for a visitor");
}

#[tokio::test]
async fn a_livekit_that_answers_something_else_is_not_away() {
    let livekit = Stub::start("200 OK").await;
    let service = Running::start(&[&livekit.url, "--web-livekit-interval=1s"]);
    readyz(service.operations_http, 200, "ready").await;
    livekit.answer("429 Too Many Requests");
    let asked = livekit.asked();
    eventually("it was asked often enough to count as away", async || livekit.asked() > asked + 3).await;
    readyz(service.operations_http, 200, "degraded: LiveKit's rooms are not known: it answers 429").await;
    assert_eq!(service.metric("postcall_web_livekit_reachable").await, 1);
    let mut visitor = Client::connect(1, service.http).await;
    assert_eq!(visitor.token("").await.status, 200);
    for away in ["503 Service Unavailable", "403 Forbidden"] {
        livekit.answer(away);
        let told = format!("degraded: LiveKit cannot be reached: it answers {}", &away[..3]);
        readyz(service.operations_http, 200, &told).await;
        assert_eq!(visitor.token("").await.status, 503);
    }
}

#[tokio::test]
async fn where_livekit_is_not_asked_nothing_is_said_of_it() {
    let shown = async |service: &Running| {
        let text = Client::connect(1, service.operations_http).await.get("/metrics").await.body;
        ["postcall_web_calls", "postcall_web_livekit_reachable"].map(|name| text.contains(name))
    };
    assert_eq!(shown(&Running::start(&[])).await, [false; 2]);
    assert_eq!(shown(&Running::start(&["--web-livekit-interval=1h"])).await, [true; 2]);
}

/// In LiveKit's place: counts requests, over however many connections they come, and answers all alike, without a body.
struct Stub {
    url: String,
    asked: Arc<AtomicUsize>,
    status: Arc<Mutex<&'static str>>,
}

impl Stub {
    async fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("--livekit-url=ws://{}", listener.local_addr().unwrap());
        let stub = Self { url, asked: Arc::default(), status: Arc::new(Mutex::new(status)) };
        let (asked, status) = (Arc::clone(&stub.asked), Arc::clone(&stub.status));
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                let (asked, status) = (Arc::clone(&asked), Arc::clone(&status));
                tokio::spawn(async move {
                    let mut connection = BufReader::new(connection);
                    let mut line = String::new();
                    // What is asked has no body: a request ends with an empty line.
                    while connection.read_line(&mut line).await.is_ok_and(|bytes| bytes > 0) {
                        if line == "\r\n" {
                            asked.fetch_add(1, Ordering::SeqCst);
                            let head = format!("HTTP/1.1 {}\r\nContent-Length: 0\r\n\r\n", *status.lock());
                            connection.write_all(head.as_bytes()).await.unwrap();
                        }
                        line.clear();
                    }
                });
            }
        });
        stub
    }

    fn answer(&self, status: &'static str) {
        *self.status.lock() = status;
    }

    /// How often.
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn calls_at_a_time_are_those_of_livekit_and_those_on_their_way() {
    let mut livekit = LiveKitServer::spawn();
    eventually("livekit-server listens", async || livekit.answers()).await;
    let flags = ["--web-livekit-interval=1s", "--web-calls=3", "--room-prefix=call"];
    let service = Running::start_beside(&livekit, &flags);
    // Of another replica, and of something else.
    make_room(&livekit, "call_1764460800000_0123456789").await;
    make_room(&livekit, "call_center").await;
    make_room(&livekit, "meeting").await;
    eventually("the room is seen", async || service.metric("postcall_web_calls").await == 1).await;
    let mut visitor = Client::connect(1, service.http).await;
    for status in [200, 200, 429] {
        assert_eq!(visitor.token("").await.status, status);
    }
    let answer = visitor.token("").await;
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.retry_after, &problem["limit"]), (Some(30), &json!("calls")));
    assert!(problem["detail"].as_str().unwrap().contains("lines are busy"), "{problem}");
    assert_eq!(service.metric("postcall_web_connection_details_limited_total{limit=\"calls\"}").await, 2);
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
