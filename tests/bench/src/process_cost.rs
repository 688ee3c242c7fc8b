//! Memory and processor time of a process and its descendants, from `/proc`.

use std::fs::read_to_string;
use std::time::Duration;

use anyhow::{Context, Result};

/// Proportional set size in MB: memory shared between processes counts once.
pub(crate) fn memory_mb(pid: u32) -> Result<f64> {
    let mut kilobytes = 0.0;
    for pid in family(pid) {
        // A process can end while we look.
        let Ok(rollup) = read_to_string(format!("/proc/{pid}/smaps_rollup")) else { continue };
        let line = rollup.lines().find(|line| line.starts_with("Pss:")).context("find Pss")?;
        kilobytes += line.split_whitespace().nth(1).context("read Pss")?.parse::<f64>()?;
    }
    Ok(kilobytes / 1024.0)
}

/// The most memory that a process and its descendants had since their start, in MB, each by itself: what they share counts
/// for each, as does what they had at different times.
pub(crate) fn peak_memory_mb(pid: u32) -> Result<f64> {
    let mut kilobytes = 0.0;
    for pid in family(pid) {
        // A process can end while we look.
        let Ok(status) = read_to_string(format!("/proc/{pid}/status")) else { continue };
        let Some(line) = status.lines().find(|line| line.starts_with("VmHWM:")) else { continue };
        kilobytes += line.split_whitespace().nth(1).context("read VmHWM")?.parse::<f64>()?;
    }
    Ok(kilobytes / 1024.0)
}

/// Share of a core in percent over `period`.
pub(crate) async fn cpu_percent(pid: u32, period: Duration) -> Result<f64> {
    let before = cpu_seconds(pid);
    tokio::time::sleep(period).await;
    Ok((cpu_seconds(pid) - before) / period.as_secs_f64() * 100.0)
}

/// User and system time so far, that of children which have ended included.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    // Linux counts in ticks of 10 ms on every platform that we know of (USER_HZ).
    const TICKS_PER_SECOND: f64 = 100.0;
    let ticks = |pid: u32| -> Option<f64> {
        let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The program's name is in parentheses and can hold spaces.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        fields.get(11..15)?.iter().map(|field| field.parse::<f64>().ok()).sum()
    };
    family(pid).into_iter().filter_map(ticks).sum::<f64>() / TICKS_PER_SECOND
}

fn family(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = read_to_string(task.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        next += 1;
    }
    family
}
