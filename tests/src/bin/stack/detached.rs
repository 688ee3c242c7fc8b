//! Processes that go on when this program has ended: what runs is written down in files.

use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};
use tests::stack::service::{Service, log};
use tokio::time::sleep;

/// Above the grace of each of our programs for a call that goes on.
const END_LIMIT: Duration = Duration::from_secs(30);

/// The stack whose files are in a folder.
pub(crate) struct Detached {
    pub(crate) folder: PathBuf,
}

impl Detached {
    /// The process of a name while it runs, and is still the program that was started: ids are used again.
    pub(crate) fn pid(&self, name: &str) -> Option<u32> {
        let pid = self.read(name, "pid")?.parse().ok()?;
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        let program = program.to_string_lossy();
        // So it is called after it was built anew.
        let program = program.strip_suffix(" (deleted)").unwrap_or(&program);
        (self.read(name, "exe")? == program).then_some(pid)
    }

    /// The [digest] that it was started with.
    pub(crate) fn settings(&self, name: &str) -> Option<String> {
        self.read(name, "settings")
    }

    /// Starts it in a process group of its own, so that Ctrl-C at a terminal does not reach it.
    pub(crate) fn start(&self, service: &Service, settings: &str) -> Result<()> {
        let program = service.program.canonicalize();
        let program = program.with_context(|| format!("find {}", service.program.display()))?;
        let output = append(&log(&self.folder, service.name))?;
        let mut command = Command::new(&program);
        command.args(&service.arguments).envs(&service.environment).process_group(0).stdin(Stdio::null());
        command.stdout(output.try_clone().context("share the log")?).stderr(output);
        let child = command.spawn().with_context(|| format!("start {}", program.display()))?;
        self.write(service.name, "pid", &child.id().to_string())?;
        self.write(service.name, "exe", &program.to_string_lossy())?;
        self.write(service.name, "settings", settings)
    }

    /// `SIGTERM`, and `SIGKILL` where that does not end it; nothing happens where it does not run.
    pub(crate) async fn stop(&self, name: &str) -> Result<()> {
        let started = Instant::now();
        let mut signal = Some("-TERM");
        while let Some(pid) = self.pid(name) {
            if let Some(signal) = signal.take() {
                // It may end by itself at this moment.
                let mut kill = Command::new("kill");
                kill.args([signal, &pid.to_string()]).stderr(Stdio::null()).status().context("run kill")?;
            } else if started.elapsed() > 2 * END_LIMIT {
                bail!("{name} (pid {pid}) cannot be ended");
            } else if started.elapsed() > END_LIMIT {
                signal = Some("-KILL");
            }
            sleep(Duration::from_millis(50)).await;
        }
        for kind in ["pid", "exe", "settings"] {
            // It may not be there.
            drop(std::fs::remove_file(self.file(name, kind)));
        }
        Ok(())
    }

    fn file(&self, name: &str, kind: &str) -> PathBuf {
        self.folder.join(format!("{name}.{kind}"))
    }

    fn read(&self, name: &str, kind: &str) -> Option<String> {
        Some(std::fs::read_to_string(self.file(name, kind)).ok()?.trim().to_owned())
    }

    fn write(&self, name: &str, kind: &str, text: &str) -> Result<()> {
        let file = self.file(name, kind);
        std::fs::write(&file, format!("{text}\n")).with_context(|| format!("write {}", file.display()))
    }
}

/// All that a program is told, as a digest: there are keys in it.
pub(crate) fn digest(service: &Service) -> String {
    let mut told = String::new();
    let pairs = service.environment.iter().map(|(name, value)| format!("{name}={value}"));
    let files = service.files.iter().map(|(_, content)| content.clone());
    for text in service.arguments.iter().cloned().chain(pairs).chain(files) {
        told.push_str(&text);
        told.push('\0');
    }
    Sha256::digest(told).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A log to write to.
pub(crate) fn append(log: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(log);
    file.with_context(|| format!("open {}", log.display()))
}
