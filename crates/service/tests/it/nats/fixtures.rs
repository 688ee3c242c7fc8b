//! A connection of a program, and what it says of itself.

use std::time::{Duration, Instant};

use clap::Parser as _;
use service::{Connection, Nats};
use test_servers::eventually;

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    nats: Nats,
}

/// Flags as on a command line, read by the same code.
pub(crate) fn settings(url: &str, flags: &[&str]) -> Nats {
    // As `service::main` does; another test may have done it.
    drop(rustls::crypto::ring::default_provider().install_default());
    Flags::parse_from(["test", "--nats-url", url].iter().chain(flags)).nats
}

pub(crate) async fn connected(connection: &Connection) {
    eventually("connected", async || connection.trouble().is_none()).await;
}

/// Waits for a reason that holds this text, and returns it.
pub(crate) async fn trouble(connection: &Connection, text: &str) -> String {
    let mut seen = String::new();
    let started = Instant::now();
    while !seen.contains(text) {
        assert!(started.elapsed() < Duration::from_secs(60), "no {text:?}, but {seen:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
        seen = connection.trouble().unwrap_or_default();
    }
    seen
}

/// Whether an answer comes back.
pub(crate) async fn answers(connection: &Connection) -> bool {
    connection.jetstream.query_account().await.is_ok()
}
