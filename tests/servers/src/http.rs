//! One GET, without a client library, and what programs answer for their operator.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Status and body; `None` while nothing answers.
pub async fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    // HTTP/1.0 has no chunks: the body goes to the end.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((status, body.to_owned()))
}

/// Waits until `/readyz` has this status and its body contains this text; the body.
///
/// # Panics
/// It has not within a minute.
pub async fn readyz(address: SocketAddr, status: u16, contains: &str) -> String {
    let started = Instant::now();
    let mut last = None;
    while started.elapsed() < Duration::from_secs(60) {
        last = get(address, "/readyz").await;
        if let Some((seen, body)) = &last
            && *seen == status
            && body.contains(contains)
        {
            return body.clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("/readyz is not {status} with {contains:?}, but {last:?}");
}

/// The value of a metric, all its labels given as in `name{label="value"}`; 0 where it is missing.
///
/// # Panics
/// Nothing answers.
pub async fn metric(address: SocketAddr, series: &str) -> f64 {
    let (_, body) = get(address, "/metrics").await.expect("ask for the metrics");
    let line = body.lines().find_map(|line| line.strip_prefix(series));
    line.map_or(0.0, |value| value.trim().parse().expect("read the metric"))
}
