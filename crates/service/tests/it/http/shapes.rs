//! Requests of an odd shape or size.

use crate::http::client::{Client, get};
use crate::http::under_test::{UnderTest, patient};

#[tokio::test]
async fn old_and_pipelined_requests_are_answered() {
    let server = UnderTest::start(patient()).await;
    let mut old = Client::connect(server.address).await;
    old.send("GET / HTTP/1.0\r\n\r\n").await;
    let answer = old.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.0 200 OK") && answer.ends_with("hello"), "{answer}");

    let mut pipelining = Client::connect(server.address).await;
    let requests = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(99);
    pipelining.send(&format!("{requests}GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
    assert_eq!(pipelining.read_to_end().await.matches("200 OK").count(), 100);
}

#[tokio::test]
async fn heads_without_measure_are_refused() {
    let server = UnderTest::start(patient()).await;
    let many: String = (0..101).map(|number| format!("X-{number}: y\r\n")).collect();
    let long = format!("X: {}\r\n", "y".repeat(40_000));
    let endless = "X: y\r\n".repeat(1_000_000);
    for headers in [&many, &long, &endless] {
        let mut client = Client::connect(server.address).await;
        let request = format!("GET / HTTP/1.1\r\n{headers}\r\n");
        // The server does not wait for the end of it.
        drop(tokio::io::AsyncWriteExt::write_all(&mut client.0, request.as_bytes()).await);
        let answer = client.read_to_end().await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    server.ended("closed", 3).await;
    let usual: String = (0..60).map(|number| format!("X-{number}: {}\r\n", "y".repeat(200))).collect();
    let mut client = Client::connect(server.address).await;
    client.send(&format!("GET / HTTP/1.1\r\nHost: x\r\n{usual}\r\n")).await;
    client.expect("HTTP/1.1 200 OK").await;
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let server = UnderTest::start(patient()).await;
    for bytes in [
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "hello\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    ] {
        let mut client = Client::connect(server.address).await;
        client.send(bytes).await;
        let answer = client.read_to_end().await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{bytes:?}: {answer}");
    }
}

#[tokio::test]
async fn handlers_learn_who_asks() {
    let server = UnderTest::start(patient()).await;
    assert!(get(server.address, "/peer").await.ends_with("\r\n\r\n127.0.0.1"));
}
