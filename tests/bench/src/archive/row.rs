//! What runs took, each by itself and the middle of those that belong together.

use serde_json::{Value, json};

use super::scenario::{Runner, Scenario};
use crate::machine::Surroundings;
use crate::null_store::{Compared, Counts};
use crate::report::median;
use crate::spent::Spent;

/// What one run of one sink measured.
pub(super) struct Row {
    pub(super) scenario: &'static str,
    pub(super) runner: &'static str,
    pub(super) sessions: u64,
    pub(super) seconds: f64,
    pub(super) spent: Spent,
    pub(super) peak_mb: f64,
    /// Deliveries of messages that were delivered before.
    pub(super) redelivered: u64,
    /// Where the null store was there.
    pub(super) counts: Option<Counts>,
    /// Where our sink has drained the whole stream into the null store.
    pub(super) compared: Option<Compared>,
    pub(super) surroundings: Surroundings,
}

/// In the widths of [`Row::print`].
const HEADER: &str = concat!(
    "                              sessions  each second   CPU us   memory  redelivered  CPU of nats  of store  others\n",
    "                                                        each  MB peak                   us each   us each       %",
);

pub(super) fn print_header() {
    println!("{HEADER}");
}

impl Row {
    fn rate(&self) -> f64 {
        self.sessions as f64 / self.seconds
    }

    /// Microseconds of processor time of a session.
    pub(super) fn cpu_each(&self) -> f64 {
        self.microseconds_each(self.spent.program)
    }

    fn microseconds_each(&self, seconds: f64) -> f64 {
        seconds / self.sessions as f64 * 1e6
    }

    pub(super) fn print(&self) {
        println!(
            "{:<16} {:<12} {:>9} {:>12.0} {:>8.0} {:>8.1} {:>12} {:>12.0} {:>9.0} {:>7.1}{}",
            self.scenario,
            self.runner,
            self.sessions,
            self.rate(),
            self.cpu_each(),
            self.peak_mb,
            self.redelivered,
            self.microseconds_each(self.spent.nats),
            self.microseconds_each(self.spent.store),
            self.surroundings.others,
            self.surroundings.remarks_in_line(),
        );
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "scenario": self.scenario, "runner": self.runner, "sessions": self.sessions, "seconds": self.seconds,
            "sessions_per_second": self.rate(), "cpu_microseconds_each": self.cpu_each(),
            "peak_mb": self.peak_mb, "redelivered": self.redelivered,
            "nats_cpu_microseconds_each": self.microseconds_each(self.spent.nats),
            "store_cpu_microseconds_each": self.microseconds_each(self.spent.store),
            "store": self.counts, "compared": self.compared,
            "others_cpu_percent": self.surroundings.others, "stolen_percent": self.surroundings.stolen,
            "idle_percent": self.surroundings.idle, "remarks": self.surroundings.remarks(),
        })
    }
}

/// Of the runs of one program in one scenario; no number where there are none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Middle {
    pub(super) rate: f64,
    pub(super) cpu: f64,
    /// The most of all runs.
    pub(super) peak_mb: f64,
    /// Sessions that were delivered again, in all runs.
    pub(super) redelivered: f64,
}

impl Middle {
    pub(super) fn of(rows: &[Row], scenario: &str, runner: Runner) -> Self {
        let rows: Vec<&Row> =
            rows.iter().filter(|row| row.scenario == scenario && row.runner == runner.name()).collect();
        Self {
            rate: median(rows.iter().map(|row| row.rate()).collect()),
            cpu: median(rows.iter().map(|row| row.cpu_each()).collect()),
            peak_mb: rows.iter().map(|row| row.peak_mb).fold(f64::NAN, f64::max),
            redelivered: rows.iter().map(|row| row.redelivered as f64).sum(),
        }
    }
}

/// What the archive of a scenario lacked or had too much, in all runs together.
pub(super) fn compared(rows: &[Row], scenario: &str) -> Option<Compared> {
    let all = rows.iter().filter(|row| row.scenario == scenario).filter_map(|row| row.compared);
    all.reduce(|sum, one| Compared {
        lost: sum.lost + one.lost,
        extra: sum.extra + one.extra,
        differing: sum.differing + one.differing,
    })
}

pub(super) fn print_middles(rows: &[Row], scenarios: &[Scenario]) {
    println!("\nmedians                          each second  ours is   CPU us  ours is   memory  ours is");
    for scenario in scenarios {
        let ours = Middle::of(rows, scenario.name, Runner::OURS);
        for &(runner, _) in scenario.runners {
            let middle = Middle::of(rows, scenario.name, runner);
            println!(
                "{:<16} {:<12} {:>15.0} {:>7.1}x {:>8.0} {:>7.1}x {:>8.1} {:>7.1}x",
                scenario.name,
                runner.name(),
                middle.rate,
                ours.rate / middle.rate,
                middle.cpu,
                middle.cpu / ours.cpu,
                middle.peak_mb,
                middle.peak_mb / ours.peak_mb,
            );
        }
    }
    println!();
}
