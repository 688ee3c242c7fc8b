//! One payload at a time, with a pause before each: how long a visitor's Lead waits while nothing else happens.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use test_servers::{Program, Signal};
use tokio::time::sleep;

use super::Bench;
use super::org::{Org, Seen};
use super::scenario::{FAR, PAYLOADS, Runner};
use crate::report::share_below;

const OURS: Range<usize> = 1_200..1_210;
const PEERS: Range<usize> = 1_210..1_220;

const STARTS_WITHIN: Duration = Duration::from_secs(40);
const SHOWN_WITHIN: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(800);

/// From the publish to the changed Lead.
pub(super) struct Alone {
    runner: Runner,
    /// One for each session, in increasing order.
    seconds: Vec<f64>,
    seen: Seen,
}

pub(super) async fn ours(bench: &mut Bench) -> Result<Alone> {
    one_at_a_time(bench, Runner::Ours, OURS).await
}

pub(super) async fn peers(bench: &mut Bench) -> Result<Alone> {
    one_at_a_time(bench, Runner::Upsert, PEERS).await
}

async fn one_at_a_time(bench: &mut Bench, runner: Runner, payloads: Range<usize>) -> Result<Alone> {
    // Empties the stream.
    bench.fill(payloads.start..payloads.start).await?;
    let org = bench.org(payloads.clone(), FAR).await?;
    bench.queue.rewind(None).await?;
    bench.queue.resume().await?;
    let mut process = runner.process(&org.environment, bench.servers.folder.path(), 1)?;
    let seconds = publish_each(bench, &org, &mut process, payloads).await;
    let mut seconds = seconds.with_context(|| format!("its log ends:\n{}", process.end_of_log()))?;
    seconds.sort_by(f64::total_cmp);
    process.stop(Signal::Terminate)?;
    Ok(Alone { runner, seconds, seen: org.seen().await? })
}

async fn publish_each(
    bench: &Bench,
    org: &Org,
    process: &mut Program,
    payloads: Range<usize>,
) -> Result<Vec<f64>> {
    process.start()?;
    bench.queue.until_asked_by(1, STARTS_WITHIN).await?;
    let mut seconds = Vec::new();
    for number in payloads {
        sleep(PAUSE).await;
        let published = Instant::now();
        bench.queue.publish(PAYLOADS, number).await?;
        org.until_shown(number, SHOWN_WITHIN).await?;
        seconds.push(published.elapsed().as_secs_f64());
    }
    Ok(seconds)
}

impl Alone {
    pub(super) fn middle(&self) -> f64 {
        share_below(&self.seconds, 0.5)
    }

    pub(super) fn worst(&self) -> f64 {
        share_below(&self.seconds, 1.0)
    }

    pub(super) fn print(&self) {
        println!(
            "alone, 100 ms {:<15} {} payloads one at a time: p50 {:.3} s, worst {:.3} s, {} API calls, not written {}",
            self.runner.name(),
            self.seconds.len(),
            self.middle(),
            self.worst(),
            self.seen.api_calls,
            self.seen.not_written,
        );
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "runner": self.runner.name(), "seconds": self.seconds, "api_calls": self.seen.api_calls,
            "not_written": self.seen.not_written, "created": self.seen.created,
        })
    }
}
