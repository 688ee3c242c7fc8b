//! What one round of one program measured.

use serde_json::{Value, json};

use super::server::Kind;
use crate::machine::Surroundings;

pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) tokens: usize,
    pub(super) seconds: f64,
    /// Of its one core.
    pub(super) cpu_percent: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) idle_mb: f64,
    /// Since its start.
    pub(super) peak_mb: f64,
    pub(super) surroundings: Surroundings,
}

/// In the widths of [`Row::print`].
pub(super) fn print_header() {
    println!(
        "{:<10} {:>12} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9}",
        "", "each second", "p50 ms", "p99 ms", "% of core", "MB idle", "MB peak", "others %"
    );
}

impl Row {
    pub(super) fn rate(&self) -> f64 {
        self.tokens as f64 / self.seconds
    }

    pub(super) fn print(&self) {
        println!(
            "{:<10} {:>12.0} {:>8.2} {:>8.2} {:>9.0} {:>9.1} {:>9.1} {:>9.1}{}",
            self.kind.name(),
            self.rate(),
            self.p50_ms,
            self.p99_ms,
            self.cpu_percent,
            self.idle_mb,
            self.peak_mb,
            self.surroundings.others,
            self.surroundings.remarks_in_line(),
        );
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "program": self.kind.name(), "tokens": self.tokens, "seconds": self.seconds,
            "tokens_per_second": self.rate(), "p50_ms": self.p50_ms, "p99_ms": self.p99_ms,
            "cpu_percent": self.cpu_percent, "idle_mb": self.idle_mb, "peak_mb": self.peak_mb,
            "others_cpu_percent": self.surroundings.others, "stolen_percent": self.surroundings.stolen,
            "idle_percent": self.surroundings.idle, "remarks": self.surroundings.remarks(),
        })
    }
}
