//! What it costs to compact a day of 1,000,000 small sessions, which the null store makes up: `sink-s3 compact`.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tests::environment::program;
use tests::stack::settings::queue_and_archive;
use tokio::process::Command;
use tokio::time::sleep;

use crate::null_store::{Behaviour, DATE, DaySize, NullStore};
use crate::process_cost::{cpu_seconds, peak_memory_mb};
use crate::report::Report;

/// Other than 1,000,000, for a quick look.
const SESSIONS: &str = "BENCH_SESSIONS";
const MILLION: usize = 1_000_000;
const POLL: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_secs(1_800);
const MB: f64 = 1024.0 * 1024.0;

pub(crate) async fn measure() -> Result<Report> {
    let sessions = match std::env::var(SESSIONS) {
        Ok(text) => text.trim().parse().with_context(|| format!("read {SESSIONS}"))?,
        Err(_) => MILLION,
    };
    let folder = tempfile::tempdir().context("make a temporary folder")?;
    let mut store = NullStore::start(folder.path(), Some(DaySize { sessions })).await?;
    store.begin(Behaviour { keeps_bodies: true, ..Behaviour::default() }).await?;

    let mut environment = queue_and_archive();
    environment.set("S3_ENDPOINT", store.endpoint());
    let log = folder.path().join("compact.log");
    let output = std::fs::File::create(&log).context("make log")?;
    let mut compact = Command::new(program("sink-s3")?)
        .args(["compact", "--day", DATE])
        .envs(environment.iter())
        .stdin(Stdio::null())
        .stdout(output.try_clone().context("share log")?)
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .context("start sink-s3 compact")?;
    let started = Instant::now();
    let pid = compact.id().context("find it")?;
    let (mut peak_mb, mut cpu) = (0.0, 0.0);
    let status = loop {
        if let Some(status) = compact.try_wait().context("wait for its end")? {
            break status;
        }
        // Both only grow; near its end they are gone.
        peak_mb = f64::max(peak_mb, peak_memory_mb(pid)?);
        cpu = f64::max(cpu, cpu_seconds(pid));
        if started.elapsed() > LIMIT {
            bail!("it did not end within {LIMIT:?}");
        }
        sleep(POLL).await;
    };
    let seconds = started.elapsed().as_secs_f64();
    if !status.success() {
        bail!("it ended with {status}:\n{}", std::fs::read_to_string(&log).unwrap_or_default());
    }
    let (counts, rows) = (store.counts().await?, store.parquet_rows().await?);
    let mut report = Report::new("compact");
    report.rising_figure("objects read", "count", counts.gets as f64, None, Some(sessions as f64));
    report.rising_figure("rows written", "count", rows as f64, None, Some(sessions as f64));
    report.figure("time", "s", seconds, None, None);
    report.figure("CPU of each session", "us", cpu / sessions as f64 * 1e6, None, None);
    report.figure("read", "MB", counts.bytes_read as f64 / MB, None, None);
    report.figure("written", "MB", counts.bytes as f64 / MB, None, None);
    report.figure("memory", "MB peak", peak_mb, None, Some(300.0));
    report.detail("store", serde_json::to_value(counts)?);
    Ok(report)
}
