//! What the Salesforce sink costs an org and how fast it is, beside what one would write with `simple_salesforce`
//! (`tests/python/salesforce_peer.py`): an upsert by address for each payload, or a look-up and an update for each; and the
//! call that does not exist.
//!
//! All drain the same stream of a real nats-server into the simulated Salesforce, which speaks TLS, starts anew for each run
//! with one Lead for each payload, and counts the calls. A run is over when every message is acked; then each Lead has to
//! show session, second and tier of its payload, and no record may be new. What counts is the median of the runs of a
//! scenario, of calls and memory the most.
//!
//! API calls are all that an org counts, descriptions of its objects included; tokens are no API calls and stand apart. The
//! rate is from the first delivery to the last ack, CPU is user and system time of the program in between, memory its peak
//! since it was started (`VmHWM`).
//!
//! With 100 ms a call, and 500 ms, the servers hardly take part in the result: no Salesforce is as near as the loopback. At
//! last payloads come one at a time, to a program that has nothing else to do.

mod alone;
mod drain;
mod lead;
mod no_such_call;
mod org;
mod row;
mod scenario;

use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result};
use test_servers::free_port;
use tests::environment::{Environment, program};
use tests::process::Process;
use tests::sink_servers::SinkServers;

use self::alone::Alone;
use self::org::Org;
use self::row::{Middle, Row};
use self::scenario::{FAR_200, FAR_1000, NEAR_1000, NEAR_10000, PAYLOADS, Runner, SCENARIOS, SLOW_1000};
use crate::queue::Queue;
use crate::report::Report;

/// Two descriptions; then a look-up and an update for each 200 payloads.
const MOST_API_CALLS: f64 = 12.0;
const LONGEST_ALONE: f64 = 2.0;

struct Bench {
    servers: SinkServers,
    queue: Queue,
    /// What is in the stream.
    filled: Range<usize>,
    environment: Environment,
}

pub(crate) async fn measure() -> Result<Report> {
    let mut bench = Bench::start().await?;
    row::print_header();
    let mut rows = Vec::new();
    for scenario in &SCENARIOS {
        for _ in 0..scenario.rounds {
            for &runner in scenario.runners {
                let row = drain::drain(&mut bench, scenario, runner).await;
                let row = row.with_context(|| format!("{}, {}", scenario.name, runner.name()))?;
                row.print();
                rows.push(row);
            }
        }
    }
    let no_such_call = no_such_call::try_it(&mut bench).await.context("try update_by_external_id")?;
    no_such_call.print();
    let ours = alone::ours(&mut bench).await.context("one at a time, ours")?;
    ours.print();
    let peers = alone::peers(&mut bench).await.context("one at a time, upsert")?;
    peers.print();
    row::print_middles(&rows, &SCENARIOS);
    let mut report = report(&rows, &ours, &peers);
    report.detail("update_by_external_id", no_such_call.json());
    Ok(report)
}

impl Bench {
    async fn start() -> Result<Self> {
        let servers = SinkServers::start().await?;
        let folder = servers.folder.path();
        let mut environment = servers.environment.clone();
        org::introduce(&mut environment, folder)?;
        environment.set("SINK_SALESFORCE_HTTP", format!("127.0.0.1:{}", free_port()));
        let setup =
            Process::new(program("sink-salesforce")?, &[], &environment, folder.join("salesforce-setup.log"));
        setup.run(&["setup"])?;
        let queue = Queue::open(environment.get("NATS_URL")?, "sink-salesforce").await?;
        Ok(Self { servers, queue, filled: 0..0, environment })
    }

    /// Has just these payloads in the stream.
    async fn fill(&mut self, payloads: Range<usize>) -> Result<()> {
        if self.filled != payloads {
            self.queue.fill(PAYLOADS, payloads.clone()).await?;
            self.filled = payloads;
        }
        Ok(())
    }

    /// With a Lead for each of these payloads.
    async fn org(&self, payloads: Range<usize>, latency: Duration) -> Result<Org> {
        Org::start(&self.environment, self.servers.folder.path(), payloads, latency).await
    }
}

fn report(rows: &[Row], alone: &Alone, peers_alone: &Alone) -> Report {
    let mut report = Report::new("salesforce");
    let [ours, upsert, look_up] =
        [Runner::Ours, Runner::Upsert, Runner::LookUp].map(|runner| Middle::of(rows, NEAR_1000, runner));
    let [many, far, slow] =
        [NEAR_10000, FAR_1000, SLOW_1000].map(|scenario| Middle::of(rows, scenario, Runner::Ours));
    let [far_upsert, far_look_up] =
        [Runner::Upsert, Runner::LookUp].map(|runner| Middle::of(rows, FAR_200, runner));
    let calls = ours.api_calls.max(far.api_calls).max(slow.api_calls);
    let aim = Some(MOST_API_CALLS);
    report.figure("1,000 queued, beside upsert", "API calls", calls, Some(upsert.api_calls), aim);
    report.figure("1,000 queued, beside look-ups", "API calls", calls, Some(look_up.api_calls), aim);
    report.figure(
        "1,000 queued, start to all written",
        "s",
        ours.whole_seconds,
        Some(upsert.whole_seconds),
        None,
    );
    report.rising_figure("0 ms a call, beside upsert", "payloads/s", many.rate, Some(upsert.rate), None);
    report.rising_figure("0 ms a call, beside look-ups", "payloads/s", many.rate, Some(look_up.rate), None);
    report.rising_figure("100 ms a call, beside upsert", "payloads/s", far.rate, Some(far_upsert.rate), None);
    report.rising_figure(
        "100 ms a call, beside look-ups",
        "payloads/s",
        far.rate,
        Some(far_look_up.rate),
        None,
    );
    report.figure("CPU of each", "us", many.cpu, Some(upsert.cpu), None);
    report.figure("memory", "MB peak", many.peak_mb.max(ours.peak_mb), Some(upsert.peak_mb), None);
    let sum = |runner: Runner, count: fn(&Row) -> u64| {
        rows.iter().filter(|row| row.runner == runner.name()).map(count).sum::<u64>() as f64
    };
    let not_written: fn(&Row) -> u64 = |row| row.seen.not_written;
    let created: fn(&Row) -> u64 = |row| row.seen.created;
    for (name, count) in [("not written, all runs", not_written), ("created, all runs", created)] {
        report.figure(name, "Leads", sum(Runner::Ours, count), Some(sum(Runner::Upsert, count)), Some(0.0));
    }
    report.figure("alone, 100 ms a call, p50", "s", alone.middle(), Some(peers_alone.middle()), None);
    report.figure(
        "alone, 100 ms a call, worst",
        "s",
        alone.worst(),
        Some(peers_alone.worst()),
        Some(LONGEST_ALONE),
    );
    report.detail("rows", rows.iter().map(Row::json).collect());
    report.detail("alone", [alone, peers_alone].map(Alone::json).to_vec().into());
    report
}
