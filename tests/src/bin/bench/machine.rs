//! Processor time of the whole machine, from `/proc/stat`.

use anyhow::{Context, Result};

/// Seconds since the start, over all cores.
pub(crate) struct MachineTime {
    /// In programs and in the kernel.
    pub(crate) busy: f64,
    pub(crate) idle: f64,
    /// Taken by the host for other machines.
    pub(crate) stolen: f64,
}

impl MachineTime {
    pub(crate) fn read() -> Result<Self> {
        let stat = std::fs::read_to_string("/proc/stat").context("read /proc/stat")?;
        Self::parse(stat.lines().next().unwrap_or_default()).context("parse /proc/stat")
    }

    /// `cpu  user nice system idle iowait irq softirq steal …`, in ticks of 10 ms.
    fn parse(line: &str) -> Option<Self> {
        let ticks: Vec<f64> =
            line.split_whitespace().skip(1).map(str::parse).collect::<Result<_, _>>().ok()?;
        let [user, nice, system, idle, waiting, interrupts, soft_interrupts, stolen, ..] = ticks[..] else {
            return None;
        };
        Some(Self {
            busy: (user + nice + system + interrupts + soft_interrupts) / 100.0,
            idle: (idle + waiting) / 100.0,
            stolen: stolen / 100.0,
        })
    }

    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            busy: self.busy - earlier.busy,
            idle: self.idle - earlier.idle,
            stolen: self.stolen - earlier.stolen,
        }
    }

    pub(crate) fn all(&self) -> f64 {
        self.busy + self.idle + self.stolen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_time_counts_once() {
        let time = MachineTime::parse("cpu  100 200 300 4000 500 60 70 8 0 0").expect("parse");
        assert_eq!([time.busy, time.idle, time.stolen], [7.3, 45.0, 0.08]);
        assert!(MachineTime::parse("cpu 1 2 3").is_none());
    }
}
