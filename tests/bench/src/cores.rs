//! Which cores programs may use: a server that stands for another machine gets some of its own.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Some of the machine's cores, by their numbers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cores(Vec<usize>);

impl Cores {
    /// Those that this process may use.
    pub(crate) fn of_this_process() -> Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status").context("read /proc/self/status")?;
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        Self::parse(list.context("find the cores")?.trim()).context("read the cores")
    }

    /// Reads a list such as `0-2,5`.
    fn parse(list: &str) -> Option<Self> {
        let mut cores = Vec::new();
        for range in list.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            cores.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
        }
        Some(Self(cores))
    }

    /// Two halves, the first the larger; none of a single core.
    pub(crate) fn halves(&self) -> Option<(Self, Self)> {
        let (first, second) = self.0.split_at(self.0.len().div_ceil(2));
        (!second.is_empty()).then(|| (Self(first.to_vec()), Self(second.to_vec())))
    }

    /// The last one, and the others; none of a single core.
    pub(crate) fn one_and_rest(&self) -> Option<(Self, Self)> {
        let (last, others) = self.0.split_last()?;
        (!others.is_empty()).then(|| (Self(vec![*last]), Self(others.to_vec())))
    }

    /// As `taskset` wants them.
    pub(crate) fn list(&self) -> String {
        self.0.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
    }

    /// Keeps a process, its threads and what they start from now on to these.
    pub(crate) fn keep(&self, pid: u32) -> Result<()> {
        let output = Command::new("taskset")
            .args(["--all-tasks", "--cpu-list", "--pid", &self.list(), &pid.to_string()])
            .output()
            .context("start taskset")?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "taskset: {}", error.trim());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_halved() {
        let cores = Cores::parse("0-2,5").unwrap();
        assert_eq!(cores.halves(), Some((Cores(vec![0, 1]), Cores(vec![2, 5]))));
        assert_eq!(Cores::parse("3").unwrap().halves(), None);
        assert_eq!(cores.one_and_rest(), Some((Cores(vec![5]), Cores(vec![0, 1, 2]))));
        assert_eq!(Cores::parse("3").unwrap().one_and_rest(), None);
        assert_eq!(Cores::parse("0-x"), None);
    }
}
