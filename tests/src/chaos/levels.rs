//! What each process holds while calls come and go. Where nothing leaks it is the same at the end as in the middle: the
//! beginning, in which caches and pools fill, does not count.

use std::collections::BTreeMap;
use std::io::Result;

use serde::Serialize;
use test_servers::process_status;

/// A process may hold so much more at the end than in the middle: allocators give back when they like.
const MEMORY_SHARE: f64 = 0.05;
const MEMORY_BYTES: f64 = 2.0 * 1_048_576.0;
/// The same of open files and threads, of which there are more with every call that goes on.
const COUNT: f64 = 5.0;

/// What a process holds at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    pub(super) memory_bytes: u64,
    pub(super) files: u64,
    pub(super) threads: u64,
}

impl Holding {
    /// Of the process with this id.
    pub(super) fn of(id: u32) -> Result<Self> {
        let [memory, threads] = process_status(id, ["VmRSS:", "Threads:"])?;
        let files = std::fs::read_dir(format!("/proc/{id}/fd"))?.count();
        Ok(Self { memory_bytes: memory * 1024, files: files.try_into().unwrap_or(u64::MAX), threads })
    }
}

/// What was seen of each process, in the order of time.
#[derive(Debug, Default)]
pub struct Levels(BTreeMap<String, Vec<Holding>>);

/// What a process held in the middle third of the time and in the last one, on average.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Level {
    pub process: String,
    pub memory_bytes: [f64; 2],
    pub files: [f64; 2],
    pub threads: [f64; 2],
}

impl Levels {
    pub(super) fn note(&mut self, process: &str, holding: Holding) {
        self.0.entry(process.to_owned()).or_default().push(holding);
    }

    /// A row for each process that was seen in both thirds.
    pub fn rows(&self) -> Vec<Level> {
        let row = |(process, seen): (&String, &Vec<Holding>)| {
            let third = seen.len() / 3;
            let means = |of: fn(&Holding) -> u64| {
                [&seen[third..seen.len() - third], &seen[seen.len() - third..]].map(|part| mean(part, of))
            };
            (third > 0).then(|| Level {
                process: process.clone(),
                memory_bytes: means(|holding| holding.memory_bytes),
                files: means(|holding| holding.files),
                threads: means(|holding| holding.threads),
            })
        };
        self.0.iter().filter_map(row).collect()
    }
}

impl Level {
    /// What of it has grown, in words.
    pub(super) fn grown(&self) -> Vec<String> {
        let [middle, last] = self.memory_bytes;
        let most = (middle * MEMORY_SHARE).max(MEMORY_BYTES);
        let memory = (last - middle > most).then(|| {
            let [middle, last] = self.memory_bytes.map(|bytes| bytes / 1_048_576.0);
            format!("{}: memory went from {middle:.1} to {last:.1} MiB", self.process)
        });
        let count = |what: &str, [middle, last]: [f64; 2]| {
            (last - middle > COUNT)
                .then(|| format!("{}: {what} went from {middle:.0} to {last:.0}", self.process))
        };
        [memory, count("open files", self.files), count("threads", self.threads)]
            .into_iter()
            .flatten()
            .collect()
    }
}

fn mean(seen: &[Holding], of: fn(&Holding) -> u64) -> f64 {
    seen.iter().map(|holding| of(holding) as f64).sum::<f64>() / seen.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thirty looks at a process whose holding is a function of the look's number.
    fn level(holding: fn(u64) -> Holding) -> Level {
        let mut levels = Levels::default();
        (0..30).for_each(|look| levels.note("agent", holding(look)));
        levels.rows().remove(0)
    }

    fn holding(mebibytes: u64, files: u64, threads: u64) -> Holding {
        Holding { memory_bytes: mebibytes * 1_048_576, files, threads }
    }

    #[test]
    fn what_fills_at_the_beginning_and_swings_afterwards_is_level() {
        let level = level(|look| holding(20 + look.min(10) + look % 2, 40 + look % 7, 9));
        assert_eq!(level.grown(), Vec::<String>::new());
        assert!((level.memory_bytes[1] / 1_048_576.0 - 30.5).abs() < 0.01);
    }

    #[test]
    fn what_grows_with_every_call_is_told() {
        assert_eq!(
            level(|look| holding(20 + look, 40, 9)).grown(),
            ["agent: memory went from 34.5 to 44.5 MiB"]
        );
        assert_eq!(
            level(|look| holding(20, 40 + look, 9 + 2 * look)).grown(),
            ["agent: open files went from 54 to 64", "agent: threads went from 38 to 58"]
        );
    }

    #[test]
    fn a_process_that_was_hardly_seen_has_no_row() {
        let mut levels = Levels::default();
        levels.note("agent", holding(1, 1, 1));
        assert_eq!(levels.rows(), []);
    }
}
