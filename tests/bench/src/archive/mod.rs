//! What the archive sink costs and how fast it is, beside two others that do the same: a sink as one would write it in Python
//! (`tests/python/archive_peer.py`), and `nats-sinks` from PyPI, which puts one object at a time and writes the JSON anew.
//!
//! All drain the same stream of a real nats-server, in turns, three times each: into the null store, which takes objects at
//! once or after a latency, or refuses some, and into SeaweedFS. What counts is the median of the three. In the same turns
//! the servers show what they can do without a sink: the same objects put from memory, and messages that are only acked.
//!
//! The servers have the same cores as the sinks, so a rate is that of the machine, and only rates of one run compare. Only
//! SeaweedFS, a store with work of its own, has half of the cores to itself, as it would on another machine: what a program
//! spends would be taken from the store's ceiling otherwise. CPU is user and system time of the program during the drain,
//! memory its peak since it was started (`VmHWM`).
//!
//! With 25 ms there are also two of our sink, which share the consumer: there the wait is the limit and not the cores.
//!
//! Then our sink is killed twenty times in one drain, and told to stop in the middle of another: the null store knows what
//! was lost, what was too much, and what had other bytes.

mod drain;
pub(crate) mod raw;
mod row;
mod safety;
mod scenario;
mod sinks;
pub(crate) mod traced;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::environment::Environment;
use tests::sink_servers::SinkServers;

use self::row::{Middle, Row};
use self::safety::{Killed, Stopped};
use self::scenario::{Runner, SCENARIOS, Scenario, Store};
use crate::cores::Cores;
use crate::null_store::{Compared, NullStore};
use crate::queue::Queue;
use crate::report::Report;

/// Sessions of the longest run instead of 20,000; the others shrink with it. For a quick look.
const SESSIONS: &str = "BENCH_SESSIONS";
const ROUNDS: usize = 3;
const FEWEST: usize = 100;
/// Puts a second with 64 in flight and 25 ms each.
const LIMIT_25_MS: f64 = 64.0 / 0.025;

/// Name of our sink, and of the consumer that all of them share.
const SINK: &str = "sink-s3";

struct Bench {
    servers: SinkServers,
    null_store: NullStore,
    queue: Queue,
    /// Of the sessions that a scenario has.
    share: f64,
}

pub(crate) async fn measure() -> Result<Report> {
    let mut bench = Bench::start().await?;
    row::print_header();
    let (mut rows, mut safety, mut in_stream) = (Vec::new(), None, Vec::new());
    let groups = SCENARIOS.chunk_by(|one, other| one.payloads.bytes == other.payloads.bytes);
    for group in groups {
        let most = group.iter().map(|scenario| bench.sessions(scenario.runners[0].1)).max();
        let payloads = group[0].payloads;
        let published = bench.queue.fill(payloads, 0..most.unwrap_or_default()).await?;
        let bytes = bench.queue.bytes_each().await?;
        println!("stream: {published:.0} published each second, {bytes:.0} bytes each");
        in_stream.push(json!({
            "payload_bytes": payloads.bytes, "stream_bytes": bytes, "published_per_second": published,
        }));
        for scenario in group {
            rows.extend(runs(&mut bench, scenario).await.with_context(|| scenario.name)?);
        }
        if payloads.bytes == scenario::SMALL.bytes {
            let killed = safety::kill_again_and_again(&mut bench).await.context("kill it again and again")?;
            killed.print();
            let stopped = safety::stop_in_the_middle(&mut bench).await.context("stop it in the middle")?;
            stopped.print();
            safety = Some((killed, stopped));
        }
    }
    row::print_middles(&rows, &SCENARIOS);
    let (killed, stopped) = safety.context("there are no small payloads")?;
    let mut report = report(&rows, &killed, &stopped);
    report.detail("stream", in_stream.into());
    Ok(report)
}

impl Bench {
    async fn start() -> Result<Self> {
        let share = share()?;
        let servers = SinkServers::start().await?;
        let null_store = NullStore::start(servers.folder.path(), None).await?;
        let mut bench_environment = servers.environment.clone();
        bench_environment.set("S3_ENDPOINT", null_store.endpoint());
        servers.set_up(&bench_environment)?;
        let queue = Queue::open(servers.environment.get("NATS_URL")?, SINK).await?;
        Ok(Self { servers, null_store, queue, share })
    }

    /// What the programs are told.
    fn environment(&self, store: Store) -> Environment {
        let mut environment = self.servers.environment.clone();
        if let Store::Null(_) = store {
            environment.set("S3_ENDPOINT", self.null_store.endpoint());
        }
        environment
    }

    /// What is measured here, and what is started from now on.
    fn keep_to(&self, cores: &Cores) -> Result<()> {
        cores.keep(self.servers.nats.id().context("find nats-server")?)?;
        cores.keep(std::process::id())
    }

    fn sessions(&self, planned: usize) -> usize {
        ((planned as f64 * self.share) as usize).max(FEWEST.min(planned))
    }
}

