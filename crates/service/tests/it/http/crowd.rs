//! More connections than there may be.

use service::HttpLimits;

use crate::http::client::{Client, get};
use crate::http::under_test::{SHORT, UnderTest, patient};

#[tokio::test]
async fn half_requests_without_end_hold_up_nobody() {
    const PLACES: usize = 50;
    let server = UnderTest::start(HttpLimits { connections: PLACES, head: 2 * SHORT, ..patient() }).await;
    let mut held = Vec::new();
    for number in 0..4 * PLACES {
        let mut client = Client::connect(server.address).await;
        client.send("GET / HTTP/1.1\r\nX: ").await;
        held.push(client);
        if number % 10 == 0 {
            assert!(get(server.address, "/").await.ends_with("hello"), "after {number} half requests");
        }
    }
    for mut client in held {
        assert_eq!(client.read_to_end().await, "");
    }
    server.shows("postcall_http_connections_open{server=\"test\"} 0").await;
    server.shows("postcall_http_connections_refused_total{server=\"test\"} 0").await;
}

#[tokio::test]
async fn where_all_are_at_work_one_more_is_refused() {
    let server = UnderTest::start(HttpLimits { connections: 2, ..patient() }).await;
    let mut busy = [Client::connect(server.address).await, Client::connect(server.address).await];
    for client in &mut busy {
        client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    }
    server.shows("postcall_http_connections_open{server=\"test\"} 2").await;
    // Time for the requests to begin.
    tokio::time::sleep(SHORT / 4).await;
    assert_eq!(Client::connect(server.address).await.read_to_end().await, "");
    server.shows("postcall_http_connections_refused_total{server=\"test\"} 1").await;
    for client in &mut busy {
        client.expect("HTTP/1.1 200 OK").await;
    }
    assert!(get(server.address, "/").await.ends_with("hello"));
}
