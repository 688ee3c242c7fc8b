//! What runs took, each by itself and the middle of those that belong together.

use serde_json::{Value, json};

use super::org::Seen;
use super::scenario::{Runner, Scenario};
use crate::machine::Surroundings;
use crate::report::median;
use crate::spent::Spent;

/// What one run of one sink measured.
pub(super) struct Row {
    pub(super) scenario: &'static str,
    pub(super) runner: &'static str,
    pub(super) payloads: usize,
    /// From the start of the program to the first delivery.
    pub(super) start_seconds: f64,
    /// From then to the last ack.
    pub(super) seconds: f64,
    /// Processor time in these seconds.
    pub(super) spent: Spent,
    pub(super) peak_mb: f64,
    /// Deliveries of messages that were delivered before.
    pub(super) redelivered: u64,
    pub(super) seen: Seen,
    pub(super) surroundings: Surroundings,
}

/// In the widths of [`Row::print`].
const HEADER: [[&str; 10]; 2] = [
    ["API", "tokens", "start", "to all", "each second", "CPU us", "memory", "not", "created", "others"],
    ["calls", "", "s", "written s", "", "each", "MB peak", "written", "", "%"],
];

pub(super) fn print_header() {
    for [calls, tokens, start, all, rate, cpu, memory, not_written, created, others] in HEADER {
        println!(
            "{:<29} {calls:>5} {tokens:>7} {start:>7} {all:>11} {rate:>12} {cpu:>8} {memory:>9} {not_written:>8} \
             {created:>8} {others:>7}",
            ""
        );
    }
}

impl Row {
    fn rate(&self) -> f64 {
        self.payloads as f64 / self.seconds
    }

    fn microseconds_each(&self, seconds: f64) -> f64 {
        seconds / self.payloads as f64 * 1e6
    }

    pub(super) fn print(&self) {
        println!(
            "{:<13} {:<15} {:>5} {:>7} {:>7.2} {:>11.2} {:>12.0} {:>8.0} {:>9.1} {:>8} {:>8} {:>7.1}{}",
            self.scenario,
            self.runner,
            self.seen.api_calls,
            self.seen.tokens,
            self.start_seconds,
            self.start_seconds + self.seconds,
            self.rate(),
            self.microseconds_each(self.spent.program),
            self.peak_mb,
            self.seen.not_written,
            self.seen.created,
            self.surroundings.others,
            self.surroundings.remarks_in_line(),
        );
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "scenario": self.scenario, "runner": self.runner, "payloads": self.payloads,
            "api_calls": self.seen.api_calls, "tokens": self.seen.tokens, "updated": self.seen.updated,
            "created": self.seen.created, "not_written": self.seen.not_written, "redelivered": self.redelivered,
            "start_seconds": self.start_seconds, "drain_seconds": self.seconds, "payloads_per_second": self.rate(),
            "cpu_microseconds_each": self.microseconds_each(self.spent.program), "peak_mb": self.peak_mb,
            "nats_cpu_microseconds_each": self.microseconds_each(self.spent.nats),
            "salesforce_cpu_microseconds_each": self.microseconds_each(self.spent.store),
            "others_cpu_percent": self.surroundings.others, "stolen_percent": self.surroundings.stolen,
            "idle_percent": self.surroundings.idle, "remarks": self.surroundings.remarks(),
        })
    }
}

/// Of the runs of one program in one scenario; no number where there are none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Middle {
    /// The most of all runs.
    pub(super) api_calls: f64,
    /// From the start of the program until all is written.
    pub(super) whole_seconds: f64,
    pub(super) rate: f64,
    pub(super) cpu: f64,
    /// The most of all runs.
    pub(super) peak_mb: f64,
}

impl Middle {
    pub(super) fn of(rows: &[Row], scenario: &str, runner: Runner) -> Self {
        let rows: Vec<&Row> =
            rows.iter().filter(|row| row.scenario == scenario && row.runner == runner.name()).collect();
        let middle = |figure: fn(&Row) -> f64| median(rows.iter().map(|row| figure(row)).collect());
        let most = |figure: fn(&Row) -> f64| rows.iter().map(|row| figure(row)).fold(f64::NAN, f64::max);
        Self {
            api_calls: most(|row| row.seen.api_calls as f64),
            whole_seconds: middle(|row| row.start_seconds + row.seconds),
            rate: middle(Row::rate),
            cpu: middle(|row| row.microseconds_each(row.spent.program)),
            peak_mb: most(|row| row.peak_mb),
        }
    }
}

/// Prints the medians of each sink, beside ours.
pub(super) fn print_middles(rows: &[Row], scenarios: &[Scenario]) {
    println!(
        "\nmedians                       API calls  ours is  each second  ours is   CPU us  ours is   memory  ours is"
    );
    for scenario in scenarios {
        let ours = Middle::of(rows, scenario.name, Runner::Ours);
        for &runner in scenario.runners {
            let middle = Middle::of(rows, scenario.name, runner);
            println!(
                "{:<13} {:<15} {:>9.0} {:>7.1}x {:>12.0} {:>7.1}x {:>8.0} {:>7.1}x {:>8.1} {:>7.1}x",
                scenario.name,
                runner.name(),
                middle.api_calls,
                middle.api_calls / ours.api_calls,
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
