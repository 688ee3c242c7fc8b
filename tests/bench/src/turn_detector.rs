//! What the model costs that hears whether a turn is over: the time of a decision on one thread, and memory.

use std::time::Instant;

use anyhow::{Context, Result};
use smart_turn::{Model, SAMPLE_RATE, WINDOW};
use test_servers::turn_detector_model;

use crate::process_cost::memory_mb;
use crate::report::{Report, share_below};
use crate::voice::sentence;

const DECISIONS: usize = 100;

/// In this process, so that its memory is what the agent has more.
pub(crate) fn measure() -> Result<Report> {
    let folder = tempfile::tempdir().context("make a folder")?;
    let sentence = sentence::make(folder.path())?;
    // As long as what it listens to at most.
    let third = (sentence.rate / SAMPLE_RATE) as usize;
    let heard: Vec<i16> = sentence.samples()?.iter().copied().cycle().step_by(third).take(WINDOW).collect();
    let pid = std::process::id();
    let before = memory_mb(pid)?;
    let model = Model::open(&turn_detector_model()).context("load the model: run «make tools»")?;
    let loaded = memory_mb(pid)?;
    let mut milliseconds = Vec::new();
    for decision in 0..DECISIONS {
        let started = Instant::now();
        // No two turns are the same.
        model.probability(&heard[decision * 100..])?;
        milliseconds.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    let used = memory_mb(pid)?;
    milliseconds.sort_by(f64::total_cmp);
    let mut report = Report::new("turn-detector");
    report.figure("a decision on one thread, p50", "ms", share_below(&milliseconds, 0.5), None, Some(100.0));
    report.figure("a decision on one thread, p95", "ms", share_below(&milliseconds, 0.95), None, Some(100.0));
    report.figure("memory, loaded", "MB PSS", loaded - before, None, Some(60.0));
    report.figure("memory, after 100 decisions", "MB PSS", used - before, None, Some(60.0));
    report.detail("milliseconds", milliseconds.into());
    Ok(report)
}
