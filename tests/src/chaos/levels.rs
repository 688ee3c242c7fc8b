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
/// The same of tasks, of which a call that goes on has some dozens.
const TASKS_SHARE: f64 = 0.1;
const TASKS: f64 = 20.0;

/// What a process holds at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    pub(super) memory_bytes: u64,
    pub(super) files: u64,
    pub(super) threads: u64,
    /// Where it tells of them.
    pub(super) tasks: Option<u64>,
}

impl Holding {
    /// Of the process with this id; `tasks` is what it tells of itself.
    pub(super) fn of(id: u32, tasks: Option<u64>) -> Result<Self> {
        let [memory, threads] = process_status(id, ["VmRSS:", "Threads:"])?;
        let files = std::fs::read_dir(format!("/proc/{id}/fd"))?.count();
        Ok(Self { memory_bytes: memory * 1024, files: files.try_into().unwrap_or(u64::MAX), threads, tasks })
    }
}

/// The tasks of a program of ours, by its metrics; none where it does not answer.
pub(super) async fn tasks(client: &reqwest::Client, address: &str) -> Option<u64> {
    let answer = client.get(format!("http://{address}/metrics")).send().await.ok()?;
    let metrics = answer.text().await.ok()?;
    metrics.lines().find_map(|line| line.strip_prefix("postcall_tasks ")?.parse().ok())
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
    pub tasks: Option<[f64; 2]>,
}

impl Levels {
    pub(super) fn note(&mut self, process: &str, holding: Holding) {
        self.0.entry(process.to_owned()).or_default().push(holding);
    }

    /// A row for each process that was seen in both thirds.
    pub fn rows(&self) -> Vec<Level> {
        let row = |(process, seen): (&String, &Vec<Holding>)| {
            let third = seen.len() / 3;
            let parts = [&seen[third..seen.len() - third], &seen[seen.len() - third..]];
            let means = |of: fn(&Holding) -> u64| parts.map(|part| mean(part.iter().map(of)));
            let [middle, last] = parts.map(|part| part.iter().filter_map(|seen| seen.tasks));
            let tasks = [mean(middle), mean(last)];
            (third > 0).then(|| Level {
                process: process.clone(),
                memory_bytes: means(|holding| holding.memory_bytes),
                files: means(|holding| holding.files),
                threads: means(|holding| holding.threads),
                tasks: tasks.iter().all(|mean| mean.is_finite()).then_some(tasks),
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
        let count = |what: &str, [middle, last]: [f64; 2], most: f64| {
            (last - middle > most)
                .then(|| format!("{}: {what} went from {middle:.0} to {last:.0}", self.process))
        };
        let tasks = self.tasks.and_then(|tasks| count("tasks", tasks, (tasks[0] * TASKS_SHARE).max(TASKS)));
        [memory, count("open files", self.files, COUNT), count("threads", self.threads, COUNT), tasks]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Of no values it is no number.
fn mean(values: impl Iterator<Item = u64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value as f64, count + 1.0));
    sum / count
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
        Holding { memory_bytes: mebibytes * 1_048_576, files, threads, tasks: None }
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
    fn tasks_that_never_end_are_told_where_a_program_tells_of_its_tasks() {
        let with_tasks = |tasks: fn(u64) -> Option<u64>| {
            let mut levels = Levels::default();
            (0..30).for_each(|look| levels.note("web", Holding { tasks: tasks(look), ..holding(20, 40, 9) }));
            levels.rows().remove(0)
        };
        let leaks = with_tasks(|look| Some(30 + 4 * look));
        assert_eq!(leaks.grown(), ["web: tasks went from 88 to 128"]);
        // A look at which it did not answer does not count.
        let level = with_tasks(|look| (look % 3 > 0).then_some(100 + look % 2));
        assert_eq!(level.grown(), Vec::<String>::new());
        assert!(level.tasks.is_some());
        assert_eq!(with_tasks(|_| None).tasks, None);
    }

    #[test]
    fn a_process_that_was_hardly_seen_has_no_row() {
        let mut levels = Levels::default();
        levels.note("agent", holding(1, 1, 1));
        assert_eq!(levels.rows(), []);
    }
}
