//! `make chaos`: a thousand calls while everything fails that can, and an audit of what became of them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command that says what it found")]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use test_servers::workspace;
use tests::chaos::fault::{Fault, Part};
use tests::chaos::{Plan, Worker, run};
use tokio::signal::unix::{SignalKind, signal};

/// Places calls while a seeded schedule of faults strikes, and tells whether anything was lost, doubled or wrong.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Which schedule; the same seed is the same schedule.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many calls.
    #[arg(long, default_value_t = 1_000, default_value_ifs([("agent_kills", "true", "60"), ("soak", "true", "900")]))]
    calls: usize,
    /// How many faults.
    #[arg(long, default_value_t = 100, default_value_ifs([("agent_kills", "true", "8"), ("soak", "true", "0")]))]
    faults: usize,
    /// Time between two calls, milliseconds; more, where there are too many at a time.
    #[arg(long, default_value_t = 1_500, default_value_ifs([("agent_kills", "true", "3000"), ("soak", "true", "2000")]))]
    call_interval_ms: u64,
    /// Most calls at a time.
    #[arg(long, default_value_t = 10)]
    calls_at_a_time: usize,
    /// Longest that everything may take to come to its end when all faults are undone, seconds.
    #[arg(long, default_value_t = 900)]
    drain_limit_seconds: u64,
    /// Three nats-servers that keep the same streams, of which faults strike the leader.
    #[arg(long)]
    cluster: bool,
    /// Power cuts are left out.
    #[arg(long)]
    without_power_cuts: bool,
    /// The agent is killed, and nothing else happens.
    #[arg(long)]
    agent_kills: bool,
    /// Nothing happens but calls, and our programs must hold no more at the end than in the middle: memory, files, threads,
    /// tasks.
    #[arg(long, conflicts_with_all = ["agent_kills", "faults"])]
    soak: bool,
    /// A worker of the Python framework takes the calls.
    #[arg(long, requires = "agent_kills")]
    peer: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match chaos(&Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn chaos(cli: &Cli) -> Result<ExitCode> {
    let plan = cli.plan();
    println!(
        "{} calls and {} faults within {} s, then until everything has come to its end",
        plan.calls,
        plan.faults,
        plan.period.as_secs()
    );
    let (mut terminated, mut interrupted) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // Whatever ends it, the processes that it started end with it.
    let report = tokio::select! {
        report = run(&plan) => report?,
        _ = terminated.recv() => return Ok(ExitCode::FAILURE),
        _ = interrupted.recv() => return Ok(ExitCode::FAILURE),
    };
    println!("{}", report.table());
    println!("written to {}", plan.folder.join("report.json").display());
    let clean = report.is_clean() || plan.worker == Worker::Peer;
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Cli {
    fn plan(&self) -> Plan {
        let worker = if self.peer { Worker::Peer } else { Worker::Ours };
        let mut kinds = if self.agent_kills { vec![Fault::Kill(Part::Agent)] } else { Fault::all() };
        kinds.retain(|fault| !self.without_power_cuts || *fault != Fault::PowerCut);
        let calls = u32::try_from(self.calls).unwrap_or(u32::MAX);
        Plan {
            seed: self.seed,
            calls: self.calls,
            faults: self.faults,
            kinds,
            period: Duration::from_millis(self.call_interval_ms) * calls,
            calls_at_a_time: self.calls_at_a_time,
            drain_limit: Duration::from_secs(self.drain_limit_seconds),
            worker,
            cluster: self.cluster,
            level: self.soak,
            folder: workspace().join(".run/chaos").join(self.folder()),
        }
    }

    fn folder(&self) -> String {
        let kind = if self.agent_kills {
            "kills-"
        } else if self.soak {
            "soak-"
        } else {
            ""
        };
        let cluster = if self.cluster { "cluster-" } else { "" };
        let peer = if self.peer { "peer-" } else { "" };
        format!("{kind}{cluster}{peer}{}", self.seed)
    }
}
