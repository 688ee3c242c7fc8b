//! Programs as child processes that can be killed, stopped and started again, and that end with their owner.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::environment::Environment;

/// How a process is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// `SIGTERM`: it may finish.
    Terminate,
    /// `SIGKILL`: it may not.
    Kill,
}

/// A program with its arguments, running or not.
#[derive(Debug)]
pub struct Process {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Environment,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// Describes a process; its output goes to `log`.
    pub fn new(program: PathBuf, arguments: &[&str], environment: &Environment, log: PathBuf) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self { program, arguments, environment: environment.clone(), log, child: None }
    }

    /// Starts it; nothing happens where it runs.
    pub fn start(&mut self) -> Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        let log = OpenOptions::new().create(true).append(true).open(&self.log).context("open log")?;
        let child = command(&self.program, &self.arguments, &self.environment, log)?
            .spawn()
            .with_context(|| format!("start {}", self.program.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Its process id while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The last lines of it.
    pub fn end_of_log(&self) -> String {
        const LINES: usize = 20;
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// Ends it and waits for its end, for at most 40 s.
    pub fn stop(&mut self, signal: Signal) -> Result<Option<ExitStatus>> {
        let Some(mut child) = self.child.take() else { return Ok(None) };
        if signal == Signal::Kill {
            child.kill().context("kill")?;
            return Ok(Some(child.wait().context("wait for the killed process")?));
        }
        let sent =
            Command::new("kill").args(["-TERM", &child.id().to_string()]).status().context("send SIGTERM")?;
        let start = Instant::now();
        while sent.success() && start.elapsed() < Duration::from_secs(40) {
            if let Some(status) = child.try_wait().context("wait for the process")? {
                return Ok(Some(status));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().context("kill")?;
        child.wait().context("wait for the killed process")?;
        bail!("{} did not end within 40 s of SIGTERM", self.program.display())
    }

    /// Runs the program to its end with other arguments, and gives what it printed.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let log = OpenOptions::new().create(true).append(true).open(&self.log).context("open log")?;
        let output = command(&self.program, &arguments, &self.environment, log)?
            .stdout(Stdio::piped())
            .output()
            .with_context(|| format!("run {}", self.program.display()))?;
        if !output.status.success() {
            bail!(
                "{} {} ended with {}:\n{}",
                self.program.display(),
                arguments.join(" "),
                output.status,
                self.log()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.stop(Signal::Kill));
    }
}

fn command(program: &Path, arguments: &[String], environment: &Environment, log: File) -> Result<Command> {
    let mut command = Command::new(program);
    command
        .args(arguments.iter().map(OsStr::new))
        .envs(environment.iter())
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("open log")?)
        .stderr(log);
    Ok(command)
}
