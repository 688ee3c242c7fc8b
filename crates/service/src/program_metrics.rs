//! What every program shows of itself: which one it is, and what its process takes of the machine.

use std::fs;
use std::sync::LazyLock;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, IntGauge, Opts};
use tokio::runtime::Handle;

use crate::file_limit;

/// What the kernel counts time in, on all machines that the programs are built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// `postcall_build_info`, `postcall_tasks`, and `process_…` by the names that Prometheus's own libraries give.
///
/// # Errors
/// The program or the version cannot be a label.
pub fn program_metrics(program: &str, version: &str) -> prometheus::Result<Vec<Box<dyn Collector>>> {
    let build = Opts::new("postcall_build_info", "1; the labels say which program it is, and its version");
    let build = IntGauge::with_opts(build.const_label("program", program).const_label("version", version))?;
    build.set(1);
    Ok(vec![Box::new(build), Box::new(Tasks::new()?), Box::new(ProcessMetrics::new()?)])
}

/// The tasks of the runtime in which it is asked for; outside of one there is nothing to show.
struct Tasks(IntGauge);

impl Tasks {
    fn new() -> prometheus::Result<Self> {
        IntGauge::new("postcall_tasks", "Tasks that have begun and not ended, those that wait included")
            .map(Self)
    }
}

impl Collector for Tasks {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(runtime) = Handle::try_current() else { return Vec::new() };
        self.0.set(i64::try_from(runtime.metrics().num_alive_tasks()).unwrap_or(i64::MAX));
        self.0.collect()
    }
}

/// Read from `/proc` when it is asked for; without it there is nothing to show.
struct ProcessMetrics {
    cpu_seconds: Counter,
    start_time: Gauge,
    resident: IntGauge,
    mapped: IntGauge,
    threads: IntGauge,
    open_files: IntGauge,
    most_files: IntGauge,
}

impl ProcessMetrics {
    fn new() -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str| IntGauge::new(format!("process_{name}"), help);
        Ok(Self {
            cpu_seconds: Counter::new(
                "process_cpu_seconds_total",
                "Processor time that the process has used",
            )?,
            start_time: Gauge::new("process_start_time_seconds", "When the process began, in Unix time")?,
            resident: gauge("resident_memory_bytes", "Memory that the process holds")?,
            mapped: gauge("virtual_memory_bytes", "Addresses that the process has mapped")?,
            threads: gauge("threads", "Threads of the process")?,
            open_files: gauge("open_fds", "Files and sockets that the process has open")?,
            most_files: gauge("max_fds", "As many files and sockets as it may have open")?,
        })
    }

    fn all(&self) -> [&dyn Collector; 7] {
        let [cpu, start]: [&dyn Collector; 2] = [&self.cpu_seconds, &self.start_time];
        [cpu, start, &self.resident, &self.mapped, &self.threads, &self.open_files, &self.most_files]
    }
}

impl Collector for ProcessMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.all().into_iter().flat_map(|metric| metric.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(process) = Process::read() else { return Vec::new() };
        self.cpu_seconds.inc_by((process.cpu_seconds - self.cpu_seconds.get()).max(0.0));
        self.start_time.set(process.start_time);
        self.resident.set(process.resident);
        self.mapped.set(process.mapped);
        self.threads.set(process.threads);
        self.open_files.set(process.open_files);
        self.most_files.set(file_limit::soft().and_then(|most| most.try_into().ok()).unwrap_or(i64::MAX));
        self.all().into_iter().flat_map(|metric| metric.collect()).collect()
    }
}

struct Process {
    cpu_seconds: f64,
    start_time: f64,
    resident: i64,
    mapped: i64,
    threads: i64,
    open_files: i64,
}

impl Process {
    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let (cpu_seconds, since_boot) = times(&stat)?;
        Some(Self {
            cpu_seconds,
            start_time: (*BOOT_TIME)? + since_boot,
            resident: number(&status, "VmRSS:")? * 1024,
            mapped: number(&status, "VmSize:")? * 1024,
            threads: number(&status, "Threads:")?,
            // Without the one by which the folder itself is read.
            open_files: i64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()? - 1,
        })
    }
}

/// When the machine began, in Unix time.
static BOOT_TIME: LazyLock<Option<f64>> =
    LazyLock::new(|| number(&fs::read_to_string("/proc/stat").ok()?, "btime").map(|seconds| seconds as f64));

/// Seconds of processor time, and from the machine's start to the process's. The name before them may have any characters.
fn times(stat: &str) -> Option<(f64, f64)> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    let seconds = |field: usize| Some(fields.get(field)?.parse::<f64>().ok()? / TICKS_PER_SECOND);
    Some((seconds(11)? + seconds(12)?, seconds(19)?))
}

/// The first number of the line that begins with a name.
fn number(text: &str, name: &str) -> Option<i64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    use prometheus::{Registry, TextEncoder};

    use super::*;

    fn shown(registry: &Registry, name: &str) -> f64 {
        let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{name} is not in\n{text}")).parse().unwrap()
    }

    #[test]
    fn a_process_shows_what_it_takes() {
        let registry = Registry::new();
        let metrics = program_metrics("web", "1.2.3").unwrap();
        metrics.into_iter().for_each(|collector| registry.register(collector).unwrap());
        assert_eq!(shown(&registry, r#"postcall_build_info{program="web",version="1.2.3"}"#), 1.0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let started = shown(&registry, "process_start_time_seconds");
        assert!((now - 3_600.0..=now + 2.0).contains(&started), "{started} and now {now}");
        for name in ["resident_memory_bytes", "virtual_memory_bytes", "threads", "open_fds", "max_fds"] {
            assert!(shown(&registry, &format!("process_{name}")) > 0.0, "{name}");
        }
        assert!(shown(&registry, "process_resident_memory_bytes") > 1_000_000.0);
        let before = shown(&registry, "process_cpu_seconds_total");
        let began = Instant::now();
        while shown(&registry, "process_cpu_seconds_total") <= before {
            assert!(began.elapsed() < Duration::from_secs(60), "{before} s of processor time, and no more");
        }
    }

    #[tokio::test]
    async fn tasks_are_counted_until_they_have_ended() {
        let registry = Registry::new();
        let metrics = program_metrics("web", "1.2.3").unwrap();
        metrics.into_iter().for_each(|collector| registry.register(collector).unwrap());
        assert_eq!(shown(&registry, "postcall_tasks"), 0.0);
        let (tx, rx) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(rx);
        assert_eq!(shown(&registry, "postcall_tasks"), 1.0);
        tx.send(()).unwrap();
        task.await.unwrap().unwrap();
        assert_eq!(shown(&registry, "postcall_tasks"), 0.0);
    }

    #[test]
    fn a_name_may_have_brackets_and_spaces() {
        let fields: Vec<_> = (3..=52).map(|field| (field * 100).to_string()).collect();
        let stat = format!("7 (a) b (c) {}", fields.join(" "));
        assert_eq!(times(&stat), Some((14.0 + 15.0, 22.0)));
        assert_eq!(times("7 (a) S 1"), None);
    }
}
