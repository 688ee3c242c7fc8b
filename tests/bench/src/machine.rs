//! Processor time of the whole machine, from `/proc/stat`.

use anyhow::{Context, Result};

/// Other programs' share of a core, and time that the host took from the machine, in percent, from which a row says so.
const DISTURBED_BY_OTHERS: f64 = 15.0;
const DISTURBED_BY_HOST: f64 = 2.0;
/// Idle time of the machine in percent of all cores.
const SATURATED: f64 = 5.0;

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

/// The machine during a row, in percent: others in percent of a core, the rest of all cores.
pub(crate) struct Surroundings {
    /// Programs that are no part of the benchmark.
    pub(crate) others: f64,
    pub(crate) stolen: f64,
    pub(crate) idle: f64,
}

impl Surroundings {
    /// `machine` passed in `seconds`, in which the benchmark's own programs had `accounted` percent of a core.
    pub(crate) fn new(machine: &MachineTime, seconds: f64, accounted: f64) -> Self {
        Self {
            others: (machine.busy / seconds * 100.0 - accounted).max(0.0),
            stolen: machine.stolen / machine.all() * 100.0,
            idle: machine.idle / machine.all() * 100.0,
        }
    }

    pub(crate) fn remarks(&self) -> Vec<&'static str> {
        let disturbed = self.others > DISTURBED_BY_OTHERS || self.stolen > DISTURBED_BY_HOST;
        let remarks = [(disturbed, "DISTURBED"), (self.idle < SATURATED, "SATURATED")];
        remarks.into_iter().filter(|(applies, _)| *applies).map(|(_, remark)| remark).collect()
    }

    pub(crate) fn remarks_in_line(&self) -> String {
        self.remarks().iter().map(|remark| format!("  {remark}")).collect()
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
