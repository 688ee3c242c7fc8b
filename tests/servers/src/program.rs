//! A program with its arguments, environment and log, which can be started, ended, and started again as it was.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::process::Process;

/// How a process is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// `SIGTERM`: it may finish.
    Terminate,
    /// `SIGKILL`: it may not.
    Kill,
}

/// What a program is started with, and its process while it runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    program: PathBuf,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    log: PathBuf,
    process: Option<Process>,
}

impl Program {
    /// One that does not run yet. Its output will be appended to `log`.
    pub fn new<'a>(
        program: PathBuf,
        arguments: &[&str],
        environment: impl IntoIterator<Item = (&'a String, &'a String)>,
        log: PathBuf,
    ) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let environment =
            environment.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { program, arguments, environment, log, process: None }
    }

    /// Starts it; nothing happens where it runs.
    pub fn start(&mut self) -> Result<()> {
        if let Some(process) = &mut self.process
            && process.ended()?.is_none()
        {
            return Ok(());
        }
        let log = self.open_log()?;
        let mut command = self.command(&self.arguments);
        command.stdout(log.try_clone()?).stderr(log);
        self.process = Some(Process::start(&mut command)?);
        Ok(())
    }

    /// Its process id while it runs.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// How it ended by itself; `None` while it runs or where it was not started.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.process.as_mut().map_or(Ok(None), Process::ended)
    }

    /// Ends it and waits for its end; `None` where it does not run.
    pub fn stop(&mut self, signal: Signal) -> Result<Option<ExitStatus>> {
        let Some(mut process) = self.process.take() else { return Ok(None) };
        match signal {
            Signal::Terminate => process.terminate(),
            Signal::Kill => {
                process.kill();
                process.wait()
            }
        }
        .map(Some)
        .map_err(|error| Error::new(error.kind(), format!("stop {}: {error}", self.program.display())))
    }

    /// Sends a signal, such as `HUP`; nothing happens where it does not run.
    pub fn signal(&self, name: &str) -> Result<()> {
        self.process.as_ref().map_or(Ok(()), |process| process.signal(name))
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The last lines of it.
    pub fn end_of_log(&self) -> String {
        last_lines(&self.log, 20)
    }

    /// Runs the program to its end with other arguments, and gives what it printed.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let output =
            self.command(arguments).stdout(Stdio::piped()).stderr(self.open_log()?).output().map_err(
                |error| Error::new(error.kind(), format!("run {}: {error}", self.program.display())),
            )?;
        if !output.status.success() {
            let (program, arguments, status) = (self.program.display(), arguments.join(" "), output.status);
            return Err(Error::other(format!("{program} {arguments} ended with {status}:\n{}", self.log())));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn command(&self, arguments: &[impl AsRef<str>]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments.iter().map(AsRef::as_ref)).envs(&self.environment).stdin(Stdio::null());
        command
    }

    fn open_log(&self) -> Result<File> {
        OpenOptions::new().create(true).append(true).open(&self.log)
    }
}

/// The end of a file that may not be there.
pub fn last_lines(file: &Path, count: usize) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