fn share() -> Result<f64> {
    let Ok(text) = std::env::var(SESSIONS) else { return Ok(1.0) };
    let sessions: f64 = text.trim().parse().with_context(|| format!("read {SESSIONS}"))?;
    let planned = SCENARIOS[0].runners[0].1 as f64;
    ensure!((FEWEST as f64..=planned).contains(&sessions), "{SESSIONS} is between {FEWEST} and {planned}");
    Ok(sessions / planned)
}

async fn runs(bench: &mut Bench, scenario: &Scenario) -> Result<Vec<Row>> {
    let seaweedfs = matches!(scenario.store, Store::SeaweedFs);
    let cores = Cores::of_this_process()?;
    if seaweedfs {
        bench.servers.start_s3().await?;
        if let Some((ours, others)) = cores.halves() {
            bench.keep_to(&ours)?;
            others.keep(bench.servers.s3.id().context("find SeaweedFS")?)?;
        }
        bench.servers.set_up(&bench.environment(scenario.store))?;
        // It makes its volumes with the first objects, and refuses them until then.
        drain::drain(bench, scenario, Runner::OURS, FEWEST).await.context("warm up")?;
    }
    let mut rows = Vec::new();
    for _ in 0..ROUNDS {
        for &(runner, planned) in scenario.runners {
            let sessions = bench.sessions(planned);
            let row = drain::drain(bench, scenario, runner, sessions).await.context(runner.name())?;
            row.print();
            rows.push(row);
        }
    }
    if seaweedfs {
        bench.servers.stop_s3()?;
        bench.keep_to(&cores)?;
    }
    Ok(rows)
}

fn report(rows: &[Row], killed: &Killed, stopped: &Stopped) -> Report {
    let mut report = Report::new("archive");
    let ours = |scenario| Middle::of(rows, scenario, Runner::OURS);
    let python = |scenario| Middle::of(rows, scenario, Runner::PYTHON);
    let (near, peer) = (ours(scenario::NEAR_4K), python(scenario::NEAR_4K));
    report.rising_figure("4 KB", "sessions/s", near.rate, Some(peer.rate), Some(12.0 * peer.rate));
    report.figure("4 KB, CPU of each", "us", near.cpu, Some(peer.cpu), Some(250.0));
    report.figure("4 KB, memory", "MB peak", near.peak_mb, Some(peer.peak_mb), Some(25.0));
    let far = ours(scenario::FAR_4K);
    let peer = python(scenario::FAR_4K);
    report.rising_figure(
        "4 KB, 25 ms, 64 in flight",
        "sessions/s",
        far.rate,
        Some(peer.rate),
        Some(0.85 * LIMIT_25_MS),
    );
    let two = Middle::of(rows, scenario::FAR_4K, Runner::Replicas);
    report.rising_figure("the same, two replicas", "sessions/s", two.rate, None, None);
    let (large, peer) = (ours(scenario::FAR_200K), python(scenario::FAR_200K));
    report.rising_figure("200 KB, 25 ms", "sessions/s", large.rate, Some(peer.rate), None);
    report.figure("200 KB, 25 ms, memory", "MB peak", large.peak_mb, Some(peer.peak_mb), Some(48.0));
    report.figure(
        "200 KB, 25 ms, redelivered",
        "count",
        large.redelivered,
        Some(peer.redelivered),
        Some(0.0),
    );
    let (seaweedfs, peer) = (ours(scenario::SEAWEEDFS_4K), python(scenario::SEAWEEDFS_4K));
    let ceiling = Middle::of(rows, scenario::SEAWEEDFS_4K, Runner::RawPuts).rate;
    report.rising_figure(
        "4 KB, SeaweedFS",
        "sessions/s",
        seaweedfs.rate,
        Some(peer.rate),
        Some(0.9 * ceiling),
    );
    let (refusing, peer) = (ours(scenario::REFUSING_4K), python(scenario::REFUSING_4K));
    report.rising_figure("4 KB, 20 % 503", "sessions/s", refusing.rate, Some(peer.rate), Some(1_000.0));
    let lost = row::compared(rows, scenario::REFUSING_4K).map_or(f64::NAN, |compared| compared.lost as f64);
    report.figure("4 KB, 20 % 503, lost", "count", lost, None, Some(0.0));
    safety_figures(&mut report, killed, stopped);
    report.detail("rows", rows.iter().map(Row::json).collect());
    report.detail("killed", killed.json());
    report.detail("stopped", stopped.json());
    report
}

fn safety_figures(report: &mut Report, killed: &Killed, stopped: &Stopped) {
    let Compared { lost, extra, differing } = killed.compared;
    report.figure("killed 20 times, lost", "count", lost as f64, None, Some(0.0));
    report.figure("killed 20 times, extra keys", "count", extra as f64, None, Some(0.0));
    report.figure("killed 20 times, differing bytes", "count", differing as f64, None, Some(0.0));
    report.figure("SIGTERM to the end", "s", stopped.seconds, None, Some(1.0));
    report.figure("SIGTERM, redelivered", "count", stopped.redelivered as f64, None, Some(0.0));
}
