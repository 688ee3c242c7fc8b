//! What a run has shown: a table for people, and files for everybody else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::audit::{Kind, Violation, begun};
use super::facts::Facts;
use super::levels::Level;

/// In the table; `report.json` has all of them.
const VIOLATIONS_SHOWN: usize = 20;

/// The outcome of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    pub seconds: u64,
    pub figures: Figures,
    /// How often each fault happened.
    pub faults: BTreeMap<String, usize>,
    /// What could not happen on this machine, and why.
    pub left_out: Vec<String>,
    /// What the processes held in the middle third of the time, and in the last one.
    pub levels: Vec<Level>,
    pub violations: Vec<Violation>,
    #[serde(skip)]
    pub facts: Facts,
}

#[derive(Debug, Serialize)]
pub struct Figures {
    pub calls: usize,
    /// Those who got no agent tried again.
    pub tries: usize,
    /// Calls that an agent came to, at one of their tries.
    pub answered: usize,
    pub faults: usize,
    pub jobs: usize,
    pub objects: usize,
    pub lost: usize,
    pub unanswered: usize,
    pub duplicated: usize,
    pub wrong: usize,
    pub wrong_leads: usize,
    pub dead_letters: usize,
    pub left: usize,
    pub failed: usize,
    /// Sessions of agents that died, which another process has ended.
    pub recovered: usize,
    /// From the moment at which a caller left to the object, seconds.
    pub longest_delay: i64,
}

impl Report {
    pub(super) fn new(
        seed: u64,
        calls: usize,
        took: Duration,
        left_out: Vec<String>,
        facts: Facts,
        levels: Vec<Level>,
        violations: Vec<Violation>,
    ) -> Self {
        let mut faults = BTreeMap::<String, usize>::new();
        for struck in &facts.faults {
            *faults.entry(struck.fault.to_string()).or_default() += 1;
        }
        let figures = figures(calls, &facts, &violations);
        Self { seed, seconds: took.as_secs(), figures, faults, left_out, levels, violations, facts }
    }

    /// Whether nothing was found that should not be.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// For a person.
    pub fn table(&self) -> String {
        let Figures { calls, tries, answered, faults, jobs, objects, recovered, longest_delay, .. } =
            self.figures;
        let mut lines = vec![format!(
            "seed {}: {calls} calls, {faults} faults, {} min {} s",
            self.seed,
            self.seconds / 60,
            self.seconds % 60
        )];
        lines.extend(self.faults.iter().map(|(fault, times)| format!("  {fault:<38} {times:>6}")));
        lines.extend(self.left_out.iter().map(|what| format!("  {what}")));
        let figures = &self.figures;
        for (name, figure) in [
            ("tries of these calls", tries),
            ("calls that an agent came to", answered),
            ("jobs that had begun", jobs),
            ("objects", objects),
            ("of these, recovered", recovered),
            ("lost", figures.lost),
            ("calls without any object", figures.unanswered),
            ("duplicated", figures.duplicated),
            ("not what the caller did", figures.wrong),
            ("Leads without their newest call", figures.wrong_leads),
            ("dead letters", figures.dead_letters),
            ("left on the way", figures.left),
            ("programs that failed", figures.failed),
        ] {
            lines.push(format!("{name:<40} {figure:>6}"));
        }
        lines.push(format!("{:<40} {longest_delay:>6} s", "longest from hang-up to object"));
        if self.faults.is_empty() {
            lines.push(format!(
                "{:<22} {:>20} {:>14} {:>12} {:>14}",
                "holds, middle and end", "memory, MiB", "open files", "threads", "tasks"
            ));
            lines.extend(self.levels.iter().map(level));
        }
        let shown = self.violations.iter().take(VIOLATIONS_SHOWN);
        lines.extend(shown.map(|one| format!("  {:?}: {}", one.kind, one.what)));
        lines.join("\n")
    }

    /// Writes `report.json`, and the facts beside it.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let report = serde_json::to_string_pretty(self).context("encode the report")?;
        std::fs::write(folder.join("report.json"), report).context("write report.json")?;
        let facts = serde_json::to_string_pretty(&self.facts).context("encode the facts")?;
        std::fs::write(folder.join("facts.json"), facts).context("write facts.json")
    }
}

fn level(level: &Level) -> String {
    let Level { process, memory_bytes, files, threads, tasks } = level;
    let two = |[middle, last]: [f64; 2]| format!("{middle:.1} {last:.1}");
    let memory = two(memory_bytes.map(|bytes| bytes / 1_048_576.0));
    let tasks = tasks.map(two).unwrap_or_default();
    format!("  {process:<20} {memory:>20} {:>14} {:>12} {tasks:>14}", two(*files), two(*threads))
}

fn figures(calls: usize, facts: &Facts, violations: &[Violation]) -> Figures {
    let of_kind = |kind| violations.iter().filter(|one| one.kind == kind).count();
    let answered: BTreeSet<usize> =
        facts.tries.iter().filter(|one| !one.jobs.is_empty()).map(|one| one.call).collect();
    let delays = facts.objects.iter().filter_map(|object| {
        let call =
            facts.tries.iter().find(|one| one.room.as_deref() == object.payload["session_id"].as_str())?;
        Some((object.stored - call.left?).num_seconds())
    });
    let recovered = facts.objects.iter().filter(|object| object.payload["end_reason"] == "agent_recovered");
    Figures {
        calls,
        tries: facts.tries.len(),
        answered: answered.len(),
        faults: facts.faults.len(),
        jobs: begun(facts).len(),
        objects: facts.objects.len(),
        lost: of_kind(Kind::Lost),
        unanswered: of_kind(Kind::Unanswered),
        duplicated: of_kind(Kind::Duplicated),
        wrong: of_kind(Kind::Wrong),
        wrong_leads: of_kind(Kind::WrongLead),
        dead_letters: of_kind(Kind::DeadLetter),
        left: of_kind(Kind::Left),
        failed: of_kind(Kind::Failed),
        recovered: recovered.count(),
        longest_delay: delays.max().unwrap_or_default(),
    }
}
