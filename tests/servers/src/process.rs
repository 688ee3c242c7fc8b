//! A program as a child process that ends with its owner.

use std::io::{Error, Result};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// How long a process may take to end after `SIGTERM`: above the grace of each of our programs.
const END_LIMIT: Duration = Duration::from_secs(40);

/// A child process; it is killed when this is dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts it. The error names the program.
    pub fn start(command: &mut Command) -> Result<Self> {
        let started = command.spawn();
        started.map(Self).map_err(|error| {
            Error::new(error.kind(), format!("start {}: {error}", command.get_program().display()))
        })
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Its pipes, of which each can be taken once.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// How it ended; `None` while it runs.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.0.wait()
    }

    /// Sends a signal, such as `TERM` or `STOP`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status()?;
        if sent.success() { Ok(()) } else { Err(Error::other(format!("kill -{name} ended with {sent}"))) }
    }

    /// `SIGTERM`, and how it ended. One that has not ended after 40 s is killed, which is an error.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal("TERM")?;
        let start = Instant::now();
        while start.elapsed() < END_LIMIT {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill();
        Err(Error::other(format!("it did not end within {END_LIMIT:?} of SIGTERM")))
    }

    /// `SIGKILL`; nothing happens where it has ended.
    pub fn kill(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }

    /// Bytes of memory that it holds now, and the most that it held.
    pub fn memory(&self) -> Result<(u64, u64)> {
        let [now, most] = process_status(self.id(), ["VmRSS:", "VmHWM:"])?;
        Ok((now * 1024, most * 1024))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Numbers that the kernel tells of a process, such as `Threads:`; those of memory are KiB.
pub fn process_status<const N: usize>(id: u32, names: [&str; N]) -> Result<[u64; N]> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let mut numbers = [0; N];
    for (number, name) in numbers.iter_mut().zip(names) {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let told = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        *number = told.ok_or_else(|| Error::other(format!("{name} is missing")))?;
    }
    Ok(numbers)
}
