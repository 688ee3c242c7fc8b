//! One run of one program over the stream, and what it cost.
//!
//! The consumer is paused until the program has asked for messages, so the time it takes to start is not counted: the clock
//! runs from the first delivery to the ack of the last session wanted.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use test_servers::{Program, Signal, free_port};
use tokio::time::sleep;

use super::Bench;
use super::raw::{Setup, StoreAddress};
use super::row::Row;
use super::scenario::{Runner, Scenario, Store};
use super::sinks::Sink;
use crate::host::{Host, copy_of_this};
use crate::machine::{MachineTime, Surroundings};
use crate::null_store::{Compared, Counts};
use crate::process_cost::peak_memory_mb;
use crate::spent::Spent;

const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// After it has asked for messages: what it does at its start may go on in the background.
const SETTLE: Duration = Duration::from_millis(500);
const DELIVERED_WITHIN: Duration = Duration::from_secs(15);
pub(super) const DRAINED_WITHIN: Duration = Duration::from_secs(240);

/// What a run took.
struct Taken {
    sessions: u64,
    seconds: f64,
    deliveries: u64,
    peak_mb: f64,
    spent: Spent,
    surroundings: Surroundings,
}

pub(super) async fn drain(
    bench: &mut Bench,
    scenario: &Scenario,
    runner: Runner,
    sessions: usize,
) -> Result<Row> {
    if let Store::Null(behaviour) = scenario.store {
        bench.null_store.begin(behaviour).await?;
    }
    let taken = match runner {
        Runner::Sink(sink) => drain_by_sinks(bench, scenario, sink, 1, sessions).await?,
        Runner::Replicas => drain_by_sinks(bench, scenario, Sink::Ours, 2, sessions).await?,
        Runner::RawPuts => {
            let store = StoreAddress::of(&bench.environment(scenario.store))?;
            run_raw(bench, scenario, Setup::Put { store, payloads: scenario.payloads, sessions }).await?
        }
        Runner::RawConsume => {
            bench.queue.rewind(None).await?;
            bench.queue.resume().await?;
            let nats_url = bench.servers.environment.get("NATS_URL")?.to_owned();
            run_raw(bench, scenario, Setup::Consume { nats_url, sessions }).await?
        }
    };
    let (counts, compared) = look_at(bench, scenario, runner, taken.sessions).await?;
    Ok(Row {
        scenario: scenario.name,
        runner: runner.name(),
        sessions: taken.sessions,
        seconds: taken.seconds,
        spent: taken.spent,
        peak_mb: taken.peak_mb,
        redelivered: taken.deliveries.saturating_sub(taken.sessions),
        counts,
        compared,
        surroundings: taken.surroundings,
    })
}

/// By so many of a sink on one durable consumer.
async fn drain_by_sinks(
    bench: &Bench,
    scenario: &Scenario,
    sink: Sink,
    replicas: usize,
    sessions: usize,
) -> Result<Taken> {
    bench.queue.rewind(None).await?;
    let mut environment = bench.environment(scenario.store);
    let mut processes = Vec::new();
    for _ in 0..replicas {
        environment.set("SINK_S3_HTTP", format!("127.0.0.1:{}", free_port()));
        processes.push(sink.process(&environment, bench.servers.folder.path())?);
    }
    for process in &mut processes {
        process.start()?;
    }
    let taken = drained(bench, scenario, &processes, sessions as u64).await;
    let taken = taken
        .with_context(|| format!("drain by {}; its log ends:\n{}", sink.name(), processes[0].end_of_log()))?;
    for process in &mut processes {
        process.stop(Signal::Terminate)?;
    }
    Ok(taken)
}

async fn drained(bench: &Bench, scenario: &Scenario, processes: &[Program], sessions: u64) -> Result<Taken> {
    bench.queue.until_asked_by(processes.len(), STARTS_WITHIN).await?;
    sleep(SETTLE).await;
    let pids: Option<Vec<u32>> = processes.iter().map(Program::id).collect();
    let pids = pids.context("find the process")?;
    let (before, machine) = (spent(bench, scenario, &pids)?, MachineTime::read()?);
    let paused = Instant::now();
    bench.queue.resume().await?;
    bench.queue.until_delivered(DELIVERED_WITHIN).await?;
    let started = Instant::now();
    let progress = bench.queue.until_acked(sessions, DRAINED_WITHIN).await?;
    let seconds = started.elapsed().as_secs_f64();
    let (spent, machine) =
        (spent(bench, scenario, &pids)?.since(&before), MachineTime::read()?.since(&machine));
    let mut peak_mb = 0.0;
    for pid in pids {
        let peak = peak_memory_mb(pid)?;
        ensure!(peak > 0.0, "it has ended");
        peak_mb += peak;
    }
    Ok(Taken {
        sessions: progress.acked,
        seconds,
        // What is in flight was delivered, and is counted by nobody.
        deliveries: progress.deliveries - progress.in_flight,
        peak_mb,
        spent,
        surroundings: spent.surroundings(&machine, paused.elapsed().as_secs_f64()),
    })
}

async fn run_raw(bench: &Bench, scenario: &Scenario, setup: Setup) -> Result<Taken> {
    let folder = bench.servers.folder.path();
    let sessions = match &setup {
        Setup::Put { sessions, .. } | Setup::Consume { sessions, .. } => *sessions as u64,
    };
    let command = copy_of_this("raw", folder, "archive-raw")?;
    let mut host = Host::start(command, folder.join("raw.log"), &setup).await?;
    host.ready().await?;
    let pid = host.id()?;
    let (before, machine) = (spent(bench, scenario, &[pid])?, MachineTime::read()?);
    let started = Instant::now();
    let seconds = host.ask("go").await?;
    let (spent, machine) =
        (spent(bench, scenario, &[pid])?.since(&before), MachineTime::read()?.since(&machine));
    let surroundings = spent.surroundings(&machine, started.elapsed().as_secs_f64());
    let peak_mb = peak_memory_mb(pid)?;
    host.stop().await?;
    Ok(Taken { sessions, seconds, deliveries: sessions, peak_mb, spent, surroundings })
}

/// What the null store has seen; and whether it has just what it should, where our sink has drained the whole stream.
async fn look_at(
    bench: &mut Bench,
    scenario: &Scenario,
    runner: Runner,
    sessions: u64,
) -> Result<(Option<Counts>, Option<Compared>)> {
    if matches!(scenario.store, Store::SeaweedFs) || runner == Runner::RawConsume {
        return Ok((None, None));
    }
    let counts = bench.null_store.counts().await?;
    let ours = [Runner::OURS, Runner::Replicas].contains(&runner);
    if !ours || sessions < bench.queue.sessions() {
        return Ok((Some(counts), None));
    }
    let compared = bench.null_store.compare(scenario.payloads, sessions as usize).await?;
    Ok((Some(counts), Some(compared)))
}

fn spent(bench: &Bench, scenario: &Scenario, programs: &[u32]) -> Result<Spent> {
    let store = match scenario.store {
        Store::Null(_) => bench.null_store.id()?,
        Store::SeaweedFs => bench.servers.s3.id().context("find SeaweedFS")?,
    };
    Ok(Spent::so_far(programs, bench.servers.nats.id().context("find nats-server")?, store))
}
