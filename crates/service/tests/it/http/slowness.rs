//! Clients that take their time.

use std::time::Duration;

use service::HttpLimits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

use crate::http::client::Client;
use crate::http::under_test::{PATIENCE, SHORT, UnderTest, patient};

#[tokio::test]
async fn half_a_head_and_one_that_trickles_are_ended() {
    let server = UnderTest::start(HttpLimits { head: SHORT, ..patient() }).await;
    let mut silent = Client::connect(server.address).await;
    let mut half = Client::connect(server.address).await;
    half.send("GET / HTTP/1.1\r\nX: ").await;
    let mut trickling = Client::connect(server.address).await;
    trickling.trickle(&format!("GET / HTTP/1.1\r\nX: {}", "y".repeat(600))).await;
    for client in [&mut silent, &mut half, &mut trickling] {
        assert_eq!(client.read_to_end().await, "");
    }
    server.ended("head_timeout", 3).await;
}

#[tokio::test]
async fn half_a_head_after_a_request_is_ended_like_a_first_one() {
    let server = UnderTest::start(HttpLimits { head: SHORT, ..patient() }).await;
    let mut client = Client::connect(server.address).await;
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    client.expect("HTTP/1.1 200 OK").await;
    client.send("GET / HT").await;
    assert!(client.read_to_end().await.ends_with("hello"));
    server.ended("head_timeout", 1).await;
}

#[tokio::test]
async fn a_body_that_stops_or_trickles_is_ended() {
    let server = UnderTest::start(HttpLimits { body: SHORT, ..patient() }).await;
    let head = "POST /echo HTTP/1.1\r\nHost: x\r\n";
    let mut stopping = Client::connect(server.address).await;
    stopping.send(&format!("{head}Content-Length: 9\r\n\r\nhalf")).await;
    let mut trickling = Client::connect(server.address).await;
    trickling.send(&format!("{head}Transfer-Encoding: chunked\r\n\r\n")).await;
    trickling.trickle(&"1\r\nx\r\n".repeat(100)).await;
    let mut one_endless_chunk = Client::connect(server.address).await;
    one_endless_chunk.send(&format!("{head}Transfer-Encoding: chunked\r\n\r\n")).await;
    one_endless_chunk.trickle(&format!("ffff;{}", "extension".repeat(60))).await;
    for client in [&mut stopping, &mut trickling, &mut one_endless_chunk] {
        assert_eq!(client.read_to_end().await, "");
    }
    server.ended("body_timeout", 3).await;
}

#[tokio::test]
async fn a_body_that_nobody_wants_holds_nothing_up() {
    let server = UnderTest::start(HttpLimits { idle: SHORT, ..patient() }).await;
    let mut client = Client::connect(server.address).await;
    client.send("POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n").await;
    assert!(client.read_to_end().await.ends_with("ignored"));
}

#[tokio::test]
async fn a_connection_is_kept_for_a_while_between_requests() {
    let server = UnderTest::start(HttpLimits { idle: SHORT, ..patient() }).await;
    let mut client = Client::connect(server.address).await;
    for _ in 0..3 {
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        client.expect("HTTP/1.1 200 OK").await;
        // The rest of the answer is read with the end.
        let mut rest = [0; 512];
        drop(timeout(PATIENCE, client.0.read(&mut rest)).await.unwrap());
    }
    client.read_to_end().await;
    server.ended("idle_timeout", 1).await;
}

#[tokio::test]
async fn who_takes_nothing_of_an_answer_is_ended() {
    let server = UnderTest::start(HttpLimits { write: SHORT, ..patient() }).await;
    let mut client = Client::connect(server.address).await;
    client.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.ended("write_timeout", 1).await;
    client.read_to_end().await;
}

#[tokio::test]
async fn who_takes_an_answer_slowly_gets_it() {
    let server = UnderTest::start(HttpLimits { write: SHORT, ..patient() }).await;
    let mut client = Client::connect(server.address).await;
    client.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let begin = Instant::now();
    let mut piece = vec![0; 256 * 1024];
    while begin.elapsed() < 5 * SHORT {
        let read = timeout(PATIENCE, client.0.read(&mut piece)).await.unwrap().unwrap();
        assert!(read > 0, "ended after {:?}", begin.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn answers_that_nobody_reads_stop_the_requests() {
    let server = UnderTest::start(HttpLimits { write: SHORT, ..patient() }).await;
    let mut client = Client::connect(server.address).await;
    let pipeline = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000);
    // The server stops reading, and then ends it.
    while client.0.write_all(pipeline.as_bytes()).await.is_ok() {}
    server.ended("write_timeout", 1).await;
}

#[tokio::test]
async fn a_handler_may_take_its_time() {
    let limits = HttpLimits { head: SHORT, body: SHORT, idle: SHORT, write: SHORT, ..patient() };
    let server = UnderTest::start(limits).await;
    let mut client = Client::connect(server.address).await;
    client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    client.expect("HTTP/1.1 200 OK").await;
}
