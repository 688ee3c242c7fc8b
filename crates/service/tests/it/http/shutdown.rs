//! The end of a server.

use std::time::Duration;

use service::HttpLimits;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http::client::Client;
use crate::http::under_test::{LONG, PATIENCE, SHORT, UnderTest, patient};

#[tokio::test]
async fn what_is_under_way_ends_and_what_waits_is_not_waited_for() {
    let server = UnderTest::start(HttpLimits { shutdown: LONG, ..patient() }).await;
    let _fresh = Client::connect(server.address).await;
    let mut idle = Client::connect(server.address).await;
    idle.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    idle.expect("HTTP/1.1 200 OK").await;
    let mut busy = Client::connect(server.address).await;
    busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.shows("postcall_http_connections_open{server=\"test\"} 3").await;
    tokio::time::sleep(SHORT / 4).await;
    server.shutdown.cancel();
    assert!(busy.read_to_end().await.starts_with("HTTP/1.1 200 OK"));
    timeout(PATIENCE, server.serving).await.expect("the server ends").unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn requests_that_never_end_do_not_hold_up_the_end() {
    let server = UnderTest::start(HttpLimits { shutdown: SHORT, ..patient() }).await;
    let mut half = Client::connect(server.address).await;
    half.send("GET / HTTP/1.1\r\nHos").await;
    let mut body = Client::connect(server.address).await;
    body.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n").await;
    let mut reader = Client::connect(server.address).await;
    reader.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.shows("postcall_http_connections_open{server=\"test\"} 3").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.shutdown.cancel();
    timeout(PATIENCE, server.serving).await.expect("the server ends").unwrap();
    half.read_to_end().await;
}
