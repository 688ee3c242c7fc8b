//! A table of figures with their aims.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use test_servers::workspace;

/// What was measured, by one benchmark.
pub(crate) struct Report {
    name: &'static str,
    figures: Vec<Figure>,
    details: Map<String, Value>,
}

struct Figure {
    name: &'static str,
    unit: &'static str,
    ours: f64,
    peer: Option<f64>,
    at_most: Option<f64>,
}

impl Figure {
    fn met(&self) -> bool {
        self.at_most.is_none_or(|aim| self.ours <= aim)
    }

    fn ratio(&self) -> Option<f64> {
        self.peer.map(|peer| peer / self.ours)
    }
}

impl Report {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, figures: Vec::new(), details: Map::new() }
    }

    /// Adds a figure; smaller is better, and `at_most` is the aim.
    pub(crate) fn figure(
        &mut self,
        name: &'static str,
        unit: &'static str,
        ours: f64,
        peer: Option<f64>,
        at_most: Option<f64>,
    ) {
        self.figures.push(Figure { name, unit, ours, peer, at_most });
    }

    /// Adds what the figures were computed from, for the file only.
    pub(crate) fn detail(&mut self, name: &str, value: Value) {
        self.details.insert(name.to_owned(), value);
    }

    /// Prints and writes the table; failure where an aim is missed.
    pub(crate) fn finish(self) -> Result<ExitCode> {
        println!("{:<44} {:>10} {:>12} {:>8} {:>10}", self.name, "ours", "Python", "ratio", "aim");
        for figure in &self.figures {
            let optional =
                |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
            let ratio = figure.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.1}x"));
            let aim = figure
                .at_most
                .map_or_else(|| "-".to_owned(), |aim| format!("<= {}", (aim * 1000.0).round() / 1000.0));
            let missed = if figure.met() { "" } else { "  MISSED" };
            println!(
                "{:<44} {:>10.3} {:>12} {ratio:>8} {aim:>10}{missed}",
                format!("{} ({})", figure.name, figure.unit),
                figure.ours,
                optional(figure.peer),
            );
        }
        let folder = workspace().join(".run/bench");
        std::fs::create_dir_all(&folder).context("make .run/bench")?;
        let file = folder.join(format!("{}.json", self.name));
        std::fs::write(&file, format!("{:#}\n", self.json())).context("write report")?;
        println!("written to {}", file.display());
        Ok(if self.figures.iter().all(Figure::met) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn json(&self) -> Value {
        let figures: Vec<Value> = self
            .figures
            .iter()
            .map(|figure| {
                json!({
                    "name": figure.name, "unit": figure.unit, "ours": figure.ours, "python": figure.peer,
                    "ratio": figure.ratio(), "aim_at_most": figure.at_most, "met": figure.met(),
                })
            })
            .collect();
        json!({ "benchmark": self.name, "cores": std::thread::available_parallelism().map_or(0, usize::from), "figures": figures, "details": self.details })
    }
}

/// The middle of some measurements.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value that a share of some measurements, in order, does not exceed: the nearest rank, so that it was measured.
pub(crate) fn share_below(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
