//! A table of figures with their aims.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use test_servers::workspace;

/// What was measured, by one benchmark.
pub(crate) struct Report {
    name: &'static str,
    /// What ours is measured beside.
    peer: &'static str,
    figures: Vec<Figure>,
    details: Map<String, Value>,
}

struct Figure {
    name: &'static str,
    unit: &'static str,
    ours: f64,
    peer: Option<f64>,
    aim: Option<Aim>,
    /// Whether more is better.
    rises: bool,
}

#[derive(Clone, Copy)]
enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

impl Figure {
    /// A figure that is no number misses every aim.
    fn met(&self) -> bool {
        match self.aim {
            Some(Aim::AtMost(aim)) => self.ours <= aim,
            Some(Aim::AtLeast(aim)) => self.ours >= aim,
            None => true,
        }
    }

    /// How many times better ours is; nothing where both are zero.
    fn ratio(&self) -> Option<f64> {
        let ratio = self.peer.map(|peer| if self.rises { self.ours / peer } else { peer / self.ours });
        ratio.filter(|ratio| !ratio.is_nan())
    }
}

impl Aim {
    fn text(self) -> String {
        let rounded = |aim: f64| (aim * 1000.0).round() / 1000.0;
        match self {
            Self::AtMost(aim) => format!("<= {}", rounded(aim)),
            Self::AtLeast(aim) => format!(">= {}", rounded(aim)),
        }
    }
}

impl Report {
    /// Beside programs in Python.
    pub(crate) fn new(name: &'static str) -> Self {
        Self::beside(name, "Python")
    }

    pub(crate) fn beside(name: &'static str, peer: &'static str) -> Self {
        Self { name, peer, figures: Vec::new(), details: Map::new() }
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
        let aim = at_most.map(Aim::AtMost);
        self.figures.push(Figure { name, unit, ours, peer, aim, rises: false });
    }

    /// Adds a figure; more is better, and `at_least` is the aim.
    pub(crate) fn rising_figure(
        &mut self,
        name: &'static str,
        unit: &'static str,
        ours: f64,
        peer: Option<f64>,
        at_least: Option<f64>,
    ) {
        let aim = at_least.map(Aim::AtLeast);
        self.figures.push(Figure { name, unit, ours, peer, aim, rises: true });
    }

    /// Adds what the figures were computed from, for the file only.
    pub(crate) fn detail(&mut self, name: &str, value: Value) {
        self.details.insert(name.to_owned(), value);
    }

    /// Prints and writes the table; failure where an aim is missed.
    pub(crate) fn finish(self) -> Result<ExitCode> {
        println!("{:<44} {:>10} {:>12} {:>8} {:>10}", self.name, "ours", self.peer, "ratio", "aim");
        for figure in &self.figures {
            let optional =
                |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
            let ratio = figure.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.1}x"));
            let aim = figure.aim.map_or_else(|| "-".to_owned(), Aim::text);
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
                let (at_most, at_least) = match figure.aim {
                    Some(Aim::AtMost(aim)) => (Some(aim), None),
                    Some(Aim::AtLeast(aim)) => (None, Some(aim)),
                    None => (None, None),
                };
                json!({
                    "name": figure.name, "unit": figure.unit, "ours": figure.ours, self.peer.to_lowercase(): figure.peer,
                    "ratio": figure.ratio(), "aim_at_most": at_most, "aim_at_least": at_least,
                    "met": figure.met(),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(ours: f64, aim: Aim, rises: bool) -> Figure {
        Figure { name: "figure", unit: "1", ours, peer: Some(2.0), aim: Some(aim), rises }
    }

    #[test]
    fn an_aim_is_met_from_its_own_side_and_never_by_nothing() {
        assert!(figure(1.0, Aim::AtMost(1.0), false).met() && !figure(1.1, Aim::AtMost(1.0), false).met());
        assert!(figure(1.0, Aim::AtLeast(1.0), true).met() && !figure(0.9, Aim::AtLeast(1.0), true).met());
        assert!(!figure(f64::NAN, Aim::AtMost(1.0), false).met());
        assert!(!figure(f64::NAN, Aim::AtLeast(1.0), true).met());
    }

    #[test]
    fn a_ratio_above_one_is_better_than_the_peer() {
        assert_eq!(figure(1.0, Aim::AtMost(1.0), false).ratio(), Some(2.0));
        assert_eq!(figure(8.0, Aim::AtLeast(1.0), true).ratio(), Some(4.0));
    }
}
