//! What whoever runs the service relies on.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE,
    ORIGIN,
};
use axum::http::{Request, StatusCode};
use clap::Parser;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use web::configuration::Args;

use crate::in_process::Service;

#[tokio::test]
async fn readiness_ends_with_the_shutdown_and_health_does_not() {
    let service = Service::default();
    assert_eq!(service.get("/readyz").await.status, StatusCode::OK);
    service.shutdown.cancel();
    assert_eq!(service.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(service.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn answers_are_counted_by_status() {
    let service = Service::default();
    service.post(&json!({})).await;
    service.post(&json!({})).await;
    service.post(&json!({ "room_name": "boardroom" })).await;
    service.post_text("application/json", "{").await;
    let text = String::from_utf8(service.get("/metrics").await.bytes.to_vec()).unwrap();
    for (status, count) in [(200, 2), (403, 1), (400, 1)] {
        let line = format!("web_connection_details_answers_total{{status=\"{status}\"}} {count}");
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn only_named_origins_may_read_the_answers() {
    let ask = |origin: &'static str| {
        Request::options("/api/connection-details")
            .header(ORIGIN, origin)
            .header(ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(ACCESS_CONTROL_REQUEST_HEADERS, "content-type,x-sandbox-id")
    };
    let open = Service::new(&["--allow-origin=https://one.example,https://two.example"]);
    for origin in ["https://one.example", "https://two.example"] {
        let answer = open.send(ask(origin), String::new()).await;
        assert_eq!(answer.headers[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
        let request = Request::post("/api/connection-details").header(CONTENT_TYPE, "application/json");
        let answer = open.send(request.header(ORIGIN, origin), "{}".to_owned()).await;
        assert_eq!(answer.headers[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
    }
    for (service, origin) in [(open, "https://three.example"), (Service::default(), "https://one.example")] {
        let answer = service.send(ask(origin), String::new()).await;
        assert!(!answer.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{origin}");
    }
}

#[tokio::test]
async fn a_connection_left_open_does_not_hold_up_the_end() {
    let address = free_address();
    let flags = ["--livekit-url=ws://h", "--livekit-api-key=k", "--livekit-api-secret=s", "--agent-name=a"];
    let args = ["web"].into_iter().chain(flags);
    let (_, settings) = Args::try_parse_from(args).unwrap().into_settings().unwrap();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(web::server::run(address, settings, shutdown.clone()));

    let mut connection = connect(address).await;
    connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");

    let mut unfinished = connect(address).await;
    let head = "POST /api/connection-details HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n";
    unfinished.write_all(head.as_bytes()).await.unwrap();
    // Time for the server to begin with the request, whose body never comes.
    tokio::time::sleep(Duration::from_millis(200)).await;
    shutdown.cancel();
    timeout(Duration::from_secs(15), server).await.expect("it ends").unwrap().unwrap();
}

fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn connect(address: SocketAddr) -> TcpStream {
    for _ in 0..100 {
        if let Ok(connection) = TcpStream::connect(address).await {
            return connection;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing listens on {address}");
}
