//! A wall clock for some processes that can be set while they run. Timers go on: what measures time does not follow it.

use std::fs::OpenOptions;
use std::io::{Error, Result, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Put before the C library of a process; it is compiled where it is needed.
const SOURCE: &str = include_str!("stepped_clock.c");

/// A clock of its own for each process that is started with its environment.
#[derive(Debug)]
pub struct SteppedClock {
    library: PathBuf,
    /// By how many seconds it is off: eight bytes, which the processes have mapped.
    offset: PathBuf,
}

impl SteppedClock {
    /// Makes one, with its files in a folder. It goes right.
    ///
    /// # Errors
    /// There is no C compiler, or no such folder.
    pub fn new(folder: &Path) -> Result<Self> {
        let (source, library) = (folder.join("stepped_clock.c"), folder.join("stepped_clock.so"));
        std::fs::write(&source, SOURCE)?;
        let arguments = ["-shared", "-fPIC", "-O1", "-o"].map(Path::new);
        let compiled = Command::new("cc").args(arguments).args([&library, &source]).output()?;
        if !compiled.status.success() {
            return Err(Error::other(String::from_utf8_lossy(&compiled.stderr).into_owned()));
        }
        let offset = folder.join("stepped_clock");
        std::fs::write(&offset, 0_i64.to_ne_bytes())?;
        Ok(Self { library, offset })
    }

    /// What a process is started with to go by it.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        [("LD_PRELOAD", text(&self.library)), ("STEPPED_CLOCK_FILE", text(&self.offset))]
    }

    /// Puts it so many seconds ahead of the machine's clock, or behind it.
    pub fn set(&self, seconds: i64) -> Result<()> {
        // In place: a file that is shorter for a moment would end those that have it mapped.
        OpenOptions::new().write(true).open(&self.offset)?.write_all(&seconds.to_ne_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_process_that_runs_sees_each_step() {
        let folder = tempfile::tempdir().expect("make a temporary folder");
        let clock = SteppedClock::new(folder.path()).expect("make a clock");
        let program = "read _; date +%s; read _; date +%s; read _; date +%s";
        let mut command = Command::new("bash");
        command.args(["-c", program]).envs(clock.environment());
        let mut shell =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("start a process");
        let mut said = BufReader::new(shell.stdout.take().expect("its output")).lines();
        let mut input = shell.stdin.take().expect("its input");
        let mut seen = |offset: i64| {
            clock.set(offset).expect("set the clock");
            writeln!(input).expect("tell it to look");
            let line = said.next().expect("a line").expect("a line");
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the time").as_secs();
            line.parse::<i64>().expect("seconds") - i64::try_from(now).expect("seconds")
        };
        for offset in [86_400, -86_400, 0] {
            let seen = seen(offset);
            assert!((offset - 60..=offset).contains(&seen), "{seen} and not {offset}");
        }
        assert!(shell.wait().expect("its end").success());
    }
}
