//! What giving tokens costs, beside the route of LiveKit's example front end in Next.js, which signs with `livekit-server-sdk`
//! (`tests/bench/nextjs`). Each of the two has one core and the client the others; the client asks over 32 connections, each of
//! which asks again when it has its answer. Ours has all its limits, so high that none is met. They take turns, and what counts
//! is the median of the rounds, of memory the most.

mod load;
mod row;
mod server;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::cores::Cores;
use crate::machine::{MachineTime, Surroundings};
use crate::process_cost::{cpu_seconds, peak_memory_mb};
use crate::report::{Report, median, share_below};
use load::Load;
use row::Row;
use server::{Kind, Server};

const ROUNDS: usize = 3;
const CONNECTIONS: usize = 32;
/// In which a program compiles and caches what it will.
const WARM_UP: Duration = Duration::from_secs(5);
const PERIOD: Duration = Duration::from_secs(15);

const LEAST_TIMES_AS_FAST: f64 = 10.0;
const LEAST_TIMES_AS_SMALL: f64 = 10.0;

pub(crate) async fn measure() -> Result<Report> {
    let cores = Cores::of_this_process()?;
    let (one, rest) = cores.one_and_rest().context("find a second core: the client needs one of its own")?;
    rest.keep(std::process::id())?;
    row::print_header();
    let mut rows = Vec::new();
    for _ in 0..ROUNDS {
        for kind in [Kind::Ours, Kind::NextJs] {
            let row = round(kind, &one).await.with_context(|| kind.name())?;
            row.print();
            rows.push(row);
        }
    }
    Ok(report(&rows))
}

async fn round(kind: Kind, core: &Cores) -> Result<Row> {
    let server = Server::start(kind, core).await?;
    let pid = server.id()?;
    let idle_mb = peak_memory_mb(pid)?;
    Load::run(server.address, CONNECTIONS, WARM_UP).await.context("warm up")?;
    // This process's time has that of the server in it.
    let both = || [pid, std::process::id()].map(cpu_seconds);
    let (cpu, machine, started) = (both(), MachineTime::read()?, Instant::now());
    let load = Load::run(server.address, CONNECTIONS, PERIOD).await?;
    let seconds = started.elapsed().as_secs_f64();
    let (after, machine) = (both(), MachineTime::read()?.since(&machine));
    let [of_server, of_all] = [0, 1].map(|which| after[which] - cpu[which]);
    let milliseconds = load.milliseconds();
    Ok(Row {
        kind,
        tokens: milliseconds.len(),
        seconds,
        cpu_percent: of_server / seconds * 100.0,
        p50_ms: share_below(&milliseconds, 0.5),
        p99_ms: share_below(&milliseconds, 0.99),
        idle_mb,
        peak_mb: peak_memory_mb(pid)?,
        surroundings: Surroundings::new(&machine, seconds, of_all / seconds * 100.0),
    })
}

fn report(rows: &[Row]) -> Report {
    let of = |kind: Kind, figure: fn(&Row) -> f64| {
        rows.iter().filter(|row| row.kind == kind).map(figure).collect::<Vec<_>>()
    };
    let middle = |figure: fn(&Row) -> f64| [Kind::Ours, Kind::NextJs].map(|kind| median(of(kind, figure)));
    let most = |figure: fn(&Row) -> f64| {
        [Kind::Ours, Kind::NextJs].map(|kind| of(kind, figure).into_iter().fold(f64::NAN, f64::max))
    };
    let mut report = Report::beside("web", "Next.js");
    let [ours, peers] = middle(Row::rate);
    report.rising_figure(
        "tokens on one core",
        "each second",
        ours,
        Some(peers),
        Some(peers * LEAST_TIMES_AS_FAST),
    );
    let [ours, peers] = middle(|row| row.p50_ms);
    report.figure("32 visitors at a time, p50", "ms", ours, Some(peers), None);
    let [ours, peers] = middle(|row| row.p99_ms);
    report.figure("32 visitors at a time, p99", "ms", ours, Some(peers), Some(peers));
    let [ours, peers] = most(|row| row.idle_mb);
    report.figure("memory before the first visitor", "MB RSS", ours, Some(peers), None);
    let [ours, peers] = most(|row| row.peak_mb);
    report.figure(
        "memory, the most under load",
        "MB RSS",
        ours,
        Some(peers),
        Some(peers / LEAST_TIMES_AS_SMALL),
    );
    report.detail("rows", rows.iter().map(Row::json).collect());
    report
}
