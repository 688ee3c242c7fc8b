//! A client whose own task is no more.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use test_servers::NatsServer;
use tokio::time::timeout;

use crate::fixtures::{answers, connected, eventually, settings};

#[tokio::test]
async fn a_client_that_panicked_is_seen_and_another_takes_its_place() {
    let nats = NatsServer::start().await;
    let connection = settings(&nats.url(), &[]).keep_connected("test").await.unwrap();
    connected(&connection).await;
    let subscription = connection.jetstream.client().subscribe("odd").await.unwrap();
    assert!(answers(&connection).await && !connection.has_ended());

    publish_with_header(nats.port(), "odd", b"X-Trace: a\rb");
    timeout(Duration::from_secs(30), connection.ended()).await.unwrap();
    assert!(connection.has_ended());
    assert_eq!(connection.trouble().as_deref(), Some("the NATS client has ended"));
    assert!(!connection.clone().wait(drop).await);
    drop(subscription);

    let renewed = connection.renew().await;
    connected(&renewed).await;
    eventually("an answer", async || answers(&renewed).await).await;
    assert!(!renewed.has_ended());
}

/// As another client can, which does not look at what it sends.
fn publish_with_header(port: u16, subject: &str, header: &[u8]) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let headers = [b"NATS/1.0\r\n", header, b"\r\n\r\n"].concat();
    let command = format!("HPUB {subject} {0} {0}\r\n", headers.len());
    socket
        .write_all(b"CONNECT {\"verbose\":false,\"headers\":true,\"lang\":\"x\",\"version\":\"1\"}\r\n")
        .unwrap();
    socket.write_all(&[command.as_bytes(), &headers, b"\r\nPING\r\n"].concat()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"PONG\r\n") {
        let mut bytes = [0; 4096];
        let read = socket.read(&mut bytes).unwrap();
        assert!(read > 0, "the server closed the connection");
        answer.extend_from_slice(&bytes[..read]);
    }
}
