//! Faults that meet: a stack of real processes, callers, and a seeded schedule of what goes wrong. At the end all of it is undone,
//! everything comes to its end, and an audit looks whether anything was lost.
//!
//! `schedule` says what happens when and `audit` what became of it; both are functions of values. `stage` has the processes, with a
//! `proxy` before each server that may be out of reach; `injection` brings the faults about; `calls` are the callers; `evidence` looks
//! at logs, archive, Salesforce, streams and spools; `report` tells.

pub mod audit;
mod calls;
mod chance;
pub mod disk;
mod evidence;
pub mod facts;
pub mod fault;
mod injection;
pub mod levels;
pub mod process;
pub mod proxy;
pub mod queue;
pub mod report;
pub mod schedule;
pub mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::Utc;
use test_servers::{SteppedClock, copy_folder};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use self::audit::{Kind, audit};
use self::disk::Disk;
use self::facts::{Struck, Try};
use self::fault::{Fault, Link, Part};
use self::report::Report;
use self::schedule::Strike;
pub use self::stage::Worker;
use self::stage::{Cast, Stage};

/// What is run.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub calls: usize,
    pub faults: usize,
    /// Of which kinds.
    pub kinds: Vec<Fault>,
    /// In which calls are placed and faults begin.
    pub period: Duration,
    pub calls_at_a_time: usize,
    /// Longest that everything may take to come to its end when all faults are undone.
    pub drain_limit: Duration,
    pub worker: Worker,
    /// Three nats-servers that keep the same streams, of which faults strike the leader, and not one alone.
    pub cluster: bool,
    /// Whether our programs must hold no more at the end than in the middle, which only means something without faults.
    pub level: bool,
    /// Where all files are; what is there is removed. Of a run that finds nothing only the report and the logs are kept.
    pub folder: PathBuf,
}

/// How often processes that ended by themselves are looked for.
const SUPERVISION: Duration = Duration::from_millis(500);
/// The job of a peer ends with its room, 20 s after the caller has left it, and nothing tells when it has published.
const PEER_PUBLISHES_WITHIN: Duration = Duration::from_secs(60);
/// Before a fault that could not be undone is tried to be again.
const UNDO_AGAIN: Duration = Duration::from_secs(2);

/// Runs it, writes its report, and says what was found.
///
/// # Errors
/// It could not be run to its end, which says nothing of what would have been found.
pub async fn run(plan: &Plan) -> Result<Report> {
    crate::install_tls();
    let started = Instant::now();
    let spool = stage::spool(&plan.folder);
    if plan.folder.exists() {
        // A run that was killed leaves its disk mounted.
        disk::unmount(&spool);
        std::fs::remove_dir_all(&plan.folder).context("remove what an earlier run left")?;
    }
    let disk = Disk::mount(&spool)?;
    let is_set = plan.kinds.iter().any(|fault| fault.steps_the_clock());
    let clock = is_set.then(|| SteppedClock::new(&plan.folder).ok()).flatten();
    let (mut kinds, mut left_out) = (plan.kinds.clone(), Vec::new());
    let mut leave_out = |what: fn(&Fault) -> bool, why: &str| {
        let out = kinds.extract_if(.., |fault| what(fault));
        left_out.extend(out.map(|fault| format!("left out: {fault}, because {why}")));
    };
    if disk.is_none() {
        leave_out(|fault| *fault == Fault::DiskFull, "this machine does not let us mount one");
    }
    if clock.is_none() {
        leave_out(|fault| fault.steps_the_clock(), "there is no C compiler to make one with");
    }
    let mut calls = schedule::calls(plan.seed, plan.calls, plan.period);
    if plan.worker == Worker::Peer {
        // It hears, and reads nothing.
        calls.iter_mut().for_each(|call| call.speaks = true);
    }
    let strikes = schedule::faults(plan.seed, plan.faults, plan.period, &kinds);
    let people: BTreeSet<String> = calls.iter().map(|call| call.email.clone()).collect();
    let people: Vec<String> = people.into_iter().collect();

    let links = [Link::Nats, Link::S3, Link::Salesforce];
    let cast = Cast {
        people: &people,
        worker: plan.worker,
        is_clustered: plan.cluster,
        links: &links,
        settings: &[],
        tells_tasks: plan.level,
    };
    let mut stage = Stage::start(&plan.folder, disk, clock, &cast).await?;
    let environment = Arc::new(stage.environment.clone());
    let placed = tokio::spawn(calls::place(environment, calls, plan.calls_at_a_time));
    let (tries, faults) = strike(&mut stage, &strikes, placed).await?;
    settle(&mut stage).await?;
    if plan.worker == Worker::Peer {
        sleep(PEER_PUBLISHES_WITHIN).await;
    }
    let left = evidence::drained(&mut stage, plan.drain_limit).await?;
    let mut facts = evidence::collect(&stage, left).await?;
    (facts.tries, facts.faults) = (tries, faults);

    let mut violations = audit(&facts);
    if plan.worker == Worker::Peer {
        // Its payloads are its own.
        violations.retain(|violation| matches!(violation.kind, Kind::Lost | Kind::Duplicated));
    }
    let levels = stage.levels.rows();
    if plan.level {
        let grown =
            levels.iter().filter(|level| Part::OURS.iter().any(|part| part.to_string() == level.process));
        violations.extend(audit::grown(grown));
    }
    let report = Report::new(plan.seed, plan.calls, started.elapsed(), left_out, facts, levels, violations);
    report.write(&plan.folder)?;
    keep(stage, report.is_clean())?;
    Ok(report)
}

