//! One run of one program over the queued payloads, and what it cost.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use test_servers::{Program, Signal};

use super::Bench;
use super::org::Org;
use super::row::Row;
use super::scenario::{Runner, Scenario};
use crate::machine::{MachineTime, Surroundings};
use crate::process_cost::peak_memory_mb;
use crate::spent::Spent;

const STARTS_WITHIN: Duration = Duration::from_secs(40);
const DRAINED_WITHIN: Duration = Duration::from_secs(120);
/// Messages that the Python programs take at a time.
const PEERS_BATCH: usize = 100;

/// What a run took.
struct Taken {
    /// From its start to the first delivery.
    start_seconds: f64,
    /// From then to the last ack.
    seconds: f64,
    redelivered: u64,
    peak_mb: f64,
    spent: Spent,
    surroundings: Surroundings,
}

pub(super) async fn drain(bench: &mut Bench, scenario: &Scenario, runner: Runner) -> Result<Row> {
    bench.fill(scenario.payloads.clone()).await?;
    let org = bench.org(scenario.payloads.clone(), scenario.latency).await?;
    bench.queue.rewind(None).await?;
    bench.queue.resume().await?;
    let mut process = runner.process(&org.environment, bench.servers.folder.path(), PEERS_BATCH)?;
    let taken = drained(bench, &org, &mut process).await;
    let taken = taken.with_context(|| format!("its log ends:\n{}", process.end_of_log()))?;
    process.stop(Signal::Terminate)?;
    Ok(Row {
        scenario: scenario.name,
        runner: runner.name(),
        payloads: scenario.payloads.len(),
        start_seconds: taken.start_seconds,
        seconds: taken.seconds,
        spent: taken.spent,
        peak_mb: taken.peak_mb,
        redelivered: taken.redelivered,
        seen: org.seen().await?,
        surroundings: taken.surroundings,
    })
}

async fn drained(bench: &Bench, org: &Org, process: &mut Program) -> Result<Taken> {
    let started = Instant::now();
    process.start()?;
    let pid = process.id().context("find the process")?;
    bench.queue.until_delivered(STARTS_WITHIN).await?;
    let (before, machine) = (spent(bench, org, pid)?, MachineTime::read()?);
    let delivered = Instant::now();
    let progress = bench.queue.until_acked(bench.queue.sessions(), DRAINED_WITHIN).await?;
    let seconds = delivered.elapsed().as_secs_f64();
    let (spent, machine) = (spent(bench, org, pid)?.since(&before), MachineTime::read()?.since(&machine));
    Ok(Taken {
        start_seconds: delivered.duration_since(started).as_secs_f64(),
        seconds,
        redelivered: progress.deliveries - progress.acked,
        peak_mb: peak_memory_mb(pid)?,
        spent,
        surroundings: spent.surroundings(&machine, seconds),
    })
}

fn spent(bench: &Bench, org: &Org, program: u32) -> Result<Spent> {
    Ok(Spent::so_far(&[program], bench.servers.nats.id().context("find nats-server")?, org.id()?))
}
