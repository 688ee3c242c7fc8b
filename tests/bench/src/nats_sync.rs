//! What it costs that a NATS server syncs each session-end payload to its disk before it acknowledges it, beside one that does so
//! every two minutes, as it does by default.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, StorageType};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use schemas::names::{SESSION_ENDED_V1, SESSIONS_STREAM, SESSIONS_SUBJECTS};
use serde_json::json;
use test_servers::NatsServer;

use crate::payloads::Payloads;
use crate::report::{Report, share_below};

/// A call of some minutes.
const PAYLOADS: Payloads = Payloads { bytes: 16 * 1024 };
const ONE_BY_ONE: usize = 1_000;
const TOGETHER: usize = 10_000;
/// As many as an agent publishes at a time.
const IN_FLIGHT: usize = 16;

struct Cost {
    /// Of each, one after the other, sorted.
    milliseconds: Vec<f64>,
    /// With several in flight.
    a_second: f64,
}

pub(crate) async fn measure() -> Result<Report> {
    let usual = cost("2m").await?;
    let always = cost("always").await?;
    let mut report = Report::beside("nats-sync", "every 2m");
    for (name, share) in [("one session stored, p50", 0.5), ("one session stored, p99", 0.99)] {
        let of = |cost: &Cost| share_below(&cost.milliseconds, share);
        report.figure(name, "ms", of(&always), Some(of(&usual)), None);
    }
    // A million sessions a day are 12 a second.
    report.rising_figure("stored, 16 in flight", "1/s", always.a_second, Some(usual.a_second), Some(100.0));
    report.detail("milliseconds", json!({ "always": always.milliseconds, "2m": usual.milliseconds }));
    Ok(report)
}

async fn cost(sync_interval: &str) -> Result<Cost> {
    let nats = NatsServer::start_with(&format!("jetstream {{ sync_interval: {sync_interval} }}")).await;
    let jetstream = nats.jetstream().await;
    let stream = Config {
        name: SESSIONS_STREAM.to_owned(),
        subjects: vec![SESSIONS_SUBJECTS.to_owned()],
        storage: StorageType::File,
        ..Config::default()
    };
    jetstream.create_stream(stream).await.context("make the stream")?;
    let mut milliseconds = Vec::new();
    for number in 0..ONE_BY_ONE {
        milliseconds.push(store(&jetstream, number).await?.as_secs_f64() * 1000.0);
    }
    milliseconds.sort_by(f64::total_cmp);
    let started = Instant::now();
    let stored = stream::iter(ONE_BY_ONE..ONE_BY_ONE + TOGETHER).map(|number| store(&jetstream, number));
    let stored: Vec<_> = stored.buffer_unordered(IN_FLIGHT).try_collect().await?;
    let a_second = stored.len() as f64 / started.elapsed().as_secs_f64();
    Ok(Cost { milliseconds, a_second })
}

/// How long it takes until it is acknowledged.
async fn store(jetstream: &Context, number: usize) -> Result<Duration> {
    let payload = PAYLOADS.payload(number);
    let started = Instant::now();
    let ack = jetstream.publish(SESSION_ENDED_V1, payload.into()).await.context("publish")?;
    ack.await.context("store")?;
    Ok(started.elapsed())
}
