//! Strangers who take all they can get, with figures.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{Client, PATIENCE};
use crate::running::Running;

#[tokio::test]
async fn ten_thousand_requests_for_tokens_from_one_address() {
    const REQUESTS: usize = 10_000;
    let service = Running::start(&["--web-tokens-per-address=20"]);
    let memory = service.memory();
    let mut flooding = Client::connect(1, service.http).await;
    let started = Instant::now();
    let mut granted = 0;
    for number in 0..REQUESTS {
        let answer = flooding.token("").await;
        match (answer.status, answer.retry_after) {
            (200, None) => granted += 1,
            (429, Some(1..=3)) => assert!(answer.body.contains("Try again in "), "{}", answer.body),
            other => panic!("{other:?} {}", answer.body),
        }
        if number % 1_000 == 999 {
            assert_eq!(Client::connect(2, service.http).await.token("").await.status, 200);
        }
    }
    let took = started.elapsed();

    // What fills up meanwhile is one each three seconds.
    let most = 20 + took.as_secs() as usize / 3 + 1;
    assert!((20..=most).contains(&granted), "{granted} granted in {took:?}");
    let refused = service.metric("postcall_web_connection_details_limited_total{limit=\"client\"}").await;
    assert_eq!(refused, REQUESTS - granted);
    assert_eq!(service.metric("postcall_web_connection_details_limited_clients").await, 2);
    let after = service.memory();
    println!("{REQUESTS} requests in {took:?}: {granted} tokens; {memory} MiB, then {after} MiB");
    assert!(after < memory + 32, "{memory} MiB, then {after} MiB");
}

#[tokio::test]
async fn whoever_is_behind_a_trusted_proxy_has_a_limit_of_their_own() {
    let trusting = Running::start(&["--web-tokens-per-address=2", "--web-trusted-proxies=127.0.0.0/8"]);
    let mut proxy = Client::connect(1, trusting.http).await;
    for (client, status) in [
        ("192.0.2.1", 200),
        ("192.0.2.1", 200),
        ("192.0.2.1", 429),
        ("198.51.100.9, 192.0.2.1", 429),
        ("192.0.2.2", 200),
        ("2001:db8::1", 200),
        ("2001:db8::2", 200),
        ("2001:db8::3", 429),
    ] {
        let answer = proxy.token(&format!("X-Forwarded-For: {client}\r\n")).await;
        assert_eq!(answer.status, status, "{client}");
    }
    let untrusting = Running::start(&["--web-tokens-per-address=2"]);
    let mut pretender = Client::connect(1, untrusting.http).await;
    for (client, status) in [("192.0.2.1", 200), ("192.0.2.2", 200), ("192.0.2.3", 429)] {
        let answer = pretender.token(&format!("X-Forwarded-For: {client}\r\n")).await;
        assert_eq!(answer.status, status, "{client}");
    }
}

#[tokio::test]
async fn all_visitors_together_have_a_limit() {
    let service = Running::start(&["--web-tokens=3"]);
    for (last, status) in [(1, 200), (2, 200), (3, 200), (4, 429)] {
        let answer = Client::connect(last, service.http).await.token("").await;
        assert_eq!(answer.status, status, "127.0.0.{last}");
    }
    assert_eq!(service.metric("postcall_web_connection_details_limited_total{limit=\"all\"}").await, 1);
}

/// Longest that a visitor waits on a busy machine while strangers hold all connections; it is some milliseconds on an idle one.
const VISITORS_PATIENCE: Duration = Duration::from_secs(20);

/// With the limits as they are by default, and with the few files that a service often has.
#[tokio::test]
async fn two_thousand_half_requests() {
    raise_file_limit();
    for service in [Running::start(&[]), Running::start_with_files(1_024, &[])] {
        let mut held = Vec::new();
        let mut slowest = Duration::ZERO;
        let started = Instant::now();
        for number in 0..2_000 {
            let mut half = TcpStream::connect(service.http).await.unwrap();
            // The server may have had to end it for another one.
            drop(half.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX: ").await);
            held.push(half);
            if number % 200 == 199 {
                for last in [1, 2] {
                    let asked = Instant::now();
                    let answer = Client::connect(last, service.http).await.get("/").await;
                    assert_eq!(answer.status, 200);
                    assert_eq!(Client::connect(last, service.http).await.token("").await.status, 200);
                    slowest = slowest.max(asked.elapsed());
                }
            }
        }
        let memory = service.memory();
        for mut half in held {
            let mut rest = Vec::new();
            drop(timeout(PATIENCE, half.read_to_end(&mut rest)).await.expect("it is ended"));
            assert!(rest.is_empty());
        }
        println!(
            "2,000 half requests ended after {:?}; slowest visitor {slowest:?}; {memory} MiB",
            started.elapsed()
        );
        assert!(memory < 128, "{memory} MiB");
        assert!(slowest < VISITORS_PATIENCE, "a visitor waited {slowest:?}");
    }
}

#[tokio::test]
async fn half_requests_do_not_hold_up_the_end() {
    let mut service = Running::start(&[]);
    for address in [service.http, service.operations_http] {
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(b"GET /readyz HTTP/1.1\r\nHos").await.unwrap();
        std::mem::forget(half);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let ended = tokio::task::spawn_blocking(move || service.terminate());
    assert!(timeout(PATIENCE, ended).await.expect("it ends").unwrap());
}

fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}
