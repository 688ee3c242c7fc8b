//! Asks agents and sinks for their metrics. One that hangs, or sends without end, costs its own answer.

use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use axum::body::Bytes;
use axum::http::Request;
use axum::http::header::HOST;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::configuration::MetricsSource;
use super::overview::metrics::Counts;

const LIMIT: Duration = Duration::from_secs(2);
/// Many times what a program's metrics take.
const MOST_BYTES: usize = 1024 * 1024;

/// What a program counts now.
pub(super) async fn counts(source: &MetricsSource) -> anyhow::Result<Counts> {
    let text = timeout(LIMIT, get(source)).await;
    let text = text.with_context(|| format!("no answer within {} s", LIMIT.as_secs()))??;
    Ok(Counts::read(&String::from_utf8_lossy(&text)))
}

async fn get(source: &MetricsSource) -> anyhow::Result<Bytes> {
    let stream = TcpStream::connect(&source.address).await.context("connect")?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.context("connect")?;
    let request = Request::get(&source.path).header(HOST, &source.address);
    let request = request.body(Empty::<Bytes>::new()).context("make the request")?;
    let exchange = async move {
        let answer = sender.send_request(request).await.context("ask for the metrics")?;
        ensure!(answer.status().is_success(), "the answer is {}", answer.status());
        let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await;
        let body = body.map_err(|error| anyhow!(error).context("read the metrics"))?;
        anyhow::Ok(body.to_bytes())
    };
    // The connection ends with the exchange, which has its sender; what ends it before is the exchange's error.
    let (answer, _) = tokio::join!(exchange, connection);
    answer
}