/// Brings the faults about, each at its time, undoes each after its own, and waits for the last caller.
async fn strike(
    stage: &mut Stage,
    strikes: &[Strike],
    calls: JoinHandle<Vec<Try>>,
) -> Result<(Vec<Try>, Vec<Struck>)> {
    let started = Instant::now();
    let mut due: BTreeMap<(Duration, usize), bool> =
        strikes.iter().enumerate().map(|(number, strike)| ((strike.at, number), true)).collect();
    let mut struck = BTreeMap::<usize, Struck>::new();
    while !due.is_empty() || !calls.is_finished() {
        stage.supervise()?;
        stage.look().await;
        let now = started.elapsed();
        let Some(((at, number), begins)) = due.first_key_value().map(|(key, begins)| (*key, *begins)) else {
            sleep(SUPERVISION).await;
            continue;
        };
        if now < at {
            sleep((at - now).min(SUPERVISION)).await;
            continue;
        }
        due.pop_first();
        let Strike { fault, lasts, .. } = strikes[number];
        if begins {
            let began = Utc::now();
            let trouble = refused(fault, stage.begin(number, fault).await)?;
            struck.insert(number, Struck { fault, began, ended: began, trouble });
            due.insert((at + lasts, number), false);
        } else {
            let trouble = refused(fault, stage.end(number, fault).await)?;
            if trouble.is_some() {
                due.insert((now + UNDO_AGAIN, number), false);
            }
            if let Some(struck) = struck.get_mut(&number) {
                struck.ended = Utc::now();
                struck.trouble = trouble.or(struck.trouble.take());
            }
        }
    }
    let tries = calls.await.context("place the calls")?;
    Ok((tries, struck.into_values().collect()))
}

/// Why a server did not do its part in a fault; whatever else does not work ends the run.
fn refused(fault: Fault, done: Result<()>) -> Result<Option<String>> {
    match done {
        Err(error) if fault.asks_a_server() => Ok(Some(format!("{error:#}"))),
        done => done.map(|()| None).with_context(|| fault.to_string()),
    }
}

/// Has every spool's worker run, so that what it holds comes to its end, and waits until all are ready.
async fn settle(stage: &mut Stage) -> Result<()> {
    stage.second_worker.start()?;
    // One that was draining ends first, and is started again.
    stage.supervise()?;
    for process in stage.parts.values() {
        process.ready().await?;
    }
    Ok(())
}

/// Ends all processes, and keeps what tells how a violation came about.
fn keep(mut stage: Stage, clean: bool) -> Result<()> {
    let folder = stage.folder.clone();
    if !clean {
        copy_folder(&stage::spool(&folder), &folder.join("spool")).context("keep the spool")?;
    }
    stage.power_cuts.clear();
    drop(stage);
    if clean {
        std::fs::remove_dir_all(folder.join("data"))
            .context("remove the data of a run that found nothing")?;
    }
    Ok(())
}
