//! What is away costs its own part of the page, and no more than its time.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use test_servers::NatsServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::fixtures::*;

/// Serves what it is told on a port of its own; the address.
async fn serve(answer: &'static [u8], for_ever: bool) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 1024];
                drop(stream.read(&mut request).await);
                while stream.write_all(answer).await.is_ok() && for_ever && !answer.is_empty() {}
                if for_ever {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_may_be_away_and_come_and_go() {
    let mut nats = NatsServer::stopped();
    let web = Web::with_token(&nats.url(), &[]).await;
    let shown = web.json().await;
    let why = shown["calls"]["why"].as_str().unwrap();
    assert!(why.starts_with("not connected to NATS"), "{why}");
    let page = web.get("/status").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Not reachable since"), "{}", page.body);
    // The page of the visitors does not need it.
    assert_eq!(web.ask_from(1, "GET /", "").await.status, 200);

    nats.start_again().await;
    let without_streams = web.eventually("it is connected", |shown| {
        shown["calls"]["why"].as_str().is_some_and(|why| why.contains("there is no stream SESSIONS"))
    });
    without_streams.await;
    let jetstream = set_up(&nats).await;
    publish(&jetstream, &payload("one")).await;
    web.eventually("it is read", |shown| shown["calls"]["in_stream"] == 1).await;
    jetstream.get_stream("SESSIONS").await.unwrap().delete_consumer("sink-salesforce").await.unwrap();
    web.eventually("a sink is gone", |shown| shown["calls"]["last"][0]["salesforce"] == "no_sink").await;

    nats.kill();
    let away = web.eventually("it is away", |shown| shown["calls"]["not_reachable_since"].is_string()).await;
    let since = away["calls"]["not_reachable_since"].clone();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(web.json().await["calls"]["not_reachable_since"], since);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_hangs_or_talks_without_end_costs_its_own_row() {
    let nats = NatsServer::start().await;
    let jetstream = set_up(&nats).await;
    publish(&jetstream, &payload("one")).await;
    const METRICS: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 78\r\n\r\n\
        postcall_agent_sessions_active 3\npostcall_sink_messages_total{outcome=\"a\"} 7\n\n";
    let agent = serve(METRICS, false).await;
    let hangs = serve(b"", true).await;
    let endless = serve(b"HTTP/1.1 200 OK\r\n\r\npostcall_agent_sessions_active 9\n", true).await;
    let refuses = serve(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", false).await;
    let sources =
        format!("agent={agent},hangs={hangs},endless={endless},refuses={refuses},nobody=http://127.0.0.1:1");
    let web = Web::with_token(&nats.url(), &[&format!("--web-status-metrics={sources}")]).await;
    let began = Instant::now();
    let shown = web.eventually("it is read", |shown| shown["calls"]["in_stream"] == 1).await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let programs = shown["programs"].as_array().unwrap();
    assert_eq!(programs[0]["counts"]["live_calls"], 3);
    assert_eq!(programs[0]["counts"]["outcomes"]["a"], 7);
    for away in &programs[1..] {
        assert!(away["counts"]["not_reachable_since"].is_string(), "{away}");
    }
    assert_eq!(shown["live_calls"], 3);
}
